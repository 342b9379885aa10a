"""`forethought measure FILES…`: many turns over one or several sessions, each timed by the client's own stopwatch.

Every session asks the files round robin, one turn after another: the next question begins when the answer to the last
has been heard to its end, or, with `barge_in_ms`, that long after its first sound. Where two efforts are compared they
take turns, question by question, and change places from round to round, so that drift of the machine meets both
alike. Concurrent sessions begin with different files, so they do not speak in step. What the
figures mean is said in `turn_record.TurnReport` and `ledger`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from client_demo.ask import DEFAULT_URL
from client_demo.audio_file import Recording, read_recording
from client_demo.cascade import require_cascade, run_cascade
from client_demo.correctness import read_expectations
from client_demo.errors import UsageFailure, WireFailure
from client_demo.probe import GRACE_S, REPLY_TIMEOUT_S, Outcome, Patience, Probe
from client_demo.report import MeasuredTurn, MeasureResult
from client_demo.source import NS_PER_MS, PacedSource
from client_demo.wire import WIRE_RATE_HZ, ServerAddress, TransportName, open_wire

# Between an answer and the next question, as between two people who listen to each other.
PAUSE_S = 0.5
# Sessions begin this far apart, so that K offers do not meet in one instant that no real load has.
STAGGER_S = 0.25

DEFAULT_EFFORT = "medium"  # of the protocol

Progress = Callable[[int, int], None]  # turns done, turns wanted


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What `measure` is told. `turns` is per session; None asks each file once.

    `fresh`: a new connection, and so a new conversation, for each turn; `block`: for each so many turns.
    `effort` and `compare_effort` are session.reasoning.effort; `session` holds further settings of the session.
    """

    files: tuple[Path, ...]
    url: str = DEFAULT_URL
    transport: TransportName = "webrtc"
    turns: int | None = None
    sessions: int = 1
    fresh: bool = False
    block: int | None = None
    effort: str | None = None
    compare_effort: str | None = None
    barge_in_ms: float | None = None
    expect: Path | None = None
    cascade: bool = False
    session: Mapping[str, Any] = field(default_factory=dict)
    json_out: Path | None = None
    html_out: Path | None = None
    timeout_s: float = REPLY_TIMEOUT_S
    grace_s: float = GRACE_S
    pause_s: float = PAUSE_S
    key: str | None = None


@dataclass(slots=True)
class _Findings:
    """What the sessions add to; one event loop, so no lock."""

    wanted: int
    progress: Progress | None
    asked: int = 0
    turns: list[MeasuredTurn] = field(default_factory=list)
    order_problems: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failures: list[WireFailure] = field(default_factory=list)
    max_send_lag_ms: float = 0.0
    model: str | None = None

    def recording_done(self) -> None:
        self.asked += 1
        if self.progress is not None:
            self.progress(self.asked, self.wanted)


async def measure(options: MeasureOptions, progress: Progress | None = None) -> MeasureResult:
    """Run all sessions and gather their turns; writes nothing. Raises `ClientFailure` where no turn could be asked
    at all; a session that is lost later is reported in `errors` beside the turns that it gave."""
    if not options.files:
        raise UsageFailure("give at least one sound file to ask")
    if options.sessions < 1 or (options.turns is not None and options.turns < 1):
        raise UsageFailure("--sessions and --turns must be at least 1")
    if len(set(_efforts(options))) < len(_efforts(options)):
        raise UsageFailure(f"--compare-effort {options.compare_effort} is the effort that it is to be compared with")
    address = ServerAddress.parse(options.url)
    expected = {} if options.expect is None else await asyncio.to_thread(read_expectations, options.expect)
    if options.cascade:
        await require_cascade()
    rate = WIRE_RATE_HZ[options.transport]
    recordings = [await asyncio.to_thread(read_recording, file, rate) for file in options.files]
    ends = {name: expectation.speech_end_ms for name, expectation in expected.items()}
    recordings = [each.until(ends.get(Path(each.name).name)) for each in recordings]
    turns = options.turns or len(recordings) * len(_efforts(options))
    findings = _Findings(turns * options.sessions, progress)
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for session in range(options.sessions):
            plan = [recordings[(session + turn) % len(recordings)] for turn in range(turns)]
            group.create_task(_session(session, plan, options, address, findings), name=f"measure/{session}")
    if findings.failures and not findings.turns:
        raise findings.failures[0]
    duration_s = time.monotonic() - begin
    cascade = await run_cascade(options.files) if options.cascade else None
    return MeasureResult(
        transport=options.transport,
        sessions=options.sessions,
        turns=tuple(findings.turns),
        order_problems=tuple(findings.order_problems),
        errors=tuple(findings.errors + [str(failure) for failure in findings.failures]),
        max_send_lag_ms=findings.max_send_lag_ms,
        duration_s=duration_s,
        model=findings.model,
        efforts=_efforts(options),
        expected=expected,
        cascade=cascade,
    )


