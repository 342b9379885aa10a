"""One attempt at answering a turn: its lane, and who thinks beside it once it speaks. Tokens in, messages out.

It knows the turn's record and what its tokens say; not when the turn is committed, and not what the lane is laid on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.decoder.scheduler import Service
from realtime.engine.messages import FromEngine
from realtime.mind import reports
from realtime.mind.dialect import Dialect
from realtime.mind.ears import Second
from realtime.mind.lanes import AnswerLane, Pieces
from realtime.mind.memory import Memory
from realtime.mind.pace import ThinkingPlan
from realtime.mind.speaking import SpeakingPhase
from realtime.mind.turn import Turn, TurnState
from realtime.mind.work import Work, work_of

# Answer tokens that count as the first clause when lanes compete (the segmenter aims at 4 to 8 words).
FIRST_CLAUSE_TOKENS = 12


class Attempt:
    """See the module's docstring. `lane` becomes the attempt's: `drop` gives it back."""

    def __init__(
        self, session: str, dialect: Dialect, memory: Memory, turn: Turn, lane: AnswerLane, plan: ThinkingPlan
    ) -> None:
        self._session = session
        self.turn = turn
        self.lane = lane
        self.speaking = SpeakingPhase(dialect, memory, lane, plan)

    def work(self) -> Iterator[Work]:
        """What can run now: the answer, and the thought beside it."""
        if self.speaking.speaks:
            yield from work_of(self.lane, self._service)
        think = self.speaking.think
        if think is not None and self.speaking.thinks and think.seq.pending:
            yield Work(think.seq, Service.THOUGHT, think)

    @property
    def _service(self) -> Service:
        """How urgent the answer is."""
        if self.turn.state is not TurnState.COMMITTED:
            return Service.TENTATIVE
        return Service.FIRST_CLAUSE if self._writes_first_clause else Service.LATER_CLAUSE

    @property
    def is_hurried(self) -> bool:
        """The first clause is being written."""
        is_at_work = any(True for _ in work_of(self.lane, self._service))
        return self.speaking.speaks and is_at_work and self._writes_first_clause

    @property
    def _writes_first_clause(self) -> bool:
        return self.lane.answer_tokens < FIRST_CLAUSE_TOKENS

    def accept(self, token: int, logprob: float, second: Second | None = None) -> list[FromEngine]:
        """The token chosen at the tip of the answer lane."""
        return [] if self.speaking.withholds(token) else self._say(self.lane.accept(token, logprob, second))

    def told(self, likely: Sequence[Sequence[float] | None]) -> list[FromEngine]:
        """The transcriber's answer to what the lane has asked."""
        return self._say(self.lane.told(likely))

    def _say(self, pieces: Pieces) -> list[FromEngine]:
        self.speaking.spoke(pieces.answer)
        self.turn.answer += pieces.answer
        return reports.of_answer(self._session, self.turn, self.lane, pieces, self.speaking.tokens)

    def think(self, token: int) -> list[FromEngine]:
        """The token chosen at the tip of the lane that thinks while the answer is spoken."""
        before = self.speaking.tokens
        text = self.speaking.thought(token)
        return reports.of_thought(self._session, self.turn, self.lane.attempt, text, self.speaking.tokens - before)

    def drop(self) -> None:
        """Give everything back."""
        self.speaking.drop()
        self.lane.drop()
