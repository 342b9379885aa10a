"""Every benchmark can at least be begun: it imports, and says how it is used where it has options."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from realtime.settings import REPOSITORY

FOLDER = REPOSITORY / "benchmarks"
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if path.name != "__init__.py"
)
# One process for all of them: what they import takes seconds, and stays out of the tests' own process.
PROGRAM = """
import contextlib, importlib, io, json, sys, traceback

def begun(name):
    said = io.StringIO()
    sys.argv = [name, "--help"]
    try:
        module = importlib.import_module(name)
        if not hasattr(module, "main") or name not in OPTIONS:
            return "imported"
        with contextlib.redirect_stdout(said):
            module.main()
    except SystemExit as end:
        return "helped" if not end.code and "usage:" in said.getvalue() else f"ended with {end.code}"
    except BaseException:
        return traceback.format_exc()
    return "ran on instead of saying how it is used"

OPTIONS = set(sys.argv[1].split())
print(json.dumps({name: begun(name) for name in sys.argv[2:]}))
"""


def has_options(name: str) -> bool:
    return "add_argument(" in (REPOSITORY / f"{name.replace('.', '/')}.py").read_text()


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    options = " ".join(name for name in MODULES if has_options(name))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, options, *MODULES], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", MODULES)
def test_a_benchmark_can_be_begun(outcomes: dict[str, str], name: str) -> None:
    assert outcomes[name] == ("helped" if has_options(name) else "imported")


def test_most_of_them_have_options(outcomes: dict[str, str]) -> None:
    assert sum(outcome == "helped" for outcome in outcomes.values()) > len(MODULES) // 2
