"""How much freed memory the C heap keeps (glibc's malloc, mallopt(3)). It knows nothing of who freed it.

glibc learns from the largest block that was ever freed: after the voice's first long clause it keeps up to 64 MB for
each thread that has once needed them. Fixed thresholds end that.
"""

from __future__ import annotations

import ctypes
import sys

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
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)) and bool(mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
