"""What happens to one row between products: norm, quantisation, gate. Lengths are multiples of 16 floats."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from realtime.decoder.native.products import LEVELS
from realtime.decoder.native.vectors import F32, FLOATS, I8, I16, INTS, LANES, Emitter, kernel

_VECTOR_BYTES = 4 * LANES
_SMALLEST_MAGNITUDE = 1e-30  # a row of zeros stays zeros


@kernel
def norm_row(e: Emitter, x: Any, weight: Any, length: Any, eps: Any, out: Any) -> None:
    """RMSNorm: out = x * weight / sqrt(mean(x²) + eps), all addresses; eps: of a float32."""
    squares = e.variable(e.constant(0.0))
    vectors = e.b.udiv(length, e.i64(LANES))
    with e.loop(vectors) as index:
        value = e.load(FLOATS, e.at(x, index, _VECTOR_BYTES), 4)
        e.b.store(e.fma(value, value, e.b.load(squares)), squares)
    mean = e.b.fdiv(e.sum(e.b.load(squares)), e.b.sitofp(length, F32))
    root = e.square_root(e.b.fadd(mean, e.load(F32, eps, 4)))
    factor = e.splat(e.b.fdiv(ir.Constant(F32, 1.0), root))
    with e.loop(vectors) as index:
        value = e.b.fmul(e.load(FLOATS, e.at(x, index, _VECTOR_BYTES), 4), factor)
        weighted = e.b.fmul(value, e.load(FLOATS, e.at(weight, index, _VECTOR_BYTES), 4))
        e.store(weighted, e.at(out, index, _VECTOR_BYTES), 4)


def _quantise(e: Emitter, element: Any, x: Any, length: Any, out: Any, scale: Any, total: Any) -> None:
    peak = e.variable(e.constant(_SMALLEST_MAGNITUDE))
    vectors = e.b.udiv(length, e.i64(LANES))
    with e.loop(vectors) as index:
        value = e.magnitude(e.load(FLOATS, e.at(x, index, _VECTOR_BYTES), 4))
        e.b.store(e.larger(value, e.b.load(peak)), peak)
    largest = e.largest(e.b.load(peak))
    levels = ir.Constant(F32, float(LEVELS))
    e.store(e.b.fdiv(largest, levels), scale, 4)
    factor = e.splat(e.b.fdiv(levels, largest))
    sums = e.variable(ir.Constant(INTS, [0] * LANES))
    with e.loop(vectors) as index:
        value = e.rounded(e.b.fmul(e.load(FLOATS, e.at(x, index, _VECTOR_BYTES), 4), factor))
        level = e.b.fptosi(value, INTS)
        e.b.store(e.b.add(e.b.load(sums), level), sums)
        e.store(e.b.trunc(level, ir.VectorType(element, LANES)), e.at(out, index, LANES * element.width // 8))
    e.store(e.sum_of_ints(e.b.load(sums)), total, 4)


@kernel
def quantise_to_int8(e: Emitter, x: Any, length: Any, out: Any, scale: Any, total: Any) -> None:
    """Levels of a row, its scale (largest magnitude / 127, float32) and the sum of its levels (int32)."""
    _quantise(e, I8, x, length, out, scale, total)


@kernel
def quantise_to_int16(e: Emitter, x: Any, length: Any, out: Any, scale: Any, total: Any) -> None:
    """The same levels, in 16 bits each."""
    _quantise(e, I16, x, length, out, scale, total)


@kernel
def gate_row(e: Emitter, gate: Any, up: Any, length: Any, out: Any) -> None:
    """SwiGLU: out = gate / (1 + e^-gate) * up."""
    with e.loop(e.b.udiv(length, e.i64(LANES))) as index:
        value = e.load(FLOATS, e.at(gate, index, _VECTOR_BYTES), 4)
        denominator = e.b.fadd(e.constant(1.0), e.exp(e.b.fneg(value)))
        other = e.load(FLOATS, e.at(up, index, _VECTOR_BYTES), 4)
        e.store(e.b.fmul(e.b.fdiv(value, denominator), other), e.at(out, index, _VECTOR_BYTES), 4)


@kernel
def exp_row(e: Emitter, x: Any, length: Any, out: Any) -> None:
    """out = e^x."""
    with e.loop(e.b.udiv(length, e.i64(LANES))) as index:
        e.store(e.exp(e.load(FLOATS, e.at(x, index, _VECTOR_BYTES), 4)), e.at(out, index, _VECTOR_BYTES), 4)
