"""Damaged, incomplete and hostile checkpoints are refused with an error that names the file; intact ones load."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from streaming_encoder import (
    CheckpointDamagedError,
    CheckpointError,
    CheckpointMismatchError,
    CheckpointMissingError,
    EncoderStream,
    TensorParts,
    load_audio_model,
)
from streaming_encoder.config import AudioConfig
from streaming_encoder.model import AudioModel
from tests.encoder_reference import embedded_model, embedded_weights, small_config

INDEX = "model.safetensors.index.json"
PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def write(directory: Path, parts: dict[str, dict[str, torch.Tensor]]) -> None:
    """A checkpoint as the format says, hashes and all."""
    for part, tensors in parts.items():
        save_file(tensors, directory / part)
    weight_map = {name: part for part, tensors in parts.items() for name in tensors}
    (directory / INDEX).write_text(json.dumps({"metadata": {"sha256": {}}, "weight_map": weight_map}))
    pin(directory)


def pin(directory: Path) -> None:
    """Write the hashes of the parts as they are now: what somebody who can change the index would do."""
    index = json.loads((directory / INDEX).read_text())
    for part in set(index["weight_map"].values()):
        index["metadata"]["sha256"][part] = hashlib.sha256((directory / part).read_bytes()).hexdigest()
    (directory / INDEX).write_text(json.dumps(index))


def edit_index(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    index = json.loads((directory / INDEX).read_text())
    change(index)
    (directory / INDEX).write_text(json.dumps(index))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A small, intact checkpoint in two parts, with a decoder tensor that hearing has no use for."""
    config = small_config()
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    state = {
        name: torch.randn_like(t).half() * 0.1 for name, t in AudioModel(AudioConfig.parse(config)).state_dict().items()
    }
    names = sorted(state)
    first = {name: state[name] for name in names[:9]}
    second = {name: state[name] for name in names[9:]}
    write(tmp_path, {PARTS[0]: first, PARTS[1]: second | {"decoder.norm.weight": torch.ones(8, dtype=torch.int8)}})
    return tmp_path


def test_an_intact_checkpoint_loads_and_hears(checkpoint: Path) -> None:
    model = load_audio_model(checkpoint)
    assert model.width == 8
    assert all(parameter.dtype == torch.float32 and not parameter.requires_grad for parameter in model.parameters())
    stored = load_file(checkpoint / PARTS[0]) | load_file(checkpoint / PARTS[1])
    assert all(torch.equal(tensor, stored[name].float()) for name, tensor in model.state_dict().items())
    stream = EncoderStream(model)
    assert stream.push(np.ones(10_240, np.float32)).shape == (8, 8)


def test_the_embedded_model_loads_every_value() -> None:
    tensors = embedded_model().state_dict()
    assert tensors.keys() == embedded_weights().keys()
    assert all(torch.equal(tensors[name].double(), tensor) for name, tensor in embedded_weights().items())


def test_tensors_are_read_by_name(checkpoint: Path) -> None:
    parts = TensorParts(checkpoint)
    assert "decoder.norm.weight" in parts.names()
    assert parts.names() == sorted(parts.names())
    assert parts.shape("encoder.pos") == (1500, 16)
    assert parts.tensor("decoder.norm.weight", shape=(8,), dtype=torch.int8).sum() == 8
    with pytest.raises(CheckpointMismatchError, match=r"decoder\.nose"):
        parts.tensor("decoder.nose")
    with pytest.raises(CheckpointMismatchError, match="shape"):
        parts.tensor("decoder.norm.weight", shape=(9,))
    with pytest.raises(CheckpointMismatchError, match="dtype"):
        parts.tensor("decoder.norm.weight", dtype=torch.float16)
    assert load_audio_model(parts).width == 8


@pytest.mark.parametrize("where", [0, 9, -1])
@pytest.mark.parametrize("part", PARTS)
def test_one_flipped_bit_is_found(checkpoint: Path, part: str, where: int) -> None:
    raw = bytearray((checkpoint / part).read_bytes())
    raw[where] ^= 1
    (checkpoint / part).write_bytes(raw)
    with pytest.raises(CheckpointDamagedError, match=f"{part}.*sha256"):
        load_audio_model(checkpoint)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
def test_a_truncated_part_is_found_by_its_hash_and_without(checkpoint: Path, keep: int) -> None:
    path = checkpoint / PARTS[1]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointDamagedError, match="sha256"):
        TensorParts(checkpoint)
    pin(checkpoint)
    with pytest.raises(CheckpointDamagedError, match=PARTS[1]):
        TensorParts(checkpoint)


