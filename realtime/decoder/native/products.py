"""Products of int8 rows and packed int8 matrices, exact in int32. One kernel for 1 to 6 rows on each kind of CPU.

A packed matrix is a sequence of blocks, each for `outputs` output rows in a row: for every quad (or pair) of inputs the
`outputs` weights of that quad side by side, then the scales, float32 [outputs]. A block is read front to back, once,
from memory; more rows than a kernel takes read it again from the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from realtime.decoder.native.vectors import F32, I8, I16, I32, Emitter, kernel

MOST_ROWS = 6
VECTORS = 4  # of a block: accumulators a row
LEVELS = 127  # activations are quantised to -127 … 127


@dataclass(frozen=True, slots=True)
class Kind:
    """What a CPU multiplies int8 with.

    lanes: outputs of one register. depth: inputs that are summed at once. offset: added to weights when packed.
    registers: of vectors that this CPU has. features: all must be there.
    """

    name: str
    lanes: int
    depth: int
    offset: int
    registers: int
    features: tuple[str, ...]
    any_of: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Output rows of one block."""
        return self.lanes * VECTORS

    @property
    def activation(self) -> Any:
        """The number format of quantised rows: numpy dtype."""
        return np.dtype(np.int8 if self.depth == 4 else np.int16)

    def block_bytes(self, inputs: int) -> int:
        """Size of one block of a matrix with `inputs` columns."""
        return self.outputs * (inputs + 4)

    def runs_on(self, features: dict[str, bool]) -> bool:
        """Whether a CPU with these LLVM feature names can run it."""
        has_one = not self.any_of or any(features.get(name, False) for name in self.any_of)
        return has_one and all(features.get(name, False) for name in self.features)


# Best first. u8 x s8 quads in 512 and 256 bits; 16-bit pairs, exact like the others, where there is no VNNI.
KINDS = (
    Kind("avx512-vnni", 16, 4, 128, 32, ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "fma")),
    Kind("avx-vnni", 8, 4, 128, 16, ("avx2", "fma"), ("avxvnni", "avx512vnni")),
    Kind("avx2", 8, 2, 0, 16, ("avx2", "fma")),
)


