"""Checkpoints that cannot be used say why; linear layers agree with each other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from realtime.decoder import linear
from realtime.decoder.checkpoint import load_weights
from realtime.decoder.decoder import Decoder
from realtime.decoder.linear import DenseLinear, Int8Linear, Matrix, int8_available, stack
from realtime.decoder.model import Network
from realtime.decoder.shape import DecoderShape
from realtime.errors import CheckpointError, ConfigurationError
from streaming_encoder.checkpoint import TensorParts
from tests.decoder_tiny import EMBEDDED_MODEL, VOCAB, section, source, tiny_decoder

PARAMETERS_OF_EMBEDDED_DECODER = 134_515_008


def test_missing_and_misshapen_tensors_are_named() -> None:
    shape = DecoderShape.from_config(section("llama"))
    tensors = source("llama")
    del tensors.tensors["decoder.layers.1.k.weight"]
    with pytest.raises(CheckpointError, match=r"no tensor decoder\.layers\.1\.k\.weight"):
        load_weights(tensors, shape, exact=True)
    tensors = source("llama")
    tensors.tensors["decoder.norm.weight"] = torch.ones(3)
    with pytest.raises(CheckpointError, match=r"decoder\.norm\.weight has shape"):
        load_weights(tensors, shape, exact=True)
    tensors = source("llama")
    tensors.tensors["decoder.embed.weight"] = torch.zeros(VOCAB, 96, dtype=torch.int32)
    with pytest.raises(CheckpointError, match="int32"):
        load_weights(tensors, shape, exact=True)


@pytest.mark.parametrize(
    "change", [{"rope": "interleaved"}, {"kv_heads": 4}, {"head_dim": 63}, {"layers": "many"}, {"vocab_size": None}]
)
def test_a_config_that_describes_no_decoder_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="section decoder"):
        DecoderShape.from_config(section("llama", **change))


def test_damaged_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        Decoder.load(tmp_path)
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(EMBEDDED_MODEL / name, tmp_path)
    with pytest.raises(CheckpointError, match="index"):
        Decoder.load(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="sections"):
        Decoder.load(tmp_path)


@pytest.mark.parametrize("kwargs", [{"block_tokens": 24}, {"block_tokens": 256}, {"kv_tokens": 8}])
def test_sizes_that_cannot_work_are_refused(kwargs: dict[str, int]) -> None:
    decoder = tiny_decoder()
    with pytest.raises(ConfigurationError):
        Decoder(decoder._runner._weights, decoder.tokenizer, **({"kv_tokens": 1024} | kwargs))


@pytest.fixture
def matrix() -> Matrix:
    generator = torch.Generator().manual_seed(1)
    return Matrix(torch.randn(96, 64, generator=generator), None, torch.randn(96, generator=generator))


@pytest.mark.skipif(not int8_available(), reason="this torch has no fbgemm")
@pytest.mark.parametrize("vnni", [True, False])
def test_int8_is_close_to_dense_and_does_not_saturate(
    matrix: Matrix, vnni: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if vnni and not linear._has_vnni():
        pytest.skip("this processor has no instruction for eight bits: their sums saturate")
    monkeypatch.setattr(linear, "_has_vnni", lambda: vnni)
    x = torch.randn(9, 64, generator=torch.Generator().manual_seed(2))
    x[3] = 0
    x[4] *= 1e6
    dense = DenseLinear(matrix)(x)
    found = Int8Linear(matrix)(x)
    assert matrix.bias is not None
    assert torch.equal(found[3], matrix.bias)
    error = (found - dense).norm(dim=1) / dense.norm(dim=1)
    assert error.max() < (0.02 if vnni else 0.03)
    ones = Matrix(torch.full((32, 64), 127, dtype=torch.int8), torch.full((32,), 1 / 127))
    assert torch.allclose(Int8Linear(ones)(torch.ones(1, 64)), torch.full((1, 32), 64.0), rtol=1e-4)


def test_stacked_matrices_give_the_outputs_side_by_side(matrix: Matrix) -> None:
    x = torch.randn(3, 64, generator=torch.Generator().manual_seed(2))
    for kind in (DenseLinear, Int8Linear) if int8_available() else (DenseLinear,):
        one = kind(matrix.quantised())(x)
        both = kind(stack([matrix.quantised(), matrix.quantised()]))(x)
        assert torch.equal(both, torch.cat([one, one], dim=1))


def test_without_the_int8_operator_the_dense_path_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> object:
        raise RuntimeError("this torch has no fbgemm")

    monkeypatch.setattr(linear, "_pack", missing)
    assert not int8_available()
    weights = load_weights(source("llama"), DecoderShape.from_config(section("llama")), exact=False, native=False)
    assert isinstance(weights.network, Network)
    assert isinstance(weights.network._head, DenseLinear)


def test_parameters_are_counted() -> None:
    config = json.loads((EMBEDDED_MODEL / "config.json").read_text())
    shape = DecoderShape.from_config(config["decoder"])
    assert load_weights(TensorParts(EMBEDDED_MODEL), shape, exact=False).parameters == PARAMETERS_OF_EMBEDDED_DECODER
