"""Products that two threads compute: one works through all tiles, the other takes some while its core is idle.

Nothing waits at a barrier. The outputs of a product are cut into tiles, and the *ticket* (one word) says which product
is open, which tile is next, and which the assistant took last; both claim tiles by exchanging it. The step's own thread
claims until none is left, and then waits for the one tile that the assistant may still have in hand: for about as long
as a tile takes, since the assistant may have lost its core to somebody more urgent. After that it computes the tile
itself and goes on alone until the assistant has come back. What the assistant writes late has the same bits while the
step still reads it, and lies where nobody reads afterwards: callers never change what a product wrote together, and do
not begin another one together before `is_free` says so.

A tile's numbers do not depend on who computes it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from realtime.decoder.native import atomics
from realtime.decoder.native.dense_products import DENSE_OUTPUTS, multiply_dense, multiply_dense_blocks
from realtime.decoder.native.multiply import OPTIONS, OUTPUTS, multiply_blocks

# Places on the board, in bytes. What one thread writes often has a cache line of its own.
_LINE = 64
TICKET, DONE, RUNNING, SEMAPHORE, OWN = (place * _LINE for place in range(5))
_PRODUCTS = 5 * _LINE
_PRODUCT_BYTES = 2 * _LINE
# Two, in turn: while a description is written, the ticket in force still points to the other one.
_KEPT_PRODUCTS = 2
BOARD_BYTES = _PRODUCTS + _KEPT_PRODUCTS * _PRODUCT_BYTES
# The step's own words: the number of the last product, and how many tiles the assistant has taken so far.
_NUMBER, TAKEN = OWN, OWN + 8

# The ticket: product in the upper bits, then the next tile, then the assistant's last. No product has so many tiles.
TILE_BITS = 16
TILES = (1 << TILE_BITS) - 1
_NEXT = np.int64(1 << TILE_BITS)
# Few rows wait for memory; a longer tile is read in one go.
_FEW_ROWS = 6
# Of float32 weights: shorter tiles are claimed more often and fetch what the other thread computes, longer ones wait
# longer at the end.
_DENSE_TILE_BYTES = 100_000
# Which product a description is of.
_INT8, _FLOAT32 = np.int64(0), np.int64(1)
# Besides twice a tile: some 10 µs.
_PATIENCE_CYCLES = 30_000

_load, _store, _exchange, _relax, _cycles, _sem_wait, _sem_post = atomics.ALL


@njit(**OPTIONS)
def is_free(board):  # type: ignore[no-untyped-def]
    """Whether there is an assistant and it has finished all that it ever took."""
    return board != 0 and _load(board + DONE) == _load(board + TAKEN)


@njit(**OPTIONS)
def begin(board):  # type: ignore[no-untyped-def]
    """A step begins: the assistant may look for tiles."""
    _store(board + RUNNING, np.int64(1))
    _sem_post(board + SEMAPHORE)


@njit(**OPTIONS)
def end(board):  # type: ignore[no-untyped-def]
    """The step is over: the assistant sleeps."""
    _store(board + RUNNING, np.int64(0))


@njit(**OPTIONS)
def _compute(product, tile):  # type: ignore[no-untyped-def]
    """One tile of a product on the board."""
    blocks, blocks_a_tile = _load(product + 8), _load(product + 16)
    first = tile * blocks_a_tile
    last = min(blocks, first + blocks_a_tile)
    matrix, inputs, rows, x = _load(product + 24), _load(product + 32), _load(product + 40), _load(product + 48)
    out, out_stride = _load(product + 72), _load(product + 80)
    if _load(product + 88) == _FLOAT32:
        multiply_dense_blocks(first, last, matrix, inputs, rows, x, _load(product + 56), out, out_stride)
    else:
        scales, sums = _load(product + 56), _load(product + 64)
        multiply_blocks(first, last, matrix, inputs, rows, x, scales, sums, out, out_stride, np.int64(0))


@njit(**OPTIONS)
def product_at(board, number):  # type: ignore[no-untyped-def]
    """Where a product is described; its first word is the number of its tiles."""
    return board + _PRODUCTS + number % _KEPT_PRODUCTS * _PRODUCT_BYTES


@njit(**OPTIONS)
def multiply_together(board, matrix, outputs, inputs, rows, levels, scales, sums, out, out_stride):  # type: ignore[no-untyped-def]
    """out = rows times matrix, as `multiply`. False where the assistant will write one tile once more, at any time.

    Only while `is_free`.
    """
    blocks = (outputs + OUTPUTS - 1) // OUTPUTS
    blocks_a_tile = np.int64(2 if rows <= _FEW_ROWS else 1)
    return _together(
        board, _INT8, blocks, blocks_a_tile, matrix, inputs, rows, levels, scales, sums, out, out_stride
    )  # fmt: skip


@njit(**OPTIONS)
def multiply_dense_together(board, matrix, outputs, inputs, rows, x, x_stride, out, out_stride):  # type: ignore[no-untyped-def]
    """As `multiply_dense`; alone where the board is not free. False as `multiply_together`."""
    if not is_free(board):
        multiply_dense(matrix, outputs, inputs, rows, x, x_stride, out, out_stride)
        return True
    blocks = (outputs + DENSE_OUTPUTS - 1) // DENSE_OUTPUTS
    blocks_a_tile = max(np.int64(1), _DENSE_TILE_BYTES // (DENSE_OUTPUTS * 4 * (inputs + 1)))
    return _together(
        board, _FLOAT32, blocks, blocks_a_tile, matrix, inputs, rows, x, x_stride, np.int64(0), out, out_stride
    )  # fmt: skip


@njit(**OPTIONS)
def _together(board, kind, blocks, blocks_a_tile, matrix, inputs, rows, x, scales, sums, out, out_stride):  # type: ignore[no-untyped-def]
    """A product of this kind, described, opened and computed, with or without the assistant."""
    tiles = (blocks + blocks_a_tile - 1) // blocks_a_tile
    number = _load(board + _NUMBER) + 1
    _store(board + _NUMBER, number)
    product = product_at(board, number)
    _store(product, tiles)
    _store(product + 8, blocks)
    _store(product + 16, blocks_a_tile)
    _store(product + 24, matrix)
    _store(product + 32, inputs)
    _store(product + 40, rows)
    _store(product + 48, x)
    _store(product + 56, scales)
    _store(product + 64, sums)
    _store(product + 72, out)
    _store(product + 80, out_stride)
    _store(product + 88, kind)
    _store(board + TICKET, number << (2 * TILE_BITS))

    own, took = 0, np.int64(0)
    ticket = _load(board + TICKET)
    while (ticket >> TILE_BITS) & TILES < tiles:
        if _exchange(board + TICKET, ticket, ticket + _NEXT):
            since = _cycles()
            _compute(product, (ticket >> TILE_BITS) & TILES)
            took = _cycles() - since
            own += 1
        ticket = _load(board + TICKET)

    taken = _load(board + TAKEN) + tiles - own
    _store(board + TAKEN, taken)
    since = _cycles()
    while _load(board + DONE) < taken:
        if _cycles() - since > 2 * took + _PATIENCE_CYCLES:
            _compute(product, ticket & TILES)
            return False
        _relax()
    return True


@njit(**OPTIONS)
def assist(board, steps):  # type: ignore[no-untyped-def]
    """Take tiles of every product of the next `steps` steps (-1: for ever); sleeps between steps."""
    while steps != 0:
        _sem_wait(board + SEMAPHORE)
        steps -= 1
        while _load(board + RUNNING) != 0:
            ticket = _load(board + TICKET)
            product = product_at(board, ticket >> (2 * TILE_BITS))
            tile = (ticket >> TILE_BITS) & TILES
            # Another product may have taken the description's place meanwhile: then this ticket is void.
            if tile >= _load(product):
                _relax()
            elif _exchange(board + TICKET, ticket, ((ticket >> TILE_BITS) + 1) << TILE_BITS | tile):
                _compute(product, tile)
                _store(board + DONE, _load(board + DONE) + 1)
