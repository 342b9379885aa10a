"""Rows times a packed matrix, block by block. It knows no network and no threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from realtime.decoder.native.host import kind_of_host, use_cache
from realtime.decoder.native.products import KINDS, MOST_ROWS, product

KIND = kind_of_host() or KINDS[-1]
OPTIONS: dict[str, Any] = {"nogil": True, "cache": use_cache(KIND)}
"""How everything here is compiled. The cache's place is set before the first function is."""

OUTPUTS = KIND.outputs
LEVEL_BYTES = KIND.activation.itemsize
# Bytes that a product asks for ahead of what it reads: a page boundary stops the hardware's own prefetching. More rows
# spend longer on each line, and two passes over a block leave more time to fetch. Measured: 4 KiB is best for one row
# and costs four rows a third; 16 KiB the other way round.
_READ_AHEAD, _READ_AHEAD_ROWS = 4096, 16384

_product_1, _product_2, _product_3, _product_4, _product_5, _product_6 = (
    product(KIND, count) for count in range(1, MOST_ROWS + 1)
)


@njit(**OPTIONS)
def multiply_blocks(first_block, last_block, matrix, inputs, rows, levels, scales, sums, out, out_stride, add):  # type: ignore[no-untyped-def]
    """The outputs of some blocks of a matrix: see `multiply`."""
    block_bytes = OUTPUTS * (inputs + 4)
    x_stride = inputs * LEVEL_BYTES
    for index in range(first_block, last_block):
        block = matrix + index * block_bytes
        y = out + index * OUTPUTS * 4
        ahead = block + (_READ_AHEAD if rows <= 2 else _READ_AHEAD_ROWS)
        first = 0
        passes = (rows + MOST_ROWS - 1) // MOST_ROWS
        while first < rows:
            n = (rows - first + passes - 1) // passes
            passes -= 1
            x, s, t, o = levels + first * x_stride, scales + first * 4, sums + first * 4, y + first * out_stride
            if n == 1:
                _product_1(block, inputs, x, x_stride, s, t, o, out_stride, add, ahead)
            elif n == 2:
                _product_2(block, inputs, x, x_stride, s, t, o, out_stride, add, ahead)
            elif n == 3:
                _product_3(block, inputs, x, x_stride, s, t, o, out_stride, add, ahead)
            elif n == 4:
                _product_4(block, inputs, x, x_stride, s, t, o, out_stride, add, ahead)
            elif n == 5:
                _product_5(block, inputs, x, x_stride, s, t, o, out_stride, add, ahead)
            else:
                _product_6(block, inputs, x, x_stride, s, t, o, out_stride, add, ahead)
            first += n
            ahead = block + block_bytes


@njit(**OPTIONS)
def multiply(matrix, outputs, inputs, rows, levels, scales, sums, out, out_stride, add):  # type: ignore[no-untyped-def]
    """out = rows times matrix, or out += (add = 1). All addresses; the stride in bytes."""
    blocks = (outputs + OUTPUTS - 1) // OUTPUTS
    multiply_blocks(np.int64(0), blocks, matrix, inputs, rows, levels, scales, sums, out, out_stride, add)
