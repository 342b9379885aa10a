"""Pages of a library are let go of, come back when they are touched, and what a process wrote is never thrown away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from realtime.mapped import _clean_mappings, leave

ROOT = Path(__file__).resolve().parent.parent

SMAPS = """\
1000-3000 r-xp 00000000 00:1f 12 /opt/lib/libmodel-1.so
Rss:                   8 kB
Anonymous:             0 kB
VmFlags: rd ex
3000-4000 r--p 00002000 00:1f 12 /opt/lib/libmodel-1.so
Anonymous:             4 kB
4000-5000 rw-p 00003000 00:1f 12 /opt/lib/libmodel-1.so
Anonymous:             0 kB
5000-6000 r-xp 00000000 00:1f 13 /opt/libmodel/other.so
Anonymous:             0 kB
6000-7000 r--p 00000000 00:00 0
Anonymous:             0 kB
7000-9000 r--p 00000000 00:1f 12 /opt/lib/libmodel-1.so (deleted)
Anonymous:             0 kB
"""

# Resident bytes of llvmlite's library before, after, and when it has been used again; its own pages before and after.
PROGRAM = """
import re
from pathlib import Path
import llvmlite.binding as llvm
from realtime.mapped import leave

def of_library(what):
    parts = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text())
    kib = [re.search(what + r": +(\\d+)", part)[1] for part in parts if "libllvmlite" in part.partition("\\n")[0]]
    return sum(map(int, kib)) * 1024

features = dict(llvm.get_host_cpu_features())
before, own = of_library("Rss"), of_library("Anonymous")
assert leave("libllvmlite") >= before - own > 1 << 20
print(before - own, of_library("Rss") - own, own - of_library("Anonymous"))
assert dict(llvm.get_host_cpu_features()) == features
llvm.parse_assembly("define i32 @one() { ret i32 1 }").verify()
"""


def test_only_mappings_that_are_wholly_the_files_own_are_left() -> None:
    assert _clean_mappings("libmodel", SMAPS) == [(0x1000, 0x3000), (0x7000, 0x9000)]
    assert _clean_mappings("other", SMAPS) == [(0x5000, 0x6000)]


@pytest.mark.skipif(sys.platform != "linux", reason="madvise on mappings listed in /proc")
def test_a_library_that_was_left_goes_and_comes_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    clean, left, lost = (int(number) for number in done.stdout.split())
    assert clean > 1 << 20 and left < clean / 100 and lost == 0


def test_a_library_that_is_not_there_is_no_error() -> None:
    assert leave("libnobody") == 0
