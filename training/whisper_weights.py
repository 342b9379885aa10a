"""Whisper's weights out of a CTranslate2 model file: a plain list of named tensors. It knows no network.

The file (CTranslate2, `model_spec.py`): version, specification name, revision, then each variable as name, rank,
dimensions, type, length and bytes, then aliases. All numbers are little-endian; names are counted and end in a NUL.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch

_SUPPORTED_VERSION = 6
_DTYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_MAX_NAME = 512


class WhisperWeightsError(ValueError):
    """The file is no CTranslate2 model that this reader knows."""


def read_ctranslate2(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of the file at `path` by its name there, in its stored type. Raises WhisperWeightsError."""
    raw = path.read_bytes()
    try:
        return _Reader(raw).tensors()
    except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise WhisperWeightsError(f"{path} is no CTranslate2 model this reader knows: {error}") from error


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def tensors(self) -> dict[str, torch.Tensor]:
        version = self._number("<I")
        if not 1 <= version <= _SUPPORTED_VERSION:
            raise ValueError(f"its version is {version}")
        self._name()
        self._number("<I")
        found: dict[str, torch.Tensor] = {}
        for _ in range(self._number("<I")):
            name = self._name()
            shape = [self._number("<I") for _ in range(self._number("<B"))]
            dtype = _DTYPES[self._number("<B")]
            length = self._number("<I")
            values = np.frombuffer(self._raw, dtype, length // np.dtype(dtype).itemsize, self._at).reshape(shape)
            self._at += length
            found[name] = torch.from_numpy(values.copy())
        for _ in range(self._number("<I")):
            alias, name = self._name(), self._name()
            found[alias] = found[name]
        return found

    def _number(self, form: str) -> int:
        value: int = struct.unpack_from(form, self._raw, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def _name(self) -> str:
        length = self._number("<H")
        if length > _MAX_NAME:
            raise ValueError(f"a name of {length} bytes")
        name = self._raw[self._at : self._at + length].rstrip(b"\0").decode()
        self._at += length
        return name


def encoder_tensors(whisper: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Whisper's encoder under the names of this project's checkpoints (`encoder.*`), float32."""
    parts = {
        "encoder.conv1": "encoder/conv1", "encoder.conv2": "encoder/conv2", "encoder.ln": "encoder/layer_norm",
    }  # fmt: skip
    layer = {
        "ln1": "self_attention/layer_norm", "qkv": "self_attention/linear_0", "o": "self_attention/linear_1",
        "ln2": "ffn/layer_norm", "fc1": "ffn/linear_0", "fc2": "ffn/linear_1",
    }  # fmt: skip
    index = 0
    while f"encoder/layer_{index}/ffn/linear_0/weight" in whisper:
        parts |= {f"encoder.layers.{index}.{ours}": f"encoder/layer_{index}/{theirs}" for ours, theirs in layer.items()}
        index += 1
    out = {"encoder.pos": whisper["encoder/position_encodings/encodings"].float()}
    for ours, theirs in parts.items():
        norm = theirs.endswith("layer_norm")
        out[f"{ours}.weight"] = whisper[f"{theirs}/{'gamma' if norm else 'weight'}"].float()
        out[f"{ours}.bias"] = whisper[f"{theirs}/{'beta' if norm else 'bias'}"].float()
    return out
