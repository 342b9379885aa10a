"""Pages of a shared library that stay resident though nothing reads them any more. It knows files, not what is in them.

The kernel takes such pages away for whoever needs memory, and reads them back when they are touched after all; but it
does so only under pressure, and until then they count as ours.
"""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

# From <sys/mman.h>: let go of the pages; the next access reads them from the file.
_MADV_DONTNEED = 4
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ +(/.*)")


def leave(library: str) -> int:
    """Let go of the pages of a loaded library whose file name begins with `library`; the bytes that were asked for.

    Only where they are the file's own: a mapping that was written to, even by the loader, is left as it is.
    """
    if sys.platform != "linux":
        return 0
    madvise = ctypes.CDLL(None).madvise
    left = 0
    for start, end in _clean_mappings(library, Path("/proc/self/smaps").read_text()):
        if madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
            left += end - start
    return left


def _clean_mappings(library: str, smaps: str) -> list[tuple[int, int]]:
    """Addresses of the library's mappings that cannot be written to and hold no page of the process's own."""
    found: list[tuple[int, int]] = []
    wanted = False
    for line in smaps.splitlines():
        if mapping := _MAPPING.fullmatch(line):
            wanted = "w" not in mapping[3] and Path(mapping[4]).name.startswith(library)
            if wanted:
                found.append((int(mapping[1], 16), int(mapping[2], 16)))
        elif not line.partition(" ")[0].endswith(":"):
            wanted = False  # a mapping without a file
        elif wanted and line.startswith("Anonymous:") and int(line.split()[1]) > 0:
            found.pop()
            wanted = False
    return found