def pack(weight: np.ndarray, scale: np.ndarray, kind: Kind) -> np.ndarray:
    """A matrix int8 [out, in] with scale [out] as blocks, uint8 [bytes]; outputs are filled up with zeros."""
    rows, inputs = weight.shape
    blocks = -(-rows // kind.outputs)
    filled = np.zeros((blocks * kind.outputs, inputs), np.uint8)
    np.add(weight.view(np.uint8), np.uint8(kind.offset), out=filled[:rows])
    element = np.dtype(np.uint32 if kind.depth == 4 else np.uint16)
    grouped = filled.view(element).reshape(blocks, kind.outputs, inputs // kind.depth)
    packed = np.empty((blocks, kind.block_bytes(inputs)), np.uint8)
    weights = packed[:, : kind.outputs * inputs].view(element).reshape(blocks, inputs // kind.depth, kind.outputs)
    weights[...] = grouped.transpose(0, 2, 1)
    scales = np.zeros((blocks * kind.outputs,), np.float32)
    scales[:rows] = scale
    packed[:, kind.outputs * inputs :] = scales.reshape(blocks, kind.outputs).view(np.uint8)
    return packed.reshape(-1)


def unpacked(packed: np.ndarray, inputs: int, rows: np.ndarray, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Some output rows of a packed matrix as they went in: int8 [n, in], and their scales [n]. rows: int64 [n]."""
    blocks = packed.reshape(-1, kind.block_bytes(inputs))
    element = np.dtype(np.uint32 if kind.depth == 4 else np.uint16)
    weights = blocks[:, : kind.outputs * inputs].view(element).reshape(len(blocks), inputs // kind.depth, kind.outputs)
    block, place = np.divmod(rows, kind.outputs)
    chosen = np.ascontiguousarray(weights[block, :, place]).view(np.uint8) - np.uint8(kind.offset)
    return chosen.view(np.int8), blocks[:, kind.outputs * inputs :].view(np.float32)[block, place]


def product(kind: Kind, rows: int) -> Any:
    """The kernel for `rows` rows and one block.

    Its arguments are addresses and sizes in bytes: block, inputs, quantised rows, their stride, row scales
    (float32 [rows]), row sums (int32 [rows]), output, its stride, whether to add to the output (1) or to replace it
    (0), and where the next bytes will be read from.
    y = (Σ w x) * scale of the output * scale of the row.
    """

    def body(e: Emitter, *arguments: Any) -> None:
        block, inputs, x, x_stride, row_scales, row_sums, out, out_stride, add, ahead = arguments
        adds = e.b.icmp_signed("!=", add, e.i64(0))
        scales = e.at(block, inputs, kind.outputs)
        ints = ir.VectorType(I32, kind.lanes)
        floats = ir.VectorType(F32, kind.lanes)
        for vectors in product_parts(kind, rows):
            accumulators = _accumulate(e, kind, rows, vectors, (block, inputs, x, x_stride, ahead))
            for row in range(rows):
                row_scale = e.splat(e.load(F32, e.at(row_scales, row, 4), 4), kind.lanes)
                row_sum = e.load(I32, e.at(row_sums, row, 4), 4)
                surplus = e.splat(e.b.mul(row_sum, ir.Constant(I32, kind.offset)), kind.lanes)
                for place, vector in zip(accumulators[row], vectors, strict=True):
                    at = vector * kind.lanes * 4
                    total = e.b.sub(e.b.load(place), surplus)
                    assert total.type == ints
                    scale = e.load(floats, e.at(scales, at), 4)
                    y = e.b.fmul(e.b.fmul(e.b.sitofp(total, floats), scale), row_scale)
                    target = e.at(e.at(out, out_stride, row), at)
                    sum_ = e.b.fadd(y, e.load(floats, target, 4))
                    e.store(e.b.select(adds, sum_, y), target, 4)

    body.__name__ = f"product_{rows}_rows"
    return kernel(body, "block inputs x x_stride row_scales row_sums out out_stride add ahead")


def product_parts(kind: Kind, rows: int) -> list[range]:
    """The vectors of a block, in parts whose sums the registers hold: others are written and read at every step.

    A second part reads the block again, from the cache.
    """
    together = VECTORS
    while (rows + 1) * together + 2 > kind.registers:  # sums, weights, a row's inputs and their product
        together //= 2
    return [range(first, first + together) for first in range(0, VECTORS, together)]


def _accumulate(e: Emitter, kind: Kind, rows: int, vectors: range, arguments: tuple[Any, ...]) -> list[list[Any]]:
    block, inputs, x, x_stride, ahead = arguments
    ints = ir.VectorType(I32, kind.lanes)
    sums = [[e.variable(ir.Constant(ints, [0] * kind.lanes)) for _ in vectors] for _ in range(rows)]
    group_bytes = kind.outputs * kind.depth
    parts = VECTORS // len(vectors)
    with e.loop(e.b.udiv(inputs, e.i64(kind.depth))) as index:
        group = e.at(block, index, group_bytes)
        weights = [_weights(e, kind, e.at(group, v * kind.lanes * kind.depth)) for v in vectors]
        # Each part asks for its share of the bytes ahead: what waits for memory is never one part alone.
        asked = e.at(e.at(ahead, inputs, kind.outputs * vectors.start // VECTORS), index, group_bytes // parts)
        for line in range(0, group_bytes // parts, 64):
            e.prefetch(e.at(asked, line))
        for row in range(rows):
            four_bytes = e.load(I32, e.at(e.at(x, x_stride, row), index, 4))
            inputs_ = e.splat(four_bytes, kind.lanes)
            for place, weight in zip(sums[row], weights, strict=True):
                e.b.store(_DOT[kind.name](e, e.b.load(place), weight, inputs_), place)
    return sums


def _weights(e: Emitter, kind: Kind, address: Any) -> Any:
    if kind.depth == 4:
        return e.load(ir.VectorType(I32, kind.lanes), address)
    pairs = e.load(ir.VectorType(I8, 2 * kind.lanes), address)
    return e.b.sext(pairs, ir.VectorType(I16, 2 * kind.lanes))


def _vnni(bits: int) -> Callable[..., Any]:
    def dot(e: Emitter, total: Any, weights: Any, inputs: Any) -> Any:
        return e.call(f"llvm.x86.avx512.vpdpbusd.{bits}", total.type, total, weights, inputs)

    return dot


def _pairs(e: Emitter, total: Any, weights: Any, inputs: Any) -> Any:
    products = e.call("llvm.x86.avx2.pmadd.wd", total.type, weights, e.b.bitcast(inputs, weights.type))
    return e.b.add(total, products)


_DOT = {"avx512-vnni": _vnni(512), "avx-vnni": _vnni(256), "avx2": _pairs}
