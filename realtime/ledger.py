"""The ledger of one turn: stamps in, stages that sum to the measured total out (invariant I6).

Stamps are CLOCK_MONOTONIC nanoseconds set by whoever saw the moment; this module only orders them. Stages that
overlap (thinking ran while the end of the turn was still being decided) are charged to what held the turn up: each
stage reaches from the running maximum of the boundaries before it to its own boundary, so a stage that was over
before its predecessor costs nothing, and the sum is the total by construction.

Stages on the server, in order (`arrival` and `client` are measured by the client and put around them):

    endpoint_wait  the last voiced sample arrived → the tentative end was decided
    encode         → the last, partial chunk was encoded
    prefill        → the answer lane was laid and its first token chosen
    thought        → the think block was closed
    first_clause   → the first clause of the answer was speakable
    first_audio    → its audio was synthesised
    hold           → the end of the turn was committed (0 when it was committed earlier)
    pacing         → the first frame with speech in it left
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from realtime.clock import NS_PER_MS


class Stage(enum.StrEnum):
    ENDPOINT_WAIT = "endpoint_wait"
    ENCODE = "encode"
    PREFILL = "prefill"
    THOUGHT = "thought"
    FIRST_CLAUSE = "first_clause"
    FIRST_AUDIO = "first_audio"
    HOLD = "hold"
    PACING = "pacing"


@dataclass(frozen=True, slots=True)
class Thinking:
    """What was thought when: "thinking saved" is what nobody waited for.

    All tokens are note_tokens + thought_tokens. Of these, `tokens_before_turn_end` were written before the turn was
    committed, `tokens_while_speaking` after that and after the answer had begun; the user waited for the others.
    """

    note_tokens: int = 0
    thought_tokens: int = 0
    tokens_before_turn_end: int = 0
    tokens_while_speaking: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """A closed ledger.

    `total_ms` is from the arrival of the last voiced sample to the first frame with speech leaving;
    `ttfp_eot_ms` from the committed end of the turn (0 is the least: the answer was ready and held).
    """

    turn: int
    attempt: int
    speech_end_ms: float
    turn_end_ms: float
    stages_ms: dict[str, float]
    total_ms: float
    ttfp_eot_ms: float
    thinking: Thinking
    arrival_ns: int
    first_frame_ns: int
    attempts: int = 1
    reason: str = ""
    votes: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "turn": self.turn,
            "attempt": self.attempt,
            "attempts": self.attempts,
            "speech_end_ms": self.speech_end_ms,
            "turn_end_ms": self.turn_end_ms,
            "stages_ms": dict(self.stages_ms),
            "total_ms": self.total_ms,
            "ttfp_eot_ms": self.ttfp_eot_ms,
            "endpoint": {"reason": self.reason, "votes": dict(self.votes)},
            "thinking": {
                "note_tokens": self.thinking.note_tokens,
                "thought_tokens": self.thinking.thought_tokens,
                "tokens_before_turn_end": self.thinking.tokens_before_turn_end,
                "tokens_while_speaking": self.thinking.tokens_while_speaking,
            },
            # CLOCK_MONOTONIC: a client on the same machine may subtract these from its own clock.
            "clock": {"arrival_ns": self.arrival_ns, "first_frame_ns": self.first_frame_ns},
        }


class Ledger:
    """Stamps of one attempt of one turn.

    Args:
        origin_ns: when the last voiced sample of the turn arrived at the server.
    """

    def __init__(self, turn: int, attempt: int, origin_ns: int, speech_end_ms: float) -> None:
        self.turn = turn
        self.attempt = attempt
        self._origin_ns = origin_ns
        self._speech_end_ms = speech_end_ms
        self._ends_ns: dict[Stage, int] = {}
        self._committed_ms = speech_end_ms
        self._reason = ""
        self._votes: dict[str, float] = {}

    def stamp(self, stage: Stage, end_ns: int) -> None:
        """`stage` ended; the first word on it counts."""
        self._ends_ns.setdefault(stage, end_ns)

    def commit(self, at_ns: int, at_ms: float, reason: str, votes: dict[str, float]) -> None:
        """The end of the turn was committed at `at_ms` of the input."""
        self.stamp(Stage.HOLD, at_ns)
        self._committed_ms, self._reason, self._votes = at_ms, reason, dict(votes)

    @property
    def is_complete(self) -> bool:
        return Stage.PACING in self._ends_ns

    def close(self, first_frame_ns: int, thinking: Thinking) -> Statement:
        """The first frame with speech has left; every stage that nobody stamped took no time."""
        self.stamp(Stage.PACING, first_frame_ns)
        reached_ns = self._origin_ns
        stages_ms: dict[str, float] = {}
        for stage in Stage:
            end_ns = min(max(reached_ns, self._ends_ns.get(stage, reached_ns)), first_frame_ns)
            stages_ms[stage.value] = _ms(end_ns - reached_ns)
            reached_ns = end_ns
        committed_ns = self._ends_ns.get(Stage.HOLD, self._origin_ns)
        return Statement(
            turn=self.turn,
            attempt=self.attempt,
            speech_end_ms=round(self._speech_end_ms, 1),
            turn_end_ms=round(self._committed_ms, 1),
            stages_ms=stages_ms,
            total_ms=_ms(first_frame_ns - self._origin_ns),
            ttfp_eot_ms=_ms(max(0, first_frame_ns - committed_ns)),
            thinking=thinking,
            arrival_ns=self._origin_ns,
            first_frame_ns=first_frame_ns,
            attempts=self.attempt,
            reason=self._reason,
            votes=self._votes,
        )


def _ms(duration_ns: int) -> float:
    return round(duration_ns / NS_PER_MS, 3)
