"""Rehearsals: the answer to what has been heard so far, tried out while the user goes on speaking.

Nobody hears a rehearsal. What it wrote becomes the draft of the next attempt, so that at the end of the turn most of
the thought and of the first clause is checked in one step instead of being written token by token. How its answer
begins is told, so that a voice can say that ahead. It knows lanes and symbols; when there is time for one, the engine
decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from realtime.mind.draft import Draft
from realtime.mind.lanes import AnswerLane, Phase
from realtime.mind.memory import Symbol

# Enough for a first clause of 4 to 8 words.
REHEARSED_ANSWER_TOKENS = 16
# A thought that takes longer than this is not rehearsed to its end: the user says something new meanwhile.
REHEARSED_TOKENS = 96
# The newest attempt, and one before it that may have come further.
KEPT_ATTEMPTS = 2


@dataclass(slots=True)
class Rehearsal:
    """A lane laid on the audio so far, and the frames that stand only for it."""

    lane: AnswerLane
    tail: list[Symbol]
    answer: str = ""

    @property
    def is_over(self) -> bool:
        lane = self.lane
        return (
            lane.phase is Phase.ENDED
            or lane.answer_tokens >= REHEARSED_ANSWER_TOKENS
            or len(lane.draft.written) - lane.given_tokens >= REHEARSED_TOKENS
        )


class Tried:
    """What earlier attempts at the turn in hand wrote, the newest first."""

    def __init__(self) -> None:
        self._attempts: list[list[Symbol]] = []
        self._unwanted: list[Symbol] = []

    def keep(self, written: Sequence[Symbol]) -> None:
        """An attempt is over. One that only says what a kept one says already changes nothing."""
        attempt = list(written)
        if any(kept[: len(attempt)] == attempt for kept in self._attempts):
            return
        self._attempts = [attempt, *self._attempts][:KEPT_ATTEMPTS]

    def keep_lane(self, lane: AnswerLane) -> None:
        """The attempt `lane` is over. A line that it wrote and did not believe is written again, to be compared."""
        self.keep(lane.draft.written)
        self._unwanted = list(lane.unwanted) or self._unwanted

    def draft(self, first: Sequence[Symbol] = ()) -> Draft:
        """Guesses for the next attempt; `first` is tried before all others."""
        return Draft([first, *self._attempts, self._unwanted])
