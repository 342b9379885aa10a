"""The C heap gives back what a thread has freed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# 16 blocks of 2 MiB, once a block of 24 MiB was freed; NumPy's memory comes from malloc.
PROGRAM = """
import sys, numpy as np
from realtime.heap import give_back_freed_memory
from realtime.metrics import resident_bytes

if sys.argv[1] == "bounded":
    assert give_back_freed_memory()
block = np.ones(3 << 20)
del block
before = resident_bytes()
blocks = [np.ones(1 << 18) for _ in range(16)]
keeps_the_end = np.ones(1 << 10)
del blocks
print(resident_bytes() - before)
"""


def kept_bytes(how: str) -> float:
    """What a new process holds of 32 MiB that it has freed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_memory_goes_back() -> None:
    kept = {how: kept_bytes(how) for how in ("bounded", "as it comes")}
    assert kept["bounded"] < 8 << 20 < kept["as it comes"]


TRIMMED = """
import numpy as np
from realtime.heap import trim
from realtime.metrics import resident_bytes

blocks = [np.ones(1 << 13) for _ in range(512)]  # 64 KiB each: of the heap, whatever its thresholds
kept = blocks[15::16]
del blocks
before = resident_bytes()
assert trim()
print(before - resident_bytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_what_is_free_in_the_middle_of_the_heap_is_given_back_by_a_trim() -> None:
    done = subprocess.run([sys.executable, "-c", TRIMMED], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert float(done.stdout) > 24 << 20
