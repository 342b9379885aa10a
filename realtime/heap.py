"""How much freed memory the C heap keeps (glibc's malloc, mallopt(3)). It knows nothing of who freed it.

glibc learns from the largest block that was ever freed: after the voice's first long clause it keeps up to 64 MB for
each thread that has once needed them. Fixed thresholds end that. They cost a page fault for each page of a large block:
a process that computes with large blocks all the time trims once instead, when it has loaded.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

# From <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
MIB = 1 << 20
# Larger blocks come from the system and go back to it; a clause of speech needs a few of them.
MAPPED_BYTES = 1 * MIB
# What a thread's heap may keep at its end.
KEPT_BYTES = 4 * MIB


def give_back_freed_memory() -> bool:
    """Bound what this process keeps of freed memory. False where the C library has no such setting."""
    mallopt = _of_libc("mallopt")
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))


def trim() -> bool:
    """Give back all that is free now: what loading needed. False where nothing was, or the C library cannot."""
    malloc_trim = _of_libc("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(0))


def _of_libc(function: str) -> Any:
    """None where the C library is another one than glibc; musl has neither function."""
    return getattr(ctypes.CDLL(None), function, None) if sys.platform == "linux" else None
