"""What one turn was, as a client saw it; and the JSON of it. It knows neither how it arrived nor how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from client_demo.ledger import ServerLedger, TurnLedger


@dataclass(frozen=True, slots=True)
class Note:
    """Words noted while listening, or thought, and how many ms of the input stream had been heard by then."""

    ms: float
    text: str


@dataclass(slots=True)
class OpenTurn:
    """A turn that is still going on; only `TurnRecorder` writes it. Positions are samples of the input stream."""

    item_id: str
    started_sample: int
    response_id: str | None = None
    committed_ns: int | None = None
    committed_sample: int | None = None
    transcript: str = ""
    notes: list[Note] = field(default_factory=list)
    thought_times: list[Note] = field(default_factory=list)
    thoughts: dict[int, str] = field(default_factory=dict)  # by attempt; a revoked attempt's are dropped
    attempt: int = 0
    revoked: int = 0
    answer: str = ""
    heard: str = ""
    first_packet_ns: int | None = None
    sounds_until_ns: int = (
        0  # when the last of its speech so far arrived; of audio sent ahead, when it will have sounded
    )
    received_ms: float = 0.0
    done_ns: int | None = None
    status: str = "no_response"
    error: str | None = None
    server: ServerLedger | None = None


@dataclass(frozen=True, slots=True)
class TurnReport:
    """One finished turn.

    TTFP_eos: client clock, from the moment the last voiced sample of the file left the client to the arrival of the
    first packet with speech in it. TTFP_eot: from the arrival of the news that the turn was committed to the same
    packet, client clock; `ttfp_eot_server_ms` is the server's own figure. None where the client could not see it.

    `barge_in_stop_ms`: the user spoke again while the answer was sounding; from the moment that the first voiced
    sample left to the arrival of the last packet with speech (over a WebSocket, whose audio comes ahead of its time:
    to the news at which a player falls silent). None where nobody spoke into the answer.
    """

    index: int
    item_id: str
    response_id: str | None
    status: str  # completed | cancelled | failed | incomplete | no_response
    error: str | None
    transcript: str
    notes: tuple[Note, ...]
    thought: str
    answer: str
    heard: str
    speech_end_ms: float | None
    turn_end_ms: float | None
    ttfp_eos_ms: float | None
    ttfp_eot_ms: float | None
    ttfp_eot_server_ms: float | None
    revoked: int
    answer_ms: float  # audio received
    thinking: Mapping[str, float]
    ledger: TurnLedger | None
    first_packet_ns: int | None = None  # client clock
    thoughts: tuple[Note, ...] = ()  # the thought as it came; revoked attempts' too
    barge_in_stop_ms: float | None = None

    @property
    def endpoint_share(self) -> float | None:
        """The part of TTFP_eos that was spent on finding the end of the turn, ms: TTFP_eos - TTFP_eot."""
        if self.ttfp_eos_ms is None or self.ttfp_eot_ms is None:
            return None
        return self.ttfp_eos_ms - self.ttfp_eot_ms

    @property
    def answered(self) -> bool:
        return self.status == "completed"

    def to_json(self) -> dict[str, Any]:
        """The turn's part of the JSON of `ask` and `measure`."""
        ledger = self.ledger.to_json() if self.ledger else {"stages_ms": {}, "total_ms": None}
        return {
            "transcript": self.transcript,
            "notes": [{"ms": note.ms, "text": note.text} for note in self.notes],
            "thought": self.thought,
            "thoughts": [{"ms": piece.ms, "text": piece.text} for piece in self.thoughts],
            "answer": self.answer,
            "heard": self.heard,
            "speech_end_ms": _rounded(self.speech_end_ms),
            "turn_end_ms": _rounded(self.turn_end_ms),
            "ttfp_eos_ms": _rounded(self.ttfp_eos_ms),
            "ttfp_eot_ms": _rounded(self.ttfp_eot_ms),
            "ttfp_eot_server_ms": _rounded(self.ttfp_eot_server_ms),
            "endpoint_share": _rounded(self.endpoint_share),
            "ledger": ledger,
            "thinking": dict(self.thinking),
            "status": self.status,
            "error": self.error,
            "revoked": self.revoked,
            "barge_in_stop_ms": _rounded(self.barge_in_stop_ms),
            "answer_ms": _rounded(self.answer_ms),
            "index": self.index,
            "item_id": self.item_id,
            "response_id": self.response_id,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def server_ledger(wire: object) -> ServerLedger | None:
    """A `ServerLedger` from the `ledger` object of an event; None where there is none or it makes no sense."""
    if not isinstance(wire, Mapping):
        return None
    stages, total = wire.get("stages_ms"), _number(wire.get("total_ms"))
    if not isinstance(stages, Mapping) or total is None:
        return None
    clock = wire.get("clock")
    stamps: Mapping[str, Any] = clock if isinstance(clock, Mapping) else {}
    thinking = wire.get("thinking")
    return ServerLedger(
        stages_ms=_numbers(stages),
        total_ms=total,
        speech_end_ms=_number(wire.get("speech_end_ms")),
        turn_end_ms=_number(wire.get("turn_end_ms")),
        ttfp_eot_ms=_number(wire.get("ttfp_eot_ms")),
        thinking=_numbers(thinking) if isinstance(thinking, Mapping) else {},
        arrival_ns=_integer(stamps.get("arrival_ns")),
        first_frame_ns=_integer(stamps.get("first_frame_ns")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _numbers(values: Mapping[Any, Any]) -> dict[str, float]:
    return {str(name): number for name, value in values.items() if (number := _number(value)) is not None}
