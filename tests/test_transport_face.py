"""What the transport shows and what it must not pull in: no torch in the server, no I/O in the cores."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from realtime import transport

ROOM = Path(transport.__file__).parent
CORES = ("auth", "jitter_buffer", "link", "opus", "resampler", "sdp")
FORBIDDEN = {"asyncio", "socket", "time", "threading", "torch"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_exported_names() -> None:
    assert sorted(transport.__all__) == sorted(name for name in transport.__all__ if hasattr(transport, name))
    assert {"CallRoutes", "Link", "answer", "uvicorn_socket_options"} <= set(transport.__all__)


@pytest.mark.parametrize("core", CORES)
def test_cores_know_no_clock_and_no_socket(core: str) -> None:
    assert not {name.partition(".")[0] for name in imported(ROOM / f"{core}.py")} & FORBIDDEN


def test_the_room_knows_no_mind_engine_or_turns() -> None:
    for path in ROOM.glob("*.py"):
        rooms = {name for name in imported(path) if name.startswith("realtime.")}
        assert not {name for name in rooms if name.split(".")[1] in ("mind", "engine", "turns", "decoder")}, path.name


def test_importing_it_does_not_import_torch() -> None:
    check = "import sys; sys.modules['torch'] = None; import realtime.transport"
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
