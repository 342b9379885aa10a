"""Where the speech programs, their libraries and models are found. Knows paths and no voice.

One folder, named by FORETHOUGHT_SPEECH_TOOLS, may hold everything (`bin/`, `lib/`, `share/`, `models/`), so that a
machine without packages or network can speak; what is not in it is looked for as any program is.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
from pathlib import Path

TOOLS_VARIABLE = "FORETHOUGHT_SPEECH_TOOLS"


class SpeechToolMissing(Exception):
    """A program, library or model is not on this machine. Says which, and where it was looked for."""


def folder() -> Path | None:
    """The folder of carried tools, or None where the variable is unset or names nothing."""
    value = os.environ.get(TOOLS_VARIABLE, "")
    return Path(value) if value and Path(value).is_dir() else None


def _carried(part: str, name: str) -> Path | None:
    root = folder()
    if root is None:
        return None
    path = root / part / name
    return path if path.exists() else None


def program(name: str) -> str:
    """The path of a program, carried or installed; raises SpeechToolMissing."""
    found = _carried("bin", name)
    path = str(found) if found else shutil.which(name)
    if path is None:
        raise SpeechToolMissing(
            f"no program {name!r} in {TOOLS_VARIABLE}/bin nor on PATH: install it or set the variable"
        )
    return path


def library(soname: str) -> str:
    """What ctypes may load for `libname.so.N`: a carried file, or the name for the system's loader."""
    found = _carried("lib", soname)
    if found:
        return str(found)
    if ctypes.util.find_library(soname.removeprefix("lib").partition(".so")[0]) is None:
        raise SpeechToolMissing(f"no library {soname} in {TOOLS_VARIABLE}/lib nor on the system: install it")
    return soname


def data(name: str) -> Path | None:
    """A folder under `share/`, or None: the library then uses its own."""
    return _carried("share", name)


def model(name: str, package: str = "", inside: str = "") -> Path:
    """A model file under `models/`, or `inside` an installed package; raises SpeechToolMissing."""
    found = _carried("models", name)
    if found:
        return found
    if package:
        import importlib.util  # noqa: PLC0415 — only where no file is carried

        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            path = Path(place) / inside / name
            if path.exists():
                return path
    raise SpeechToolMissing(f"no model {name!r} in {TOOLS_VARIABLE}/models nor in a package {package or '-'!r}")


def environment() -> dict[str, str]:
    """The environment for a child process: carried libraries are found first."""
    env = dict(os.environ)
    root = folder()
    if root is not None:
        env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(root / "lib"), env.get("LD_LIBRARY_PATH", "")]))
    return env
