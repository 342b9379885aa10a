"""From the turns of a run to the figures of docs/latency.md, each beside its aim. Pure; it measures nothing.

The input is docs/data/first_packet.json as `benchmarks.first_packet` writes it: `runs`, by name, each the JSON of
`forethought measure`.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from client_demo.correctness import plain_words
from client_demo.report import percentiles

Turn = Mapping[str, Any]
Run = Mapping[str, Any]

PACKET_MS = 20
VAD_FRAME_MS = 32
# Bytes read for one token: every int8 weight once.
TOKEN_BYTES = 134_515_008
THINKING = "medium"
BEGINS_WITH_TONES = ("14_beeps", "15_sweep")
SEED_FILE = re.compile(r"\d\d_")


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is None where the run that gives it is missing; `aim` is "at most" unless `at_least`; None reports only.
    `digits` behind the point."""

    name: str
    value: float | None
    aim: float | None = None
    unit: str = "ms"
    at_least: bool = False
    digits: int = 0

    @property
    def met(self) -> bool | None:
        if self.value is None or self.aim is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def shown(self, value: float | None) -> str:
        return "–" if value is None else f"{value:,.{self.digits}f}{f' {self.unit}' if self.unit else ''}"

    @property
    def aim_shown(self) -> str:
        return "" if self.aim is None else f"{'≥' if self.at_least else '≤'} {self.shown(self.aim)}"


def main_turns(runs: Mapping[str, Run]) -> list[Turn]:
    """The turns that the headline is about: plain and paused, with thinking, those that did not cut in."""
    return [
        turn
        for name in ("plain", "paused")
        for turn in turns_of(runs, name)
        if turn.get("cut_in_ms") is None and turn.get("effort") in (None, THINKING)
    ]


def turns_of(runs: Mapping[str, Run], name: str) -> list[Turn]:
    return list(runs.get(name, {}).get("turns", ()))


def interrupted_by_voice(turns: list[Turn]) -> list[Turn]:
    """Those whose answer the next recording was spoken into; two recordings begin with tones, which are no barge-in."""
    return [turn for turn, following in pairwise(turns) if not following["file"].startswith(BEGINS_WITH_TONES)]


def is_seed(turn: Turn) -> bool:
    """A seed sample, plain or paused: a synthetic voice. The others are people."""
    return bool(SEED_FILE.match(turn["file"]))


def column(turns: Iterable[Turn], name: str) -> list[float]:
    return [turn[name] for turn in turns if turn.get(name) is not None]


def figures(data: Mapping[str, Any]) -> list[Figure]:
    """All of them, in the order of the page."""
    runs: Mapping[str, Run] = data["runs"]
    main = main_turns(runs)
    eos, eot = percentiles(column(main, "ttfp_eos_ms")), percentiles(column(main, "ttfp_eot_ms"))
    seed = percentiles(column((turn for turn in main if is_seed(turn)), "ttfp_eos_ms"))
    people = percentiles(column((turn for turn in main if not is_seed(turn)), "ttfp_eos_ms"))
    paused = runs.get("paused", {}).get("cut_ins", {})
    share, short = paused.get("share"), paused.get("short_pauses", {}).get("share")
    stops = column((t for t in turns_of(runs, "paused") if t.get("cut_in_ms") is not None), "barge_in_stop_ms")
    barge = percentiles(column(interrupted_by_voice(turns_of(runs, "barge-in")), "barge_in_stop_ms"))
    saved = percentiles(tokens_saved(main))
    counterfactual = percentiles(counterfactuals(main))
    worst_memory = max((run["memory_mb"].get("both", 0.0) for run in runs.values() if "memory_mb" in run), default=None)
    worst_lag = max((run.get("loop_lag_p99_ms") or 0.0 for run in runs.values()), default=None)
    return [
        Figure("TTFP_eos p50", eos["p50"], 300),
        Figure("TTFP_eos p95", eos["p95"], 600),
        *(Figure(f"TTFP_eos {rank}, seed samples", seed[rank]) for rank in ("p50", "p95")),
        *(Figure(f"TTFP_eos {rank}, people", people[rank]) for rank in ("p50", "p95")),
        Figure("TTFP_eot p50", eot["p50"], 50),
        Figure("TTFP_eot p95", eot["p95"], 250),
        Figure("questions with inner pauses of up to 0.7 s that were answered into", percent(short), 3, "%", digits=1),
        Figure("the same, with one whose speaker pauses for longer", percent(share), None, "%", digits=1),
        Figure("those fell silent after renewed speech, at most", max(stops, default=None), 100),
        Figure("TTFP_eos with thinking / without, medians", ratio(runs), 1.05, "", digits=2),
        Figure("TTFP_eos after a minute of speech / after 3 s, medians", long_ratio(runs), 1.10, "", digits=2),
        Figure("barge-in: last answer packet after the user's first voiced, p95", barge["p95"], 100),
        Figure(
            "answers equal to those after a full wait", percent(equal_share(runs)), 97, "%", at_least=True, digits=1
        ),
        Figure("the same, where the turn was not cut", percent(equal_share(runs, whole=True)), None, "%", digits=1),
        Figure("exact answers while listening is thinking", percent(exact(runs, "held seed")), None, "%", digits=1),
        Figure("exact answers without notes and rehearsals", percent(exact(runs, "no notes")), None, "%", digits=1),
        Figure("reasoning tokens before the turn ended, p50", saved["p50"], None, "tokens"),
        Figure("TTFP_eos p50, had thinking begun at the end of the turn", counterfactual["p50"]),
        Figure("TTFP_eos p50 where nothing is noted or rehearsed while the user speaks", summary(runs, "no notes")),
        Figure("WebSocket: TTFP_eos p50", summary(runs, "websocket")),
        Figure("four sessions: TTFP_eos p50", summary(runs, "four sessions")),
        Figure("cascade: TTFP_eos p50", cascade_rank(data, "p50")),
        Figure("cascade: TTFP_eos p95", cascade_rank(data, "p95")),
        Figure("cascade: questions with inner pauses that it would have cut", percent(cascade_cut(data)), None, "%"),
        Figure("event-loop lag p99, worst minute", worst_lag, 10, digits=1),
        Figure("memory of server and engine, most", worst_memory, 1200, "MB"),
    ]


def percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def ratio(runs: Mapping[str, Run]) -> float | None:
    """Of the medians of TTFP_eos with thinking and without, asked turn by turn."""
    value: float | None = (runs.get("plain", {}).get("efforts") or {}).get("ratio_of_medians")
    return value


def long_ratio(runs: Mapping[str, Run]) -> float | None:
    by_file: dict[str, list[float]] = {}
    for turn in turns_of(runs, "long"):
        if turn.get("ttfp_eos_ms") is not None and turn.get("cut_in_ms") is None:
            by_file.setdefault(turn["file"], []).append(turn["ttfp_eos_ms"])
    long, short = (by_file.get(name) for name in ("question_after_talk.wav", "question.wav"))
    return statistics.median(long) / statistics.median(short) if long and short else None


def last_answers(run: Run) -> dict[str, tuple[list[str], bool]]:
    """By file: the words of the answer to its last turn, and whether the question was one turn."""
    found: dict[str, tuple[list[str], bool]] = {}
    for turn in run.get("turns", ()):
        found[turn["file"]] = (plain_words(turn.get("answer") or ""), turn["file"] not in found)
    return found


def equal_share(runs: Mapping[str, Run], *, whole: bool = False) -> float | None:
    """Share of recordings whose answer as shipped has the words of the answer after a full wait; `whole`: among those
    that were one turn in both runs."""
    if "held" not in runs or "waited" not in runs:
        return None
    held, waited = last_answers(runs["held"]), last_answers(runs["waited"])
    pairs = [(held[file], waited[file]) for file in held if file in waited]
    if whole:
        pairs = [(a, b) for a, b in pairs if a[1] and b[1]]
    return sum(a[0] == b[0] for a, b in pairs) / len(pairs) if pairs else None


def exact(runs: Mapping[str, Run], name: str) -> float | None:
    """Exact match over the seed samples asked one by one. "held seed": those of the run "held" that "no notes" has."""
    if name != "held seed":
        body = (runs.get(name, {}).get("correctness") or {}).get("ours") or {}
        share: float | None = body.get("exact_share")
        return share
    expected: Mapping[str, str] = runs.get("held", {}).get("expected", {})
    held = last_answers(runs.get("held", {}))
    asked = {turn["file"] for turn in turns_of(runs, "no notes")}
    right = [
        held[file][0] == plain_words(expected[file]) for file in sorted(asked) if file in held and file in expected
    ]
    return sum(right) / len(right) if right else None


def tokens_saved(turns: Iterable[Turn]) -> list[float]:
    return [turn["thinking"]["tokens_before_turn_end"] for turn in turns if turn.get("thinking")]


def counterfactuals(turns: Iterable[Turn]) -> list[float]:
    return [turn["counterfactual_ttfp_eos_ms"] for turn in turns if turn.get("counterfactual_ttfp_eos_ms") is not None]


def summary(runs: Mapping[str, Run], name: str, rank: str = "p50") -> float | None:
    value: float | None = runs.get(name, {}).get("summary", {}).get("ttfp_eos_ms", {}).get(rank)
    return value


def cascade_rank(data: Mapping[str, Any], rank: str) -> float | None:
    value: float | None = (data.get("cascade") or {}).get("summary", {}).get("ttfp_eos_ms", {}).get(rank)
    return value


def cascade_cut(data: Mapping[str, Any]) -> float | None:
    turns = [turn for turn in (data.get("cascade") or {}).get("turns", ()) if is_paused(turn["file"])]
    return sum(1 for turn in turns if turn["early_ends"]) / len(turns) if turns else None


def is_paused(file: str) -> bool:
    """Paused recordings are NAME.VARIANT.wav."""
    return file.removesuffix(".wav").rpartition(".")[2].isdigit() and "." in file.removesuffix(".wav")


def physical_limits(data: Mapping[str, Any]) -> list[Figure]:
    """What no software can go below on this machine."""
    bandwidth = data.get("read_bandwidth_gb_s")
    token_ms = None if not bandwidth else TOKEN_BYTES / bandwidth / 1e6
    return [
        Figure("a packet: the last sample waits for its 20 ms to be full", PACKET_MS),
        Figure("a frame of the voice detector", VAD_FRAME_MS),
        Figure("memory read bandwidth", bandwidth, None, "GB/s", digits=1),
        Figure("reading every weight once: a token without help", token_ms, None, digits=1),
    ]


def table(rows: Iterable[Figure]) -> str:
    """Markdown: figure, measured, aim, met."""
    mark: Callable[[bool | None], str] = lambda met: "" if met is None else ("yes" if met else "**no**")  # noqa: E731
    lines = [f"| {f.name} | {f.shown(f.value)} | {f.aim_shown} | {mark(f.met)} |" for f in rows]
    return "\n".join(["| figure | measured | aim | met |", "|---|---|---|---|", *lines])
