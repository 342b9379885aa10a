"""Summaries of many turns: percentiles, cut-ins, what thinking ahead saved, the machine, the JSON of `measure`.

Pure but for reading what machine this is; it knows no wire and prints nothing.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from client_demo import correctness, thinking_saved
from client_demo.correctness import Expectation, judge
from client_demo.errors import ExitCode
from client_demo.ledger import RESIDUAL_LIMIT_MS, STAGES
from client_demo.turn_record import TurnReport
from client_demo.wire import TransportName

PERCENTILES = (50, 90, 95, 99)
# People rarely pause for longer inside a sentence; behind such a silence they expect to be answered.
PAUSE_MS = 700


@dataclass(frozen=True, slots=True)
class MeasuredTurn:
    """One turn of a measurement, with the file and the session it came from. `report` is None where the server heard
    no turn at all; `missing` then says what happened instead.

    `question` counts the recordings of the session; one that was taken for several turns gives several with one
    number. `cut_in_ms`: the answer's first packet arrived so long before the recording's last voiced sample had left.
    `pause_ms`: the longest silence inside the recording.
    """

    session: int
    file: str
    report: TurnReport | None
    missing: str | None = None
    question: int = 0
    cut_in_ms: float | None = None
    effort: str | None = None
    pause_ms: float = 0.0

    def to_json(self) -> dict[str, Any]:
        body = self.report.to_json() if self.report else {"status": self.missing}
        cut_in_ms = None if self.cut_in_ms is None else round(self.cut_in_ms, 3)
        about: dict[str, Any] = {"question": self.question, "effort": self.effort, "cut_in_ms": cut_in_ms}
        about["pause_ms"] = round(self.pause_ms, 3)
        ahead = thinking_saved.thinking_saved(self.report) if self.report else None
        if ahead is not None:
            about["hidden_ms"] = round(ahead.hidden_ms, 3)
            about["counterfactual_ttfp_eos_ms"] = round(ahead.counterfactual_ttfp_eos_ms, 3)
        return {"session": self.session, "file": self.file, **about, **body}


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """What `measure` found. `failures` counts asked recordings and turns without a completed answer, but for answers
    that were spoken into after the question was over (`--barge-in`): to fall silent then is no failure.

    Turns that cut in are counted in `cut_ins`, and their times are in no percentile: an answer into the middle of a
    sentence is quick, but no first packet of an answer to it.
    """

    transport: TransportName
    sessions: int
    turns: tuple[MeasuredTurn, ...]
    order_problems: tuple[str, ...]
    errors: tuple[str, ...]
    max_send_lag_ms: float
    duration_s: float
    model: str | None
    efforts: tuple[str | None, ...] = (None,)
    expected: Mapping[str, Expectation] = field(default_factory=dict)
    cascade: Mapping[str, Any] | None = None

    @property
    def timed(self) -> list[TurnReport]:
        """The turns whose times count: all that did not cut in."""
        return [turn.report for turn in self.turns if turn.report is not None and turn.cut_in_ms is None]

    @property
    def reports(self) -> list[TurnReport]:
        return [turn.report for turn in self.turns if turn.report is not None]

    @property
    def failures(self) -> int:
        return sum(1 for turn in self.turns if turn.report is None or not (turn.report.answered or _spoken_into(turn)))

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
            "summary": summary(self.timed),
            "cut_ins": cut_ins(self.turns),
            "barge_in_stop_ms": percentiles(barge_in_stops(self.reports)),
            "thinking_saved": saved(self.timed),
            "efforts": efforts(self),
            "correctness": score(self),
            "expected": {file: one.answer for file, one in self.expected.items() if one.answer},
            "cascade": self.cascade,
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


def cut_ins(turns: Sequence[MeasuredTurn]) -> dict[str, Any]:
    """How many questions were answered into: any packet with speech in it arrived before their last voiced sample had
    left. `short_pauses`: the same of those that hold no longer silence than `PAUSE_MS`; behind one that does, a person
    would answer too. `stop_ms`: from renewed speech to the last such packet, of those that the user spoke on into."""
    stops = barge_in_stops([turn.report for turn in turns if turn.report is not None and turn.cut_in_ms is not None])
    worst = round(max(stops), 3) if stops else None
    short = [turn for turn in turns if turn.pause_ms <= PAUSE_MS]
    return {
        **_answered_into(turns),
        "short_pauses": {"pause_ms": PAUSE_MS, **_answered_into(short)},
        "stop_ms": percentiles(stops) | {"max": worst},
    }


def _answered_into(turns: Sequence[MeasuredTurn]) -> dict[str, Any]:
    asked = {(turn.session, turn.question) for turn in turns}
    cut = {(turn.session, turn.question) for turn in turns if turn.cut_in_ms is not None}
    return {"questions": len(asked), "cut": len(cut), "share": round(len(cut) / len(asked), 4) if asked else None}


def barge_in_stops(reports: Sequence[TurnReport]) -> list[float]:
    return [turn.barge_in_stop_ms for turn in reports if turn.barge_in_stop_ms is not None]


def saved(reports: Sequence[TurnReport]) -> dict[str, dict[str, float | None]]:
    """Percentiles of what thinking ahead saved (`thinking_saved`)."""
    return {name: percentiles(column) for name, column in thinking_saved.columns(reports).items()}


def efforts(result: MeasureResult) -> dict[str, Any] | None:
    """TTFP_eos by effort, and the ratio of the medians, first to second; None where one effort was asked."""
    if len(result.efforts) < 2:
        return None
    columns: dict[str, dict[str, float | None]] = {}
    for effort in result.efforts:
        reports = [
            turn.report
            for turn in result.turns
            if turn.report is not None and turn.cut_in_ms is None and turn.effort == effort
        ]
        columns[effort or "default"] = summary(reports)["ttfp_eos_ms"]
    with_thinking, without = (ranks["p50"] for ranks in columns.values())
    ratio = round(with_thinking / without, 4) if with_thinking is not None and without else None
    return {"ttfp_eos_ms": columns, "ratio_of_medians": ratio}


def score(result: MeasureResult) -> dict[str, Any] | None:
    """Ours, and the cascade's where it ran, against what was expected; None where nothing was.

    Of a question that was taken for several turns the words of all count, and the answer of the last.
    """
    if not result.expected:
        return None
    questions: dict[tuple[int, int], list[MeasuredTurn]] = {}
    for turn in result.turns:
        questions.setdefault((turn.session, turn.question), []).append(turn)
    verdicts = []
    for turns in questions.values():
        expected = result.expected.get(turns[0].file)
        reports = [turn.report for turn in turns if turn.report is not None]
        if expected is not None:
            heard = " ".join(report.transcript for report in reports)
            verdicts.append(judge(expected, heard, reports[-1].answer if reports else ""))
    body = {"ours": correctness.summary_of(verdicts)}
    if result.cascade is not None:
        others = [
            judge(expected, turn["transcript"], turn["answer"])
            for turn in result.cascade["turns"]
            if (expected := result.expected.get(turn["file"])) is not None
        ]
        body["cascade"] = correctness.summary_of(others)
    return body


def _spoken_into(turn: MeasuredTurn) -> bool:
    report = turn.report
    return report is not None and report.barge_in_stop_ms is not None and turn.cut_in_ms is None


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
