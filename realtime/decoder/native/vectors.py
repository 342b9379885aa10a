"""Vector code for numba: loops over addresses, emitted as LLVM IR. It knows no decoder.

Numba compiles loops, but whether and how it vectorises them is LLVM's guess, and with it the order in which floats are
added. Here every vector operation is written down, so a result has one fixed order of additions on every machine.
Vectors have 16 lanes; a CPU with shorter registers uses several for one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils as untyped_cgutils
from numba.core import types
from numba.extending import intrinsic

cgutils: Any = untyped_cgutils

LANES = 16
I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
FLOATS = ir.VectorType(F32, LANES)
INTS = ir.VectorType(I32, LANES)

# exp(r) for |r| <= ln(2)/2 as 1 + r + r² p(r); minimax coefficients of the Cephes library's expf.
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
_LOG2_E = 1.44269504088896341
_LN_2_HIGH, _LN_2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln(2); the first is exact in 9 bits
_EXP_LOWEST, _EXP_HIGHEST = -87.0, 88.0  # inside the normal floats


class Emitter:
    """Emits IR at one place. Addresses and counts are int64 values; Python ints become constants."""

    def __init__(self, builder: Any) -> None:
        self.b = builder

    # --- integers and memory ------------------------------------------------------------------------

    def i64(self, value: Any) -> Any:
        return ir.Constant(I64, value) if isinstance(value, int) else value

    def at(self, base: Any, index: Any, scale: Any = 1) -> Any:
        """The address base + index * scale."""
        return self.b.add(self.i64(base), self.b.mul(self.i64(index), self.i64(scale)))

    def load(self, kind: Any, address: Any, align: int = 1) -> Any:
        return self.b.load(self.b.inttoptr(self.i64(address), kind.as_pointer()), align=align)

    def store(self, value: Any, address: Any, align: int = 1) -> None:
        self.b.store(value, self.b.inttoptr(self.i64(address), value.type.as_pointer()), align=align)

    def splat(self, value: Any, lanes: int = LANES) -> Any:
        kind = ir.VectorType(value.type, lanes)
        single = self.b.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, lanes), [0] * lanes)
        return self.b.shuffle_vector(single, ir.Constant(kind, ir.Undefined), zeros)

    def constant(self, value: float) -> Any:
        """A vector of one float."""
        return ir.Constant(FLOATS, [value] * LANES)

    def variable(self, value: Any) -> Any:
        """A place for a value that a loop changes."""
        return cgutils.alloca_once_value(self.b, value)

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """Repeats what is emitted inside with the index 0 … count - 1."""
        with cgutils.for_range(self.b, self.i64(count)) as ranged:
            yield ranged.index

    def call(self, name: str, returns: Any, *arguments: Any) -> Any:
        """An LLVM intrinsic."""
        kind = ir.FunctionType(returns, [argument.type for argument in arguments])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), arguments)

    def prefetch(self, address: Any) -> None:
        """Ask for a cache line that is read soon, into the second level; any address will do."""
        pointer = self.b.inttoptr(address, I8.as_pointer())
        options = [ir.Constant(I32, value) for value in (0, 2, 1)]  # read, second level, data
        self.call("llvm.prefetch.p0", ir.VoidType(), pointer, *options)

    # --- floats -------------------------------------------------------------------------------------

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, rounded once."""
        return self.call(f"llvm.fma.v{a.type.count}f32", a.type, a, b, c)

    def larger(self, a: Any, b: Any) -> Any:
        return self.b.select(self.b.fcmp_ordered(">", a, b), a, b)

    def magnitude(self, a: Any) -> Any:
        return self.call("llvm.fabs.v16f32", FLOATS, a)

    def rounded(self, a: Any) -> Any:
        """To the nearest integer, ties to even."""
        return self.call("llvm.rint.v16f32", FLOATS, a)

    def square_root(self, a: Any) -> Any:
        return self.call("llvm.sqrt.f32", F32, a)

    def sum(self, a: Any) -> Any:
        """Lane 0 + 8, 4 + 12, …: halves are added until one lane is left."""
        return self._halve(a, self.b.fadd)

    def largest(self, a: Any) -> Any:
        return self._halve(a, self.larger)

    def sum_of_ints(self, a: Any) -> Any:
        return self._halve(a, self.b.add)

    def _halve(self, a: Any, combine: Callable[[Any, Any], Any]) -> Any:
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            parts = [ir.Constant(ir.VectorType(I32, lanes), list(range(at, at + lanes))) for at in (0, lanes)]
            a = combine(*(self.b.shuffle_vector(a, a, part) for part in parts))
        return self.b.extract_element(a, ir.Constant(I32, 0))

    def exp(self, a: Any) -> Any:
        """e^a, within 2e-7 of its value between -87 and 88, and as at those ends beyond them."""
        low, high = self.constant(_EXP_LOWEST), self.constant(_EXP_HIGHEST)
        a = self.b.select(self.b.fcmp_ordered("<", a, low), low, a)  # NaN stays NaN
        a = self.b.select(self.b.fcmp_ordered(">", a, high), high, a)
        power = self.rounded(self.b.fmul(a, self.constant(_LOG2_E)))
        r = self.fma(power, self.constant(-_LN_2_HIGH), a)
        r = self.fma(power, self.constant(-_LN_2_LOW), r)
        polynomial = self.constant(_EXP[0])
        for coefficient in _EXP[1:]:
            polynomial = self.fma(polynomial, r, self.constant(coefficient))
        value = self.fma(polynomial, self.b.fmul(r, r), self.b.fadd(r, self.constant(1.0)))
        exponent = self.b.shl(self.b.fptosi(power, INTS), ir.Constant(INTS, [23] * LANES))
        return self.b.bitcast(self.b.add(self.b.bitcast(value, INTS), exponent), FLOATS)

    def lanes_below(self, count: Any) -> Any:
        """A mask: true in lanes whose number is less than `count`."""
        numbers = ir.Constant(INTS, list(range(LANES)))
        return self.b.icmp_signed("<", numbers, self.splat(self.b.trunc(count, I32)))


def kernel(body: Callable[..., None], names: str | None = None) -> Any:
    """A numba intrinsic from `body(emitter, *int64 arguments)`, which emits its code and returns nothing.

    names: of the arguments, with spaces between, for a body that takes them as `*arguments`.
    """

    def typed(_context: Any, *arguments: Any) -> Any:
        signature = types.void(*[types.int64] * len(arguments))

        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            body(Emitter(builder), *values)
            return context.get_dummy_value()

        return signature, generate

    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    arguments = list(inspect.signature(body).parameters)[1:] if names is None else names.split()
    # numba asks for the signature and cannot bind `*arguments`
    typed.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, positional) for name in ("context", *arguments)]
    )
    typed.__name__ = body.__name__
    return intrinsic(typed)
