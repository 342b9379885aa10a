"""When thinking may run while an answer is spoken. Numbers in, yes or no out; it knows no clock, lane or token.

What is *bought* is speech that is synthesised and not yet heard: for so long nobody waits for the next word.

    bought < cover              speaking has the floor: the speak lane runs alone
    cover <= bought < 2 cover   both run, as rows of one batch
    2 cover <= bought           thinking has the floor: the speak lane waits at the end of its piece
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Order(enum.StrEnum):
    """What must stand in the think block before the answer begins. The deadline holds for all three (I5)."""

    SPEAK_FIRST = "speak_first"  # nothing
    THINK_FIRST = "think_first"  # one segment
    THINK_BEFORE = "think_before"  # the whole thought


@dataclass(frozen=True, slots=True)
class ThinkingPlan:
    """How thinking and speaking share the time of an answer.

    order: what comes first. segment_tokens: a piece of thought that enters the think block at once; 80 is that of
    Mind-Paced Speaking. max_tokens: one answer's whole thought, before and while it is spoken. cover_ms: how much
    speech must be bought before thinking goes on. From the moment the speak lane is let go to its next sound pass
    about 0.9 s on two cores: 0.15 s to lay it again, 0.45 s for a clause, 0.3 s for its voice.
    """

    order: Order = Order.THINK_FIRST
    segment_tokens: int = 80
    max_tokens: int = 2048
    cover_ms: int = 1000


class Pace:
    """Who has the floor, from the speech that is bought. Nothing is bought before somebody says so."""

    def __init__(self, cover_ms: int) -> None:
        self._cover_ms = cover_ms
        self._bought_ms = 0

    def played(self, bought_ms: int) -> None:
        """`bought_ms` of speech are synthesised and not yet heard."""
        self._bought_ms = bought_ms

    @property
    def thinking_may_run(self) -> bool:
        return self._bought_ms >= self._cover_ms

    @property
    def speaking_may_wait(self) -> bool:
        return self._bought_ms >= 2 * self._cover_ms