@pytest.mark.parametrize("name", [PARTS[0], INDEX, "config.json"])
def test_a_missing_file_is_named(checkpoint: Path, name: str) -> None:
    (checkpoint / name).unlink()
    with pytest.raises(CheckpointMissingError, match=name):
        load_audio_model(checkpoint)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="nowhere"):
        load_audio_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<Q", 1 << 60) + b"{}",
        struct.pack("<Q", 200 << 20) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"{]",
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        struct.pack("<Q", 9) + b'{"a": 17}',
        struct.pack("<Q", 2) + b"{}",
        pickle.dumps({"encoder.pos": [0.0] * 100}),
        b"PK\3\4" + b"\0" * 100,
    ],
    ids=["huge", "over-limit", "past-end", "list", "not-json", "deep", "entry", "no-tensors", "pickle", "zip"],
)
def test_a_hostile_part_is_refused_even_when_pinned(checkpoint: Path, header: bytes) -> None:
    (checkpoint / PARTS[1]).write_bytes(header)
    pin(checkpoint)
    with pytest.raises(CheckpointError, match=PARTS[1]):
        TensorParts(checkpoint)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [-1], "data_offsets": [0, 2]},
        {"dtype": "F16", "shape": [1], "data_offsets": [0, 2, 3]},
        {"dtype": "F16", "shape": [1], "data_offsets": [0, 1 << 40]},
        {"dtype": "F16", "shape": "1", "data_offsets": [0, 2]},
        {"dtype": "F16", "data_offsets": [0, 2]},
        {"dtype": "F16", "shape": [1 << 40], "data_offsets": [0, 2]},
        {"dtype": "F99", "shape": [1], "data_offsets": [0, 2]},
    ],
)
def test_a_lying_header_entry_is_refused(checkpoint: Path, entry: dict[str, Any]) -> None:
    header = json.dumps({"only": entry}).encode()
    (checkpoint / PARTS[1]).write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0")
    edit_index(checkpoint, lambda index: index.update(weight_map={"only": PARTS[1]}))
    pin(checkpoint)
    with pytest.raises(CheckpointError, match=PARTS[1]):
        TensorParts(checkpoint).tensor("only")


@pytest.mark.parametrize(
    "part", ["weights.bin", "weights.pt", "../x.safetensors", "/x.safetensors", "", 3, "a/b.safetensors"]
)
def test_only_plain_safetensors_names_are_opened(checkpoint: Path, part: object) -> None:
    edit_index(checkpoint, lambda index: index["weight_map"].update({"encoder.pos": part}))
    with pytest.raises(CheckpointDamagedError, match=r"only \*\.safetensors"):
        TensorParts(checkpoint)


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.pop("metadata"),
        lambda index: index["metadata"].pop("sha256"),
        lambda index: index["metadata"]["sha256"].pop(PARTS[0]),
        lambda index: index["metadata"]["sha256"].update({PARTS[0]: "abc"}),
        lambda index: index.pop("weight_map"),
        lambda index: index.update(weight_map={}),
        lambda index: index.update(weight_map=[PARTS[0]]),
    ],
)
def test_an_index_that_does_not_pin_everything_is_refused(
    checkpoint: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    edit_index(checkpoint, change)
    with pytest.raises(CheckpointDamagedError, match=INDEX):
        TensorParts(checkpoint)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_an_index_that_is_no_object_is_refused(checkpoint: Path, text: str) -> None:
    (checkpoint / INDEX).write_text(text)
    with pytest.raises(CheckpointDamagedError, match=INDEX):
        TensorParts(checkpoint)


def test_an_index_and_a_part_that_disagree_are_refused(checkpoint: Path) -> None:
    edit_index(checkpoint, lambda index: index["weight_map"].pop("encoder.pos"))
    with pytest.raises(CheckpointMismatchError, match=r"encoder\.pos"):
        TensorParts(checkpoint)


def _rewrite(directory: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    parts = {part: load_file(directory / part) for part in PARTS}
    for tensors in parts.values():
        change(tensors)
    write(directory, parts)


def test_a_missing_tensor_is_named(checkpoint: Path) -> None:
    _rewrite(checkpoint, lambda tensors: tensors.pop("encoder.ln.bias", None))
    with pytest.raises(CheckpointMismatchError, match=r"encoder\.ln\.bias is missing"):
        load_audio_model(checkpoint)


def test_an_unknown_tensor_is_named(checkpoint: Path) -> None:
    _rewrite(checkpoint, lambda t: t.update({"encoder.extra": torch.ones(1)}) if "encoder.pos" in t else None)
    with pytest.raises(CheckpointMismatchError, match=r"encoder\.extra"):
        load_audio_model(checkpoint)


def _replace(name: str, tensor: torch.Tensor) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda tensors: tensors.update({name: tensor}) if name in tensors else None


def test_a_wrong_shape_is_refused(checkpoint: Path) -> None:
    _rewrite(checkpoint, _replace("adapter.fc1.bias", torch.ones(33)))
    with pytest.raises(CheckpointMismatchError, match=r"adapter\.fc1\.bias.*\(33,\).*\(32,\)"):
        load_audio_model(checkpoint)


def test_integer_weights_are_refused(checkpoint: Path) -> None:
    _rewrite(checkpoint, _replace("adapter.fc1.bias", torch.ones(32, dtype=torch.int8)))
    with pytest.raises(CheckpointMismatchError, match="int8"):
        load_audio_model(checkpoint)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused(checkpoint: Path, value: float) -> None:
    _rewrite(checkpoint, _replace("adapter.fc1.bias", torch.full((32,), value)))
    with pytest.raises(CheckpointDamagedError, match=r"adapter\.fc1\.bias"):
        load_audio_model(checkpoint)


def test_a_configuration_for_other_dimensions_is_refused(checkpoint: Path) -> None:
    config = small_config()
    config["encoder"]["ffn"] = 64
    (checkpoint / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointMismatchError, match="shape"):
        load_audio_model(checkpoint)
