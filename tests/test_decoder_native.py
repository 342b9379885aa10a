"""The compiled step: kernels against plain arithmetic, the network against torch's operators, and when it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
import torch
from numba import njit
from numba.core import config

from realtime.decoder.checkpoint import load_weights, native_available
from realtime.decoder.decoder import Decoder
from realtime.decoder.linear import Matrix
from realtime.decoder.model import Network
from realtime.decoder.native import attention, multiply, step
from realtime.decoder.native import rows as row_kernels
from realtime.decoder.native.host import KIND_VARIABLE, kind_of_host, use_cache
from realtime.decoder.native.matrix import NativeMatrix
from realtime.decoder.native.network import NativeNetwork
from realtime.decoder.native.products import (
    KINDS,
    LEVELS,
    MOST_ROWS,
    VECTORS,
    Kind,
    pack,
    product,
    product_parts,
    unpacked,
)
from realtime.decoder.native.vectors import LANES
from realtime.decoder.shape import DecoderShape
from tests.decoder_tiny import embedded_tokenizer, run_alone, section, source, tiny_decoder

pytestmark = pytest.mark.skipif(kind_of_host() is None, reason="this CPU runs none of the compiled kernels")

FEATURES = dict(llvm.get_host_cpu_features())
RANDOM = np.random.default_rng(5)


def int8_matrix(outputs: int, inputs: int) -> tuple[np.ndarray, np.ndarray]:
    weight = RANDOM.integers(-LEVELS, LEVELS + 1, (outputs, inputs), dtype=np.int8)
    return weight, RANDOM.random(outputs, np.float32)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.runs_on(FEATURES)], ids=lambda kind: kind.name)
@pytest.mark.parametrize("rows", range(1, MOST_ROWS + 1))
def test_products_are_exact_on_every_kind_of_cpu(kind: Kind, rows: int) -> None:
    kernel = product(kind, rows)

    @njit
    def run(block: int, inputs: int, x: int, stride: int, s: int, t: int, out: int, out_stride: int, add: int) -> None:
        kernel(block, inputs, x, stride, s, t, out, out_stride, add, block)

    inputs, outputs = 96, kind.outputs - 3
    weight, scale = int8_matrix(outputs, inputs)
    levels = RANDOM.integers(-LEVELS, LEVELS + 1, (rows, inputs)).astype(kind.activation)
    levels[0], weight[0], weight[1] = LEVELS, LEVELS, -LEVELS  # the largest sums there are
    row_scale = RANDOM.random(rows, np.float32)
    sums = levels.sum(axis=1, dtype=np.int32)
    blocks = pack(weight, scale, kind)
    assert blocks.nbytes == kind.block_bytes(inputs)
    y = np.full((rows, kind.outputs), np.nan, np.float32)
    exact = (levels.astype(np.int64) @ weight.astype(np.int64).T).astype(np.float32)
    expected = exact * scale * row_scale[:, None]
    for add, wanted in ((0, expected), (1, expected + expected)):
        run(
            blocks.ctypes.data, inputs, levels.ctypes.data, levels.strides[0], row_scale.ctypes.data,
            sums.ctypes.data, y.ctypes.data, y.strides[0], add,
        )  # fmt: skip
        assert np.array_equal(y[:, :outputs], wanted)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_rows_come_out_of_a_packed_matrix_as_they_went_in(kind: Kind) -> None:
    random = np.random.default_rng(0)
    weight = random.integers(-127, 128, (200, 48)).astype(np.int8)
    scale = random.random(200).astype(np.float32)
    wanted = np.array([0, 199, 63, 64, 63, 17])
    rows, scales = unpacked(pack(weight, scale, kind), 48, wanted, kind)
    assert (rows == weight[wanted]).all()
    assert (scales == scale[wanted]).all()


@pytest.mark.parametrize("queries", range(1, attention.MOST_QUERIES + 1))
def test_attention_has_the_same_bits_whatever_the_registers_hold_at_once(queries: int) -> None:
    """Few registers, many, and more than there are; beside plain arithmetic."""
    head_dim, length, units = 64, 150, 12  # of which 10 are read
    keys = RANDOM.standard_normal((units, head_dim, attention.UNIT)).astype(np.float32)
    values = RANDOM.standard_normal((units, attention.UNIT, head_dim)).astype(np.float32)
    values[-2:] = keys[-2:] = np.nan
    cache = np.concatenate([keys.reshape(units, -1), values.reshape(units, -1)], axis=1)
    table = np.arange(10)[::-1].copy()
    q = RANDOM.standard_normal((queries, head_dim)).astype(np.float32)
    found = [_attended(queries, registers, q, cache, table, length) for registers in (8, 16, 32)]
    assert all(np.array_equal(found[0], other) for other in found)
    listened = np.concatenate([q @ keys[unit] for unit in table], axis=1)[:, :length].astype(np.float64)
    weights = np.exp(listened - listened.max(1, keepdims=True))
    expected = weights @ np.concatenate(values[table])[:length] / weights.sum(1, keepdims=True)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)


def _attended(
    queries: int, registers: int, q: np.ndarray, cache: np.ndarray, table: np.ndarray, length: int
) -> np.ndarray:
    """float32 [queries, head_dim], all over `length` positions."""
    head_dim, unit_bytes = q.shape[1], cache.strides[0]
    scores_of, mixed_of = attention.scores(registers)[queries - 1], attention.mixed(registers)[queries - 1]
    soften, filled = attention.soften, len(table) * attention.UNIT
    values_at = cache.ctypes.data + head_dim * attention.UNIT * 4

    @njit
    def run(
        q: int, table: int, units: int, keys: int, values: int, scores: int, stride: int, sums: int, out: int
    ) -> None:
        scores_of(q, head_dim, table, units, keys, unit_bytes, scores, stride)
        for query in range(queries):
            soften(scores + query * stride, length, filled, sums + query * 4)
        mixed_of(scores, stride, table, length, values, unit_bytes, head_dim, sums, out)

    scores = np.empty((queries, 4 * attention.UNIT * len(table)), np.float32)
    sums, out = np.empty(queries, np.float32), np.full((queries, head_dim), np.nan, np.float32)
    run(
        q.ctypes.data, table.ctypes.data, len(table), cache.ctypes.data, values_at, scores.ctypes.data,
        scores.strides[0], sums.ctypes.data, out.ctypes.data,
    )  # fmt: skip
    return out


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_summed_at_once_fits_the_registers(kind: Kind) -> None:
    """What does not is written to memory and read again at every step: a third to three times slower."""
    for rows in range(1, MOST_ROWS + 1):
        parts = product_parts(kind, rows)
        assert [vector for part in parts for vector in part] == list(range(VECTORS))
        assert all(rows * len(part) + len(part) < kind.registers for part in parts)
    floats = kind.registers * kind.lanes // LANES
    for queries in range(1, attention.MOST_QUERIES + 1):
        read = attention.parts(queries, attention.SCORED_UNITS, floats)
        assert [unit for part in read for unit in part] == list(range(attention.SCORED_UNITS))
        assert all(queries * len(part) < floats for part in read)


@pytest.mark.parametrize("rows", [1, 7])
def test_a_matrix_alone_multiplies_and_says_what_it_holds(rows: int) -> None:
    weight, scale = int8_matrix(200, 48)
    whole = Matrix(torch.from_numpy(weight), torch.from_numpy(scale))
    matrix = NativeMatrix(whole)
    ids = torch.tensor([0, 199, 63, 64])
    assert torch.equal(matrix.rows(ids), whole.dense()[ids])
    x = torch.from_numpy(RANDOM.standard_normal((rows, 48)).astype(np.float32))
    y = matrix(x)
    error = (y - x @ whole.dense().T).abs() / (x.abs().amax(1, keepdim=True) * whole.dense().abs().sum(1))
    assert y.shape == (rows, 200) and error.max() < 0.5 / LEVELS
    assert torch.equal(matrix(x[-1:])[0], y[-1])  # whatever rows are beside it


def test_exponential() -> None:
    @njit
    def run(x: int, length: int, out: int) -> None:
        row_kernels.exp_row(x, length, out)

    x = np.concatenate([np.linspace(-87, 88, 1 << 16), [-1e30, 1e30, np.nan, 0.0] * 4]).astype(np.float32)
    y = np.empty_like(x)
    run(x.ctypes.data, len(x), y.ctypes.data)
    inside = x[: 1 << 16].astype(np.float64)
    assert np.abs(y[: 1 << 16] / np.exp(inside) - 1).max() < 2e-7
    below, above, nothing, zero = y[-4:]
    assert 0 <= below < 2e-38 and 1e38 < above < np.inf and np.isnan(nothing) and zero == 1


def test_rows_between_products() -> None:
    """Norm, quantisation and gate, on a row and on a row of zeros."""
    length = 160
    weight, eps = RANDOM.random(length, np.float32), np.array([1e-5], np.float32)
    normed, gated = np.empty(length, np.float32), np.empty(length, np.float32)
    levels, scale, total = np.empty(length, multiply.KIND.activation), np.empty(1, np.float32), np.empty(1, np.int32)

    @njit
    def run(x: int, w: int, n: int, e: int, normed: int, levels: int, scale: int, total: int, gated: int) -> None:
        row_kernels.norm_row(x, w, n, e, normed)
        step._quantise(normed, n, levels, scale, total)
        row_kernels.gate_row(x, normed, n, gated)

    for x in (RANDOM.standard_normal(length).astype(np.float32) * 30, np.zeros(length, np.float32)):
        run(*(a.ctypes.data for a in (x, weight)), length, *(
            a.ctypes.data for a in (eps, normed, levels, scale, total, gated)
        ))  # fmt: skip
        wide = x.astype(np.float64)
        expected = wide * weight / np.sqrt((wide**2).mean() + 1e-5)
        np.testing.assert_allclose(normed, expected, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(gated, wide / (1 + np.exp(-wide)) * expected, rtol=1e-5, atol=1e-12)
        assert total[0] == levels.sum()
        assert np.abs(levels).max() == (LEVELS if x.any() else 0)
        assert np.abs(levels * scale[0] - normed).max() <= scale[0] * 0.501


@pytest.mark.parametrize("kind", ["llama", "qwen"])
@pytest.mark.parametrize("length", [1, 40, 150])
def test_the_compiled_network_is_the_network(kind: str, length: int) -> None:
    """Both quantise alike, so they differ by the rounding of floats, and now and then by one level of one number."""
    shape = DecoderShape.from_config(section(kind))
    networks = [load_weights(source(kind), shape, exact=False, native=native) for native in (True, False)]
    assert [type(weights.network) for weights in networks] == [NativeNetwork, Network]
    tokens = [int(token) for token in np.random.default_rng(length).integers(20, 100, length)]
    ours, theirs = (run_alone(Decoder(weights, embedded_tokenizer(), kv_tokens=512), tokens) for weights in networks)
    exact = run_alone(tiny_decoder(kind), tokens)
    spread = (theirs - exact).abs().max()
    assert (ours - exact).abs().max() < 2 * spread
    if kind_of_host() is not KINDS[-1]:  # without VNNI torch's activations have a bit less
        assert (ours - theirs).abs().max() < spread


@pytest.mark.skipif(not KINDS[-1].runs_on(FEATURES), reason="this CPU has no AVX2")
def test_every_kind_of_cpu_computes_the_same_bits() -> None:
    """The oldest kind, in a process of its own, beside the best one here."""
    code = (
        "import sys\n"
        "from tests.decoder_tiny import run_alone, tiny_decoder\n"
        "sys.stdout.buffer.write(run_alone(tiny_decoder(exact=False), [20, 30, 40] * 9).numpy().tobytes())\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {KIND_VARIABLE: "avx2"}
    )
    ours = run_alone(tiny_decoder(exact=False), [20, 30, 40] * 9)
    assert found.stdout == ours.numpy().tobytes()


def test_other_shapes_and_cpus_take_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = DecoderShape.from_config(section("llama"))
    assert native_available(shape)
    assert not native_available(DecoderShape.from_config(section("llama", intermediate_size=168)))
    monkeypatch.setenv(KIND_VARIABLE, "torch")
    assert kind_of_host() is None
    assert isinstance(load_weights(source("llama"), shape, exact=False).network, Network)
    monkeypatch.setenv(KIND_VARIABLE, "avx2")
    assert (kind_of_host() is None) == (not KINDS[-1].runs_on(FEATURES))


def test_half_precision_keys_take_torch() -> None:
    shape = DecoderShape.from_config(section("llama"))
    assert isinstance(load_weights(source("llama"), shape, exact=False, kv_dtype=torch.bfloat16).network, Network)


def test_compiled_code_is_kept_per_version_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    untyped: Any = config
    monkeypatch.setattr(untyped, "CACHE_DIR", untyped.CACHE_DIR)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert use_cache(KINDS[0]) and use_cache(KINDS[1])
    kept = sorted((tmp_path / "forethought").iterdir())
    assert len(kept) == 2  # one for each kind
    assert Path(untyped.CACHE_DIR) in kept
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert not use_cache(KINDS[0])  # compiled in every process instead
