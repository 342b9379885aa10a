"""One attempt at an answer: its lane, and who thinks beside it once it speaks. Tokens in, messages out.

It knows the turn's record and what its tokens say; not whether the attempt is committed, and not what it is laid on.
"""

from __future__ import annotations

from realtime.decoder.scheduler import Service
from realtime.engine.messages import FromEngine
from realtime.mind import reports
from realtime.mind.dialect import Dialect
from realtime.mind.lanes import AnswerLane
from realtime.mind.memory import Memory
from realtime.mind.pace import ThinkingPlan
from realtime.mind.speaking import SpeakingPhase
from realtime.mind.turn import Turn, TurnState

# Answer tokens that count as the first clause when lanes compete (the segmenter aims at 4 to 8 words).
FIRST_CLAUSE_TOKENS = 12


class Attempt:
    """See the module's docstring. `lane` becomes the attempt's: `drop` gives it back."""

    def __init__(self, session: str, dialect: Dialect, memory: Memory, lane: AnswerLane, plan: ThinkingPlan) -> None:
        self._session = session
        self.lane = lane
        self.speaking = SpeakingPhase(dialect, memory, lane, plan)

    def service(self, turn: Turn) -> Service:
        """How urgent the answer is."""
        if turn.state is not TurnState.COMMITTED:
            return Service.TENTATIVE
        return Service.FIRST_CLAUSE if self._writes_first_clause else Service.LATER_CLAUSE

    @property
    def is_hurried(self) -> bool:
        """The first clause is being written."""
        return self.speaking.speaks and self.lane.seq.pending > 0 and self._writes_first_clause

    @property
    def _writes_first_clause(self) -> bool:
        return self.lane.answer_tokens < FIRST_CLAUSE_TOKENS

    def accept(self, turn: Turn, token: int, logprob: float) -> list[FromEngine]:
        """The token chosen at the tip of the answer lane."""
        if self.speaking.withholds(token):
            return []
        pieces = self.lane.accept(token, logprob)
        self.speaking.spoke(pieces.answer)
        turn.answer += pieces.answer
        return reports.of_answer(self._session, turn, self.lane, pieces, self.speaking.tokens)

    def think(self, turn: Turn, token: int) -> list[FromEngine]:
        """The token chosen at the tip of the lane that thinks while the answer is spoken."""
        before = self.speaking.tokens
        text = self.speaking.thought(token)
        return reports.of_thought(self._session, turn, self.lane.attempt, text, self.speaking.tokens - before)

    def drop(self) -> None:
        """Give everything back."""
        self.speaking.drop()
        self.lane.drop()