def _efforts(options: MeasureOptions) -> tuple[str | None, ...]:
    """The efforts that take turns. None is the server's own; beside another one it must be named to come back."""
    if options.compare_effort is None:
        return (options.effort,)
    return (options.effort or DEFAULT_EFFORT, options.compare_effort)


def effort_of(options: MeasureOptions, question: int) -> str | None:
    """Neighbouring questions get different ones, and so does one file in neighbouring rounds."""
    efforts = _efforts(options)
    round_, place = divmod(question, len(options.files))
    return efforts[(place + round_) % len(efforts)]


async def _session(
    session: int, plan: Sequence[Recording], options: MeasureOptions, address: ServerAddress, findings: _Findings
) -> None:
    await asyncio.sleep(session * STAGGER_S)
    block = 1 if options.fresh else options.block or len(plan)
    for first in range(0, len(plan), block):
        try:
            await _call(session, first, plan[first : first + block], options, address, findings)
        except WireFailure as failure:
            findings.failures.append(failure)
            if block == len(plan):
                return


async def _call(
    session: int,
    first: int,
    plan: Sequence[Recording],
    options: MeasureOptions,
    address: ServerAddress,
    findings: _Findings,
) -> None:
    """One conversation: the questions `plan`, of which the first is number `first` of the session."""
    source = PacedSource(WIRE_RATE_HZ[options.transport])
    async with open_wire(options.transport, address, source, key=options.key) as wire:
        probe = Probe(wire, source, address, patience=Patience(options.grace_s, options.timeout_s))
        try:
            await probe.ready(options.session)
            model = probe.session.get("model")
            findings.model = model if isinstance(model, str) else findings.model
            await _questions(session, first, plan, options, probe, findings)
        finally:
            findings.order_problems += probe.order.problems
            findings.errors += probe.recorder.errors
            findings.max_send_lag_ms = max(findings.max_send_lag_ms, source.max_lag_ms)


async def _questions(
    session: int, first: int, plan: Sequence[Recording], options: MeasureOptions, probe: Probe, findings: _Findings
) -> None:
    interrupted = ""
    pauses = {recording.name: recording.longest_pause_ms for recording in plan}
    for number, recording in enumerate(plan, first):
        effort = effort_of(options, number)
        if effort is not None:
            await probe.configure({"reasoning": {"effort": effort}})
        if not interrupted:
            await probe.pause(options.pause_s)
        last = recording is plan[-1]
        asked = await probe.ask(recording, interrupt_ms=None if last else options.barge_in_ms)
        for turn in asked.turns:
            # An answer that was spoken into ends while the next question is asked.
            earlier = interrupted and (turn.first_packet_ns or asked.start_ns or 0) < (asked.start_ns or 0)
            cut_in_ms = None
            if not earlier and turn.first_packet_ns is not None and asked.speech_left_ns is not None:
                cut_in_ms = max(0.0, (asked.speech_left_ns - turn.first_packet_ns) / NS_PER_MS) or None
            file, question = (interrupted, number - 1) if earlier else (recording.name, number)
            findings.turns.append(
                MeasuredTurn(
                    session,
                    file,
                    turn,
                    question=question,
                    cut_in_ms=cut_in_ms,
                    effort=effort_of(options, question),
                    pause_ms=pauses[file],
                )
            )
        if not asked.turns and asked.outcome is not Outcome.INTERRUPTED:
            missing = asked.outcome.value
            findings.turns.append(
                MeasuredTurn(
                    session,
                    recording.name,
                    None,
                    missing,
                    question=number,
                    effort=effort,
                    pause_ms=pauses[recording.name],
                )
            )
        findings.recording_done()
        interrupted = recording.name if asked.outcome is Outcome.INTERRUPTED else ""
        if asked.outcome is Outcome.WIRE_LOST:
            findings.errors.append(f"session {session}: the connection ended in the middle of a turn")
            return
