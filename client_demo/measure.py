"""`forethought measure FILES…`: many turns over one or several sessions, each timed by the client's own stopwatch.

Every session asks the files round robin, one turn after another: the next question begins when the answer to the last
has been heard to its end. Concurrent sessions begin with different files, so they do not speak in step. What the
figures mean is said in `turn_record.TurnReport` and `ledger`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from client_demo.ask import DEFAULT_URL
from client_demo.audio_file import Recording, read_recording
from client_demo.errors import UsageFailure, WireFailure
from client_demo.probe import GRACE_S, REPLY_TIMEOUT_S, Outcome, Patience, Probe
from client_demo.report import MeasuredTurn, MeasureResult
from client_demo.source import PacedSource
from client_demo.wire import WIRE_RATE_HZ, ServerAddress, TransportName, open_wire

# Between an answer and the next question, as between two people who listen to each other.
PAUSE_S = 0.5
# Sessions begin this far apart, so that K offers do not meet in one instant that no real load has.
STAGGER_S = 0.25

Progress = Callable[[int, int], None]  # turns done, turns wanted


@dataclass(frozen=True, slots=True)
class MeasureOptions:
    """What `measure` is told. `turns` is per session; None asks each file once."""

    files: tuple[Path, ...]
    url: str = DEFAULT_URL
    transport: TransportName = "webrtc"
    turns: int | None = None
    sessions: int = 1
    fresh: bool = False  # a new connection, and so a new conversation, for each turn
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
    address = ServerAddress.parse(options.url)
    rate = WIRE_RATE_HZ[options.transport]
    recordings = [await asyncio.to_thread(read_recording, file, rate) for file in options.files]
    turns = options.turns or len(recordings)
    findings = _Findings(turns * options.sessions, progress)
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for session in range(options.sessions):
            plan = [recordings[(session + turn) % len(recordings)] for turn in range(turns)]
            group.create_task(_session(session, plan, options, address, findings), name=f"measure/{session}")
    if findings.failures and not findings.turns:
        raise findings.failures[0]
    return MeasureResult(
        transport=options.transport,
        sessions=options.sessions,
        turns=tuple(findings.turns),
        order_problems=tuple(findings.order_problems),
        errors=tuple(findings.errors + [str(failure) for failure in findings.failures]),
        max_send_lag_ms=findings.max_send_lag_ms,
        duration_s=time.monotonic() - begin,
        model=findings.model,
    )


async def _session(
    session: int, plan: Sequence[Recording], options: MeasureOptions, address: ServerAddress, findings: _Findings
) -> None:
    await asyncio.sleep(session * STAGGER_S)
    calls = [[recording] for recording in plan] if options.fresh else [list(plan)]
    for call in calls:
        try:
            await _call(session, call, options, address, findings)
        except WireFailure as failure:
            findings.failures.append(failure)
            if not options.fresh:
                return


async def _call(
    session: int, plan: Sequence[Recording], options: MeasureOptions, address: ServerAddress, findings: _Findings
) -> None:
    source = PacedSource(WIRE_RATE_HZ[options.transport])
    async with open_wire(options.transport, address, source, key=options.key) as wire:
        probe = Probe(wire, source, address, patience=Patience(options.grace_s, options.timeout_s))
        try:
            await probe.ready()
            model = probe.session.get("model")
            findings.model = model if isinstance(model, str) else findings.model
            for recording in plan:
                await probe.pause(options.pause_s)
                asked = await probe.ask(recording)
                findings.turns += [MeasuredTurn(session, recording.name, turn) for turn in asked.turns]
                if not asked.turns:
                    findings.turns.append(MeasuredTurn(session, recording.name, None, asked.outcome.value))
                findings.recording_done()
                if asked.outcome is Outcome.WIRE_LOST:
                    findings.errors.append(f"session {session}: the connection ended in the middle of a turn")
                    return
        finally:
            findings.order_problems += probe.order.problems
            findings.errors += probe.recorder.errors
            findings.max_send_lag_ms = max(findings.max_send_lag_ms, source.max_lag_ms)
