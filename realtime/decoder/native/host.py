"""Which kind of product this CPU runs, and where compiled code is kept. Read before anything is compiled."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from numba.core import config

from realtime.decoder.native.products import KINDS, Kind
from realtime.decoder.shape import DecoderShape

KIND_VARIABLE = "FORETHOUGHT_KERNELS"
"""Environment variable for tests and benchmarks: the name of a kind, or `torch` for none."""


def kind_of_host() -> Kind | None:
    """The best kind that this CPU runs; None where it runs none."""
    wanted = os.environ.get(KIND_VARIABLE)
    try:
        features = dict(llvm.get_host_cpu_features())
    except RuntimeError:  # LLVM cannot tell on this platform
        return None
    return next((kind for kind in KINDS if kind.runs_on(features) and wanted in (None, kind.name)), None)


def supports(shape: DecoderShape) -> bool:
    """Whether the compiled code can run this shape: rows must be whole vectors."""
    inputs = (shape.width, shape.heads * shape.head_dim, shape.mlp_width)
    return all(length % 16 == 0 for length in inputs)


def use_cache(kind: Kind) -> bool:
    """Point numba's cache at a directory of this version of the sources; False where none can be written.

    Numba looks at the file of a compiled function alone, not at what it calls: hence the digest of all of them. The
    user's own cache directory serves packages that are installed read-only, too.
    """
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {kind.name}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = base / "forethought" / f"kernels-{digest.hexdigest()[:16]}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / ".writable").touch()
    except (OSError, RuntimeError):
        return False
    numba_config: Any = config  # numba declares its settings at run time
    numba_config.CACHE_DIR = str(directory)
    return True
