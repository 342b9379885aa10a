"""`forethought ask FILE.wav`: a file through the wire at real-time pace, and everything the server made of it.

`ask` returns what there is to print and never prints; `console.print_ask` does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client_demo.audio_file import Recording, read_recording, write_wav
from client_demo.errors import ExitCode
from client_demo.probe import GRACE_S, REPLY_TIMEOUT_S, Asked, Outcome, Patience, Probe, Watch
from client_demo.reply_audio import ReplyStrip
from client_demo.source import PacedSource
from client_demo.turn_record import TurnReport
from client_demo.wire import WIRE_RATE_HZ, ServerAddress, TransportName, open_wire

DEFAULT_URL = "http://localhost:8080"


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What `ask` is told. `timeout_s` is how long to wait for an answer after the last sign of life."""

    file: Path
    url: str = DEFAULT_URL
    transport: TransportName = "webrtc"
    out: Path | None = None  # the received audio, as a WAV that begins when the question begins
    timeout_s: float = REPLY_TIMEOUT_S
    grace_s: float = GRACE_S
    key: str | None = None


@dataclass(frozen=True, slots=True)
class AskResult:
    """All turns that the file gave (a long file gives several); the top level of the JSON is the first."""

    file: str
    transport: TransportName
    duration_ms: float
    turns: tuple[TurnReport, ...]
    exit_code: ExitCode
    message: str | None  # in plain words, where something is missing
    order_problems: tuple[str, ...]
    errors: tuple[str, ...]
    max_send_lag_ms: float
    model: str | None

    def to_json(self) -> dict[str, Any]:
        """The JSON of `ask`: the first turn's fields, then all turns and what else was seen."""
        first = self.turns[0].to_json() if self.turns else _nothing()
        return first | {
            "file": self.file,
            "transport": self.transport,
            "duration_ms": round(self.duration_ms, 3),
            "turns": [turn.to_json() for turn in self.turns],
            "message": self.message,
            "order_problems": list(self.order_problems),
            "errors": list(self.errors),
            "max_send_lag_ms": round(self.max_send_lag_ms, 3),
            "model": self.model,
        }


def _nothing() -> dict[str, Any]:
    """The top level where no turn was heard: every field is there, empty."""
    empty_texts: dict[str, Any] = {"transcript": "", "notes": [], "thought": "", "answer": ""}
    empty_times = dict.fromkeys(("speech_end_ms", "turn_end_ms", "ttfp_eos_ms", "ttfp_eot_ms"))
    return empty_texts | empty_times | {"ledger": {"stages_ms": {}, "total_ms": None}}


async def ask(options: AskOptions, watch: Watch | None = None) -> AskResult:
    """Ask one file. `watch` is told of every event as it comes. Raises `ClientFailure`s; their `exit_code` is the
    command's. Never hangs: a file with no speech ends `grace_s` after its end, with exit code 3."""
    rate = WIRE_RATE_HZ[options.transport]
    address = ServerAddress.parse(options.url)
    recording = await asyncio.to_thread(read_recording, options.file, rate)
    source = PacedSource(rate)
    strip = ReplyStrip(rate) if options.out else None
    patience = Patience(options.grace_s, options.timeout_s)
    async with open_wire(options.transport, address, source, key=options.key) as wire:
        probe = Probe(wire, source, address, patience=patience, strip=strip, watch=watch)
        await probe.ready()
        asked = await probe.ask(recording)
        begin_ns = wire.sent.left_ns(wire.sent.to_samples(asked.start_ms)) or wire.sent.origin_ns or 0
    if strip is not None and options.out is not None:
        await asyncio.to_thread(write_wav, options.out, strip.samples(begin_ns), rate)
    exit_code, message = _verdict(asked, recording, options)
    model = probe.session.get("model")
    return AskResult(
        file=str(options.file),
        transport=options.transport,
        duration_ms=recording.duration_ms,
        turns=asked.turns,
        exit_code=exit_code,
        message=message,
        order_problems=tuple(probe.order.problems),
        errors=tuple(probe.recorder.errors),
        max_send_lag_ms=source.max_lag_ms,
        model=model if isinstance(model, str) else None,
    )


def _verdict(asked: Asked, recording: Recording, options: AskOptions) -> tuple[ExitCode, str | None]:
    if asked.outcome is Outcome.NO_SPEECH:
        quiet = "" if recording.voiced_ends.size else " (its level never rises above -45 dBFS)"
        return ExitCode.NO_SPEECH, f"no speech was heard in {options.file}{quiet}: nothing was asked, nothing answered"
    failed = [turn for turn in asked.turns if turn.status in ("failed", "no_response", "in_progress")]
    if asked.outcome is Outcome.WIRE_LOST:
        return ExitCode.WIRE, "the connection to the server ended in the middle of a turn; what had come is reported"
    if asked.outcome is Outcome.NO_ANSWER:
        return ExitCode.FAILED, f"a turn was heard, but its answer did not come within {options.timeout_s:.0f} s"
    if failed:
        return (
            ExitCode.FAILED,
            f"{len(failed)} of {len(asked.turns)} turns failed: {failed[0].error or 'no reason given'}",
        )
    return ExitCode.OK, None
