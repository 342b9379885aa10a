"""A made-up Whisper in a CTranslate2 file: random weights, small, for the tests of training."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_TYPES = {
    np.dtype(np.float32): 0,
    np.dtype(np.int8): 1,
    np.dtype(np.int16): 2,
    np.dtype(np.int32): 3,
    np.dtype(np.float16): 4,
}


def write_ctranslate2(
    path: Path, tensors: dict[str, np.ndarray], aliases: dict[str, str] | None = None, version: int = 6
) -> None:
    """The file format as CTranslate2 5 and 6 write it, revision 3."""
    parts = [struct.pack("<I", version), _name("WhisperSpec"), struct.pack("<II", 3, len(tensors))]
    for name, values in tensors.items():
        parts += [_name(name), struct.pack("<B", values.ndim), struct.pack(f"<{values.ndim}I", *values.shape)]
        parts += [struct.pack("<BI", _TYPES[values.dtype], values.nbytes), values.tobytes()]
    parts.append(struct.pack("<I", len(aliases or {})))
    for alias, name in (aliases or {}).items():
        parts += [_name(alias), _name(name)]
    path.write_bytes(b"".join(parts))


def _name(name: str) -> bytes:
    raw = name.encode() + b"\0"
    return struct.pack("<H", len(raw)) + raw


def random_whisper(width: int = 64, layers: int = 2, ffn: int = 96, seed: int = 0) -> dict[str, np.ndarray]:
    """An encoder's tensors under CTranslate2's names, float16, and one of the decoder's that nobody asks for."""
    random = np.random.default_rng(seed)

    def matrix(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * np.prod(shape[1:]) ** -0.5).astype(np.float16)

    def vector(length: int) -> np.ndarray:
        return (0.1 * random.standard_normal(length)).astype(np.float16)

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}/gamma": (1 + vector(width)).astype(np.float16), f"{name}/beta": vector(width)}

    found = {
        "encoder/conv1/weight": matrix(width, 80, 3), "encoder/conv1/bias": vector(width),
        "encoder/conv2/weight": matrix(width, width, 3), "encoder/conv2/bias": vector(width),
        "encoder/position_encodings/encodings": matrix(1500, width),
        "decoder/embeddings/weight": matrix(8, width),
    } | norm("encoder/layer_norm")  # fmt: skip
    for index in range(layers):
        at = f"encoder/layer_{index}"
        found |= norm(f"{at}/self_attention/layer_norm") | norm(f"{at}/ffn/layer_norm")
        for name, rows, columns in (
            ("self_attention/linear_0", 3 * width, width), ("self_attention/linear_1", width, width),
            ("ffn/linear_0", ffn, width), ("ffn/linear_1", width, ffn),
        ):  # fmt: skip
            found |= {f"{at}/{name}/weight": matrix(rows, columns), f"{at}/{name}/bias": vector(rows)}
    return found
