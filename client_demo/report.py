"""Summaries of many turns: percentiles, the machine, the JSON of `measure`.

Pure but for reading what machine this is; it knows no wire and prints nothing.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from client_demo.errors import ExitCode
from client_demo.ledger import RESIDUAL_LIMIT_MS, STAGES
from client_demo.turn_record import TurnReport
from client_demo.wire import TransportName

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class MeasuredTurn:
    """One turn of a measurement, with the file and the session it came from. `report` is None where the server heard
    no turn at all; `missing` then says what happened instead."""

    session: int
    file: str
    report: TurnReport | None
    missing: str | None = None

    def to_json(self) -> dict[str, Any]:
        body = self.report.to_json() if self.report else {"status": self.missing}
        return {"session": self.session, "file": self.file, **body}


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """What `measure` found. `failures` counts asked recordings and turns without a completed answer."""

    transport: TransportName
    sessions: int
    turns: tuple[MeasuredTurn, ...]
    order_problems: tuple[str, ...]
    errors: tuple[str, ...]
    max_send_lag_ms: float
    duration_s: float
    model: str | None

    @property
    def reports(self) -> list[TurnReport]:
        return [turn.report for turn in self.turns if turn.report is not None]

    @property
    def failures(self) -> int:
        return sum(1 for turn in self.turns if turn.report is None or not turn.report.answered)

    @property
    def exit_code(self) -> ExitCode:
        if not self.reports:
            return ExitCode.NO_SPEECH if not self.errors else ExitCode.FAILED
        return ExitCode.FAILED if self.failures else ExitCode.OK

    def to_json(self) -> dict[str, Any]:
        return {
            "transport": self.transport,
            "sessions": self.sessions,
            "turns": [turn.to_json() for turn in self.turns],
            "summary": summary(self.reports),
            "unbalanced_ledgers": unbalanced(self.reports),
            "failures": self.failures,
            "order_problems": list(self.order_problems),
            "errors": list(self.errors),
            "max_send_lag_ms": round(self.max_send_lag_ms, 3),
            "duration_s": round(self.duration_s, 3),
            "model": self.model,
            "machine": machine(),
        }


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """`{p50, p90, p95, p99}` of `values`, interpolated linearly between ranks; None of nothing."""
    held = np.fromiter(values, dtype=np.float64)
    if held.size == 0:
        return {f"p{rank}": None for rank in PERCENTILES}
    return {f"p{rank}": round(float(np.percentile(held, rank)), 3) for rank in PERCENTILES}


def summary(reports: Sequence[TurnReport]) -> dict[str, dict[str, float | None]]:
    """Percentiles of each figure and each stage over the turns that have it."""
    figures = {
        "ttfp_eos_ms": [turn.ttfp_eos_ms for turn in reports],
        "ttfp_eot_ms": [turn.ttfp_eot_ms for turn in reports],
        "ttfp_eot_server_ms": [turn.ttfp_eot_server_ms for turn in reports],
        "endpoint_share": [turn.endpoint_share for turn in reports],
        "residual_ms": [abs(turn.ledger.residual_ms) if turn.ledger else None for turn in reports],
    }
    for name in stage_names(reports):
        figures[name] = [turn.ledger.stages_ms.get(name) if turn.ledger else None for turn in reports]
    return {name: percentiles(value for value in column if value is not None) for name, column in figures.items()}


def stage_names(reports: Sequence[TurnReport]) -> list[str]:
    """The stages that occur, in the order in which they pass; ones that this client does not know last."""
    seen: dict[str, None] = {}
    for turn in reports:
        seen.update(dict.fromkeys(turn.ledger.stages_ms if turn.ledger else ()))
    return [name for name in STAGES if name in seen] + [name for name in seen if name not in STAGES]


def unbalanced(reports: Sequence[TurnReport]) -> int:
    """How many turns have a ledger whose stages miss the measured total by more than `RESIDUAL_LIMIT_MS`."""
    return sum(1 for turn in reports if turn.ledger is not None and not turn.ledger.balanced)


def balance_line(reports: Sequence[TurnReport]) -> str:
    """One sentence on how well the ledgers sum."""
    ledgers = [turn.ledger for turn in reports if turn.ledger is not None]
    if not ledgers:
        return "The server sent no ledger."
    worst = max(abs(one.residual_ms) for one in ledgers)
    kinds = ", ".join(sorted({one.clock for one in ledgers}))
    return (
        f"{len(ledgers) - unbalanced(reports)} of {len(ledgers)} ledgers sum to the stopwatch within "
        f"{RESIDUAL_LIMIT_MS:.0f} ms (worst {worst:.1f} ms; clock: {kinds})."
    )


def machine() -> dict[str, Any]:
    """The machine that the client ran on: CPU model, cores we may use, memory, Python, platform."""
    return {
        "cpu": _first_field(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def machine_line(about: Mapping[str, Any]) -> str:
    return f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB, Python {about['python']}"


def _memory_gib() -> float | None:
    total = _first_field(Path("/proc/meminfo"), "MemTotal")
    return round(int(total.split()[0]) / (1024 * 1024), 1) if total else None


def _first_field(path: Path, name: str) -> str | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
