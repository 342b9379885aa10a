"""Products of float32 rows and packed float32 matrices. One kernel for 1 to 6 rows on each kind of CPU.

A packed matrix is a sequence of blocks, each for `outputs` output rows in a row: the biases, float32 [outputs], and
then for every input the `outputs` weights of that input side by side. A block is read once from memory, and again from
the cache for every six rows; meanwhile the next block is fetched.

Each output is one chain of fused multiply-adds, from its bias along the inputs: its bits depend neither on the rows
beside it nor on the width of the registers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit

from realtime.decoder.native.multiply import KIND, OPTIONS
from realtime.decoder.native.products import MOST_ROWS, Kind
from realtime.decoder.native.vectors import F32, Emitter, kernel

# Of a block: 12 sums for 6 rows, which 16 registers hold beside 2 of weights and one of an input. Fewer would wait for
# one another: a sum takes four cycles, in which a core begins eight.
VECTORS = 2


def dense_outputs(kind: Kind) -> int:
    """Output rows of one block."""
    return kind.lanes * VECTORS


def pack_dense(weight: np.ndarray, bias: np.ndarray, kind: Kind) -> np.ndarray:
    """A matrix float32 [out, in] with bias [out] as blocks, float32 [blocks, 1 + in, outputs]; filled up with zeros."""
    rows, inputs = weight.shape
    outputs = dense_outputs(kind)
    filled = np.zeros((-(-rows // outputs) * outputs, 1 + inputs), np.float32)
    filled[:rows, 0], filled[:rows, 1:] = bias, weight
    return np.ascontiguousarray(filled.reshape(-1, outputs, 1 + inputs).transpose(0, 2, 1))


def dense_product(kind: Kind, rows: int) -> Any:
    """The kernel for `rows` rows and one block.

    Its arguments are addresses and sizes in bytes: block, inputs, rows (float32), their stride, output, its stride,
    where the next bytes will be read from, and how many of them to ask for with every input.
    """

    def body(e: Emitter, *arguments: Any) -> None:
        block, inputs, x, x_stride, out, out_stride, ahead, asked = arguments
        floats = ir.VectorType(F32, kind.lanes)
        row_bytes, vector_bytes = dense_outputs(kind) * 4, kind.lanes * 4
        biases = [e.load(floats, e.at(block, v, vector_bytes), 4) for v in range(VECTORS)]
        sums = [[e.variable(bias) for bias in biases] for _ in range(rows)]
        starts = [e.at(x, x_stride, row) for row in range(rows)]
        with e.loop(inputs) as index:
            group = e.at(e.at(block, 1, row_bytes), index, row_bytes)
            weights = [e.load(floats, e.at(group, v, vector_bytes), 4) for v in range(VECTORS)]
            e.prefetch(e.at(ahead, index, asked))
            for row in range(rows):
                value = e.splat(e.load(F32, e.at(starts[row], index, 4), 4), kind.lanes)
                for place, weight in zip(sums[row], weights, strict=True):
                    e.b.store(e.fma(weight, value, e.b.load(place)), place)
        for row in range(rows):
            for v, place in enumerate(sums[row]):
                e.store(e.b.load(place), e.at(e.at(out, out_stride, row), v, vector_bytes), 4)

    body.__name__ = f"dense_product_{rows}_rows"
    return kernel(body, "block inputs x x_stride out out_stride ahead asked")


DENSE_OUTPUTS = dense_outputs(KIND)
_product_1, _product_2, _product_3, _product_4, _product_5, _product_6 = (
    dense_product(KIND, count) for count in range(1, MOST_ROWS + 1)
)


@njit(**OPTIONS)
def multiply_dense_blocks(first_block, last_block, matrix, inputs, rows, x, x_stride, out, out_stride):  # type: ignore[no-untyped-def]
    """The outputs of some blocks of a matrix: out = rows times matrix, and the bias. Addresses; strides in bytes."""
    block_bytes = DENSE_OUTPUTS * 4 * (inputs + 1)
    passes = (rows + MOST_ROWS - 1) // MOST_ROWS
    # Every pass asks for its share of the next block.
    asked = DENSE_OUTPUTS * 4 // passes
    for index in range(first_block, last_block):
        block = matrix + index * block_bytes
        ahead = block + block_bytes
        y = out + index * DENSE_OUTPUTS * 4
        first, left = 0, passes
        while first < rows:
            n = (rows - first + left - 1) // left
            left -= 1
            r, o = x + first * x_stride, y + first * out_stride
            if n == 1:
                _product_1(block, inputs, r, x_stride, o, out_stride, ahead, asked)
            elif n == 2:
                _product_2(block, inputs, r, x_stride, o, out_stride, ahead, asked)
            elif n == 3:
                _product_3(block, inputs, r, x_stride, o, out_stride, ahead, asked)
            elif n == 4:
                _product_4(block, inputs, r, x_stride, o, out_stride, ahead, asked)
            elif n == 5:
                _product_5(block, inputs, r, x_stride, o, out_stride, ahead, asked)
            else:
                _product_6(block, inputs, r, x_stride, o, out_stride, ahead, asked)
            ahead += inputs * asked
            first += n


@njit(**OPTIONS)
def multiply_dense(matrix, outputs, inputs, rows, x, x_stride, out, out_stride):  # type: ignore[no-untyped-def]
    """out = rows times matrix, and the bias."""
    blocks = (outputs + DENSE_OUTPUTS - 1) // DENSE_OUTPUTS
    multiply_dense_blocks(np.int64(0), blocks, matrix, inputs, rows, x, x_stride, out, out_stride)
