"""Words of memory that two threads share: atomic reads, writes and exchanges, and a semaphore, for compiled code.

Words are int64 and lie at addresses. A read acquires and a write releases (C++11's memory model): who reads what
another thread wrote sees everything that it wrote before.
"""

from __future__ import annotations

import ctypes
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from realtime.decoder.native.vectors import I64, Emitter

WORD_BYTES = 8


def _pointer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, I64.as_pointer())


@intrinsic
def load(_context: Any, address: Any) -> Any:
    """The word at `address`."""

    def generate(_target: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.load_atomic(_pointer(builder, values[0]), "acquire", WORD_BYTES)

    return types.int64(types.int64), generate


@intrinsic
def store(_context: Any, address: Any, value: Any) -> Any:
    """Write the word at `address`."""

    def generate(target: Any, builder: Any, _signature: Any, values: Any) -> Any:
        builder.store_atomic(values[1], _pointer(builder, values[0]), "release", WORD_BYTES)
        return target.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def exchange(_context: Any, address: Any, old: Any, new: Any) -> Any:
    """Write `new` where `old` is; whether it was there."""

    def generate(_target: Any, builder: Any, _signature: Any, values: Any) -> Any:
        result = builder.cmpxchg(_pointer(builder, values[0]), values[1], values[2], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def relax(_context: Any) -> Any:
    """A moment in which a waiting loop leaves the core's units to its sibling (PAUSE)."""

    def generate(target: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        Emitter(builder).call("llvm.x86.sse2.pause", ir.VoidType())
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def cycles(_context: Any) -> Any:
    """The core's time stamp, in cycles of its nominal clock: for short differences on one thread."""

    def generate(_target: Any, builder: Any, _signature: Any, _values: Any) -> Any:
        return Emitter(builder).call("llvm.readcyclecounter", I64)

    return types.int64(), generate


# sem_overview(7). An interrupted wait returns early: whoever waits looks again at what it waited for.
sem_wait: Any = types.ExternalFunction("sem_wait", types.int32(types.int64))
sem_post: Any = types.ExternalFunction("sem_post", types.int32(types.int64))

# What compiled code calls: numba gives each its context, which no caller knows of.
ALL: tuple[Any, ...] = (load, store, exchange, relax, cycles, sem_wait, sem_post)


def new_semaphore(address: int) -> bool:
    """A semaphore of one process, at 0, in the 32 bytes at `address`; False where there is none without a name."""
    try:
        return bool(ctypes.CDLL(None).sem_init(ctypes.c_void_p(address), 0, 0) == 0)
    except (OSError, AttributeError):
        return False
