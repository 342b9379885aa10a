"""The comparison beside ours: the same recordings through the usual cascade, in a process of its own, after our turns.

It knows the command and its JSON, and nothing of what the cascade is made of (benchmarks/cascade).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from client_demo.errors import CascadeFailed, CascadeMissing

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "benchmarks.cascade")
NOT_INSTALLED = 69  # its exit code where packages are missing


async def require_cascade() -> None:
    """Raises `CascadeMissing` before anything is measured, rather than behind an hour of turns."""
    if not (ROOT / "benchmarks" / "cascade").is_dir():
        raise CascadeMissing(
            "the comparison is in the repository, not in the installed package: run it from a checkout"
        )
    await _run("--check")


async def run_cascade(files: Sequence[Path]) -> dict[str, Any]:
    """The JSON of `python -m benchmarks.cascade FILES… --json -`. Raises `CascadeMissing` or `CascadeFailed`."""
    output = await _run(*(str(file.resolve()) for file in files), "--json", "-")
    try:
        body: dict[str, Any] = json.loads(output)
    except ValueError as error:
        raise CascadeFailed("the cascade printed no JSON") from error
    return body


async def _run(*words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return output
    lines = errors.decode(errors="replace").strip().splitlines() or ["no reason given"]
    if process.returncode == NOT_INSTALLED:
        raise CascadeMissing(lines[-1])
    raise CascadeFailed(f"the cascade ended with exit code {process.returncode}: {lines[-1]}")
