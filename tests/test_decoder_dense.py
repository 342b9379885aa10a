"""Float32 products: exact, and a row's bits whatever is beside it, whoever computes it, whatever the registers hold."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
import pytest
import torch
from numba import njit

from realtime.decoder.native import sharing
from realtime.decoder.native.assistant import Assistant, assistant
from realtime.decoder.native.dense import NativeDense
from realtime.decoder.native.dense_products import dense_outputs, dense_product, pack_dense
from realtime.decoder.native.host import kind_of_host
from realtime.decoder.native.products import KINDS, MOST_ROWS, Kind
from tests.test_decoder_sharing import Board, take_a_tile

pytestmark = pytest.mark.skipif(kind_of_host() is None, reason="this CPU runs none of the compiled kernels")
shared = pytest.mark.skipif(assistant() is None, reason="there is no second core, or no SCHED_IDLE")

LIMIT_S = 60.0
RANDOM = np.random.default_rng(7)


def normal(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RANDOM.standard_normal(shape).astype(np.float32))


def dense(outputs: int, inputs: int, helper: object = None) -> tuple[NativeDense, torch.Tensor, torch.Tensor]:
    weight, bias = normal(outputs, inputs), normal(outputs)
    return NativeDense(weight, bias, cast(Assistant | None, helper)), weight, bias


@pytest.mark.parametrize("rows", [1, 5, 6, 7, 20, 48])
@pytest.mark.parametrize(("outputs", "inputs"), [(384, 1536), (1152, 384), (33, 799), (1, 1)])
def test_a_product_is_the_sum_and_a_row_depends_on_no_other(rows: int, outputs: int, inputs: int) -> None:
    product, weight, bias = dense(outputs, inputs)
    x = normal(rows, inputs)
    y = product(x)
    exact = x.double() @ weight.double().T + bias.double()
    size = x.double().abs() @ weight.double().abs().T + bias.double().abs()
    assert y.shape == (rows, outputs)
    assert ((y - exact).abs() / size).max() < 1e-6
    assert ((y - exact).abs().max() / exact.abs().max()) < 1e-5
    assert all(torch.equal(product(x[row : row + 1])[0], y[row]) for row in range(rows))
    assert torch.equal(product(x[: rows // 2 + 1]), y[: rows // 2 + 1])


def test_rows_need_not_lie_side_by_side() -> None:
    product, *_ = dense(48, 32)
    x = normal(32, 10)
    assert torch.equal(product(x.T), product(x.T.contiguous()))
    assert torch.equal(product(x.T[::3]), product(x.T)[::3])


def test_the_weights_are_held_once_and_counted() -> None:
    product, weight, bias = dense(64, 40)
    assert sum(held.numel() for held in product.parameters()) == weight.numel() + bias.numel()
    assert product.packed.data_ptr() % 64 == 0


def _computed(kind: Kind, rows: int, weight: np.ndarray, bias: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The first block of a matrix, float32 [rows, outputs of `kind`]."""
    kernel = dense_product(kind, rows)

    @njit
    def run(block: int, inputs: int, x: int, stride: int, out: int, out_stride: int) -> None:
        kernel(block, inputs, x, stride, out, out_stride, block, 0)

    block = pack_dense(weight, bias, kind)[0].copy()
    out = np.full((rows, dense_outputs(kind)), np.nan, np.float32)
    run(block.ctypes.data, x.shape[1], x.ctypes.data, x.strides[0], out.ctypes.data, out.strides[0])
    return out


@pytest.mark.parametrize("rows", [1, MOST_ROWS])
def test_every_width_of_registers_computes_the_same_bits(rows: int) -> None:
    """LLVM makes two of a register that this CPU does not have."""
    weight, bias, x = (array.numpy() for array in (normal(32, 75), normal(32), normal(rows, 75)))
    found = [_computed(kind, rows, weight, bias, x)[:, :16] for kind in KINDS]
    assert all(np.array_equal(found[0], other) for other in found)
    np.testing.assert_allclose(found[0], x @ weight[:16].T + bias[:16], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_is_summed_at_once_fits_the_registers(kind: Kind) -> None:
    vectors = dense_outputs(kind) // kind.lanes
    assert MOST_ROWS * vectors + vectors + 1 <= kind.registers


class Lender(Board):
    """A board of our own, for a matrix: what a late tile would read and write is in `left`."""

    left: tuple[np.ndarray, ...] = ()

    def leave(self, *memory: np.ndarray) -> None:
        self.left = memory


@shared
def test_an_assistant_takes_tiles_and_changes_no_bit() -> None:
    board = Lender()
    helper = threading.Thread(target=sharing.assist, args=(board.at, 1), daemon=True)
    helper.start()
    sharing.begin(board.at)
    for _ in range(200):
        outputs, inputs, rows = (int(RANDOM.integers(1, most)) for most in (900, 500, 70))
        together, weight, bias = dense(outputs, inputs, board)
        x = normal(rows, inputs)
        while not sharing.is_free(board.at):
            pass
        assert torch.equal(together(x), NativeDense(weight, bias)(x))
    sharing.end(board.at)
    helper.join(LIMIT_S)
    assert not helper.is_alive(), "the step is over"
    assert board.taken > 0
    assert sharing.is_free(board.at)


@shared
@pytest.mark.parametrize("rows", [3, 48])
def test_a_late_tile_writes_where_nobody_reads(rows: int) -> None:
    board = Lender()
    together, weight, bias = dense(700, 96, board)
    alone = NativeDense(weight, bias)
    x = normal(rows, 96)
    expected = alone(x)
    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(take_a_tile, board.at)
        while not board.left:
            found = together(x)
            assert torch.equal(found, expected)
        claimed.result()
    assert not sharing.is_free(board.at)
    read, written = board.left
    assert np.array_equal(read, x.numpy())
    written.fill(np.nan)
    assert torch.equal(found, expected), "it was copied"
    assert torch.equal(together(x), expected), "alone, while somebody has the tile"
    board.give_back()
    assert sharing.is_free(board.at)
    assert torch.equal(together(x), expected)


@shared
def test_a_step_within_a_step_has_the_board_too_and_another_thread_has_none() -> None:
    helper = assistant()
    assert helper is not None
    running = sharing.RUNNING // 8

    def beside() -> int:
        with helper.step() as board:
            return board

    with ThreadPoolExecutor(1) as pool, helper.step() as outer:
        with helper.step() as inner:
            assert inner == outer != 0
        assert helper._words[running] == 1, "the outer step goes on"
        assert pool.submit(beside).result() == 0
    assert helper._words[running] == 0
    assert beside() != 0


@shared
def test_threads_multiply_at_once_and_one_of_them_has_the_assistant() -> None:
    helper = assistant()
    alone, weight, bias = dense(400, 300)
    x = normal(30, 300)
    expected = alone(x)
    products = [NativeDense(weight, bias, helper) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(lambda p: all(torch.equal(p(x), expected) for _ in range(300)), p) for p in products]
        assert all(future.result(LIMIT_S) for future in both)
