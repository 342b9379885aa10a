"""Products that two threads compute: the bits of one, whoever takes which tile, comes late or never comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest
from numba import njit

from realtime.decoder.checkpoint import Weights, load_weights
from realtime.decoder.decoder import Decoder
from realtime.decoder.native import multiply, sharing
from realtime.decoder.native.assistant import Assistant, assistant, new_board
from realtime.decoder.native.atomics import ALL
from realtime.decoder.native.host import kind_of_host
from realtime.decoder.native.network import NativeNetwork
from realtime.decoder.native.products import LEVELS, pack
from realtime.decoder.shape import DecoderShape
from tests.decoder_tiny import embedded_tokenizer, run_alone, section, source

pytestmark = [
    pytest.mark.skipif(kind_of_host() is None, reason="this CPU runs none of the compiled kernels"),
    pytest.mark.skipif(assistant() is None, reason="there is no second core, or no SCHED_IDLE"),
]

LIMIT_S = 20.0
BITS = sharing.TILE_BITS
_load, _store, _exchange, _relax, *_ = ALL


@njit(nogil=True)
def take_a_tile(board: int) -> int:
    """As the assistant: wait for a tile and claim it. Its number."""
    while True:
        ticket = _load(board + sharing.TICKET)
        tile = (ticket >> BITS) & sharing.TILES
        product = sharing.product_at(board, ticket >> (2 * BITS))
        if tile >= _load(product):
            _relax()
        elif _exchange(board + sharing.TICKET, ticket, ((ticket >> BITS) + 1) << BITS | tile):
            return tile  # type: ignore[no-any-return]


class Board:
    """A board of our own: the assistant is whoever the test says."""

    def __init__(self) -> None:
        words = new_board()
        assert words is not None
        self.words = words
        self.at = int(words.ctypes.data)

    @property
    def taken(self) -> int:
        return int(self.words[sharing.TAKEN // 8])

    def give_back(self) -> None:
        """The tile that was taken is done."""
        self.words[sharing.DONE // 8] += 1

    @contextmanager
    def step(self) -> Iterator[int]:
        yield self.at

    def settle(self) -> None:
        """Nothing of ours is written late but by the tests."""


@dataclass
class Product:
    """Rows and a packed matrix."""

    blocks: np.ndarray
    outputs: int
    inputs: int
    levels: np.ndarray
    scales: np.ndarray
    sums: np.ndarray

    @classmethod
    def random(cls, random: np.random.Generator, rows: int, outputs: int, inputs: int) -> Product:
        weight = random.integers(-LEVELS, LEVELS + 1, (outputs, inputs), dtype=np.int8)
        levels = random.integers(-LEVELS, LEVELS + 1, (rows, inputs)).astype(multiply.KIND.activation)
        packed = pack(weight, random.random(outputs, np.float32), multiply.KIND)
        return cls(
            packed, outputs, inputs, levels, random.random(rows, np.float32), levels.sum(1, dtype=np.int32)
        )  # fmt: skip

    def room(self) -> np.ndarray:
        blocks = -(-self.outputs // multiply.OUTPUTS)
        return np.full((len(self.levels), blocks * multiply.OUTPUTS), np.nan, np.float32)

    def _arguments(self) -> tuple[int, ...]:
        at = (self.levels.ctypes.data, self.scales.ctypes.data, self.sums.ctypes.data)
        return self.blocks.ctypes.data, self.outputs, self.inputs, len(self.levels), *at

    def alone(self) -> np.ndarray:
        out = self.room()
        multiply.multiply(*self._arguments(), out.ctypes.data, out.strides[0], 0)
        return out

    def together(self, board: Board, out: np.ndarray) -> bool:
        return bool(sharing.multiply_together(board.at, *self._arguments(), out.ctypes.data, out.strides[0]))


def test_an_assistant_takes_tiles_and_changes_no_bit() -> None:
    random = np.random.default_rng(0)
    board = Board()
    helper = threading.Thread(target=sharing.assist, args=(board.at, 1), daemon=True)
    helper.start()
    sharing.begin(board.at)
    for _ in range(300):
        rows, outputs = int(random.integers(1, 40)), int(random.integers(1, 2000))
        product = Product.random(random, rows, outputs, 16 * int(random.integers(1, 40)))
        out = product.room()
        while not sharing.is_free(board.at):
            pass
        product.together(board, out)
        assert np.array_equal(out, product.alone())
    sharing.end(board.at)
    helper.join(LIMIT_S)
    assert not helper.is_alive(), "the step is over"
    assert board.taken > 0
    assert sharing.is_free(board.at)


@pytest.mark.parametrize("rows", [1, 9])
def test_a_late_tile_is_computed_by_the_step_itself(rows: int) -> None:
    product = Product.random(np.random.default_rng(rows), rows, 700, 96)
    board, out, expected = Board(), product.room(), product.alone()
    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(take_a_tile, board.at)
        while product.together(board, out):  # the product was over before anybody came
            out.fill(np.nan)
        claimed.result()
    assert np.array_equal(out, expected)
    assert not sharing.is_free(board.at), "what was claimed is still in somebody's hands"
    board.give_back()
    assert sharing.is_free(board.at)
    assert product.together(board, out), "nobody claims: alone, and whole"


def test_nobody_needs_an_assistant() -> None:
    product = Product.random(np.random.default_rng(1), 3, 333, 64)
    board, out = Board(), product.room()
    assert not sharing.is_free(0)
    assert product.together(board, out)
    assert board.taken == 0
    assert np.array_equal(out, product.alone())


def _weights(helper: object) -> tuple[Weights, NativeNetwork]:
    weights = load_weights(source("llama"), DecoderShape.from_config(section("llama")), exact=False, assisted=False)
    network = cast(NativeNetwork, weights.network)
    network._assistant = cast(Assistant | None, helper)
    return weights, network


def _logits(weights: Weights, length: int) -> np.ndarray:
    tokens = [int(token) for token in np.random.default_rng(length).integers(20, 100, length)]
    return run_alone(Decoder(weights, embedded_tokenizer(), kv_tokens=512), tokens).numpy()


def test_a_step_goes_on_alone_while_the_assistant_is_late_and_is_not_harmed_when_it_comes() -> None:
    board = Board()
    plain, _ = _weights(None)
    weights, network = _weights(board)
    expected = {length: _logits(plain, length) for length in (1, 20, 40)}
    assert np.array_equal(_logits(weights, 40), expected[40])  # the largest step: memory stays from here on
    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(take_a_tile, board.at)
        while not claimed.done():
            assert np.array_equal(_logits(weights, 20), expected[20])
        claimed.result()
    wide, delta = network._work[3], network._work[4]
    assert isinstance(wide, np.ndarray) and isinstance(delta, np.ndarray)
    assert not sharing.is_free(board.at)
    for length in (1, 20, 40):
        # What is written late lies where only products that were made together are read.
        for shared in (wide[1], delta, network._logits[1]):
            shared.fill(np.nan)
        assert np.array_equal(_logits(weights, length), expected[length])
    board.give_back()
    assert np.array_equal(_logits(weights, 20), expected[20])
    assert sharing.is_free(board.at)


def test_two_threads_decode_at_once_and_one_of_them_has_the_assistant() -> None:
    helper = assistant()
    plain, _ = _weights(None)
    expected = _logits(plain, 30)

    def decode(weights: Weights) -> bool:
        return all(np.array_equal(_logits(weights, 30), expected) for _ in range(20))

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(decode, _weights(helper)[0]) for _ in range(2)]
        assert all(future.result(LIMIT_S * 3) for future in both)


def test_memory_goes_only_when_nobody_can_still_write_there() -> None:
    asked = threading.Event()

    class Watched(Board):
        def settle(self) -> None:
            asked.set()

    _, network = _weights(Watched())
    network._make_room(64)
    assert asked.is_set()


@pytest.mark.parametrize("assisted", [True, False])
def test_whether_a_second_core_is_used_is_the_loader_s_choice(assisted: bool) -> None:
    shape = DecoderShape.from_config(section("llama"))
    loaded = load_weights(source("llama"), shape, exact=False, assisted=assisted)
    assert cast(NativeNetwork, loaded.network)._assistant is (assistant() if assisted else None)
