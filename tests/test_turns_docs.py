"""The room's walls and its page: what the cores may import, and that docs/turns.md draws the machine as it is."""

from __future__ import annotations

import ast
import sys

import pytest

import realtime.turns
from realtime.turns import diagram
from realtime.turns.policy import EAGERNESS
from tests.turns_material import ROOT

ROOM = ROOT / "realtime" / "turns"
PAGE = ROOT / "docs" / "turns.md"
CORES = ["decisions", "policy", "onset", "listener", "machine", "logmel", "offline", "__init__"]
FORBIDDEN = {"asyncio", "socket", "time", "threading", "torch"}


def imported(name: str) -> set[str]:
    tree = ast.parse((ROOM / f"{name}.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("name", CORES)
def test_cores_know_no_clock_no_task_no_socket(name: str) -> None:
    assert not {module.split(".")[0] for module in imported(name)} & FORBIDDEN


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_the_room_imports_nothing_above_it(path: object) -> None:
    allowed = {"realtime.errors"}
    modules = {m for m in imported(path.stem) if m.startswith("realtime")}  # type: ignore[attr-defined]
    assert all(m in allowed or m.startswith("realtime.turns.") for m in modules)
    assert "torch" not in imported(path.stem)  # type: ignore[attr-defined]


def test_the_face_is_what_is_listed() -> None:
    assert sorted(realtime.turns.__all__) == sorted(
        name
        for name, value in vars(realtime.turns).items()
        if not name.startswith("_") and type(value) is not type(sys)
    )


def test_the_page_contains_the_diagram_of_the_table() -> None:
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text(encoding="utf-8")


def test_the_page_states_the_waits_of_each_eagerness() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, p in EAGERNESS.items():
        waits = (p.sure_ms, p.likely_ms, p.plausible_ms, p.ceiling_ms, p.objected_ms)
        assert f"| `{name}` | {' | '.join(map(str, waits))} |" in page
