"""Thinking while speaking: the think lane beside an answer that began before its thought was finished.

    think lane   <think> all thoughts so far ▸ more thought                                        (formulation)
    speak lane   <think> all thoughts so far </think> answer so far ▸ next piece of the answer     (articulation)

Two roles of one set of weights, decoded as rows of one batch (Mind-Paced Speaking). The speak lane is the
`AnswerLane`; it is laid again, in one prefill, each time a segment of thought is complete and it is its turn to run.
Both share the trunk's blocks, and all thoughts; neither ever leaves the trained format.

It knows tokens and how much speech is bought (`realtime.mind.pace`); not turns, messages or time.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.mind.cues import last_line
from realtime.mind.dialect import Dialect
from realtime.mind.lanes import AnswerLane, Phase
from realtime.mind.memory import Detokenizer, KvSequence, Memory
from realtime.mind.pace import Pace, ThinkingPlan

# A piece of the answer, after which the speak lane may be made to wait: a clause, or 20 tokens (Mind-Paced Speaking).
PIECE_TOKENS = 20
PIECE_ENDS = ".,;:!?\n"


@dataclass(slots=True, eq=False)
class ThinkLane:
    """A thought that goes on. `seq` holds everything up to its tip, never a closed block."""

    seq: KvSequence
    words: Detokenizer
    at_line_start: bool
    whole: int  # symbols up to the end of the last complete segment
    whole_at_line_start: bool
    line: str  # the last one, so far
    segment_tokens: int = 0  # behind `whole`


class SpeakingPhase:
    """The two lanes of one attempt, and who of them runs. Every event ends in `_arrange`.

    Args:
        speak: the answer lane; as long as it has no `cut` there is nothing to do here.
    """

    def __init__(self, dialect: Dialect, memory: Memory, speak: AnswerLane, plan: ThinkingPlan) -> None:
        self._dialect = dialect
        self._memory = memory
        self._speak = speak
        self._plan = plan
        self._pace = Pace(plan.cover_ms)
        self._is_over = False  # no more will be thought
        self._is_fresh = False  # a complete segment is not in the speak lane's block yet
        self.withholds_end = False
        self._piece_tokens = 0  # since the speak lane's last piece ended; 0: it stands at such an end
        self.think: ThinkLane | None = None
        self.tokens = 0  # thought while speaking

    # --- who runs -----------------------------------------------------------------------------------

    @property
    def thinks(self) -> bool:
        """The think lane may run now."""
        return self.think is not None and self._is_thinking and self._pace.thinking_may_run

    @property
    def speaks(self) -> bool:
        """The answer lane may run now: thinking is over, or time is short, or it is in the middle of a piece."""
        if not self._is_thinking:
            return True
        if self.withholds_end:
            return False
        return self._piece_tokens > 0 or not self._speak.answer_tokens or not self._pace.speaking_may_wait

    @property
    def _is_thinking(self) -> bool:
        return self._speak.cut is not None and not self._is_over and self._speak.phase is Phase.ANSWERING

    # --- events -------------------------------------------------------------------------------------

    def played(self, bought_ms: int) -> None:
        """`bought_ms` of this answer are synthesised and not yet heard."""
        self._pace.played(bought_ms)
        self._arrange()

    def spoke(self, text: str) -> None:
        """The speak lane has taken a token, which said `text`."""
        if self._speak.answer_tokens:
            self._piece_tokens += 1
            if text.rstrip(" ").endswith(tuple(PIECE_ENDS)) or self._piece_tokens >= PIECE_TOKENS:
                self._piece_tokens = 0
        self._arrange()

    def withholds(self, token: int) -> bool:
        """True where `token` would end the answer although more is being thought and there is time to wait for it.

        The speak lane then says again how it goes on, with the next segment in its block, or when time is short.
        """
        if token != self._dialect.special.im_end or not self._is_thinking or not self._pace.thinking_may_run:
            return False
        self.withholds_end = True
        self._arrange()
        return True

    def thought(self, token: int) -> str:
        """The think lane's next token; returns the text it added to the thought."""
        lane, special = self.think, self._dialect.special
        assert lane is not None, "a token of a lane that is gone is dropped at the door"
        if token in (special.think_end, special.im_end, special.wait):
            return self._finish_thought(lane)
        is_first = not self._speak.thought_tokens and not self.tokens
        chosen = self._speak.open_thought(token) if is_first else [token]
        text = "".join(lane.words.push(symbol) for symbol in chosen)
        measured = self._speak.cue(last_line(lane.line, text))
        text += "".join(lane.words.push(symbol) for symbol in measured)
        lane.line = last_line(lane.line, text)
        self.tokens += len(chosen) + len(measured)
        lane.segment_tokens += len(chosen) + len(measured)
        self._memory.extend(lane.seq, [*chosen, *measured])
        if text:
            lane.at_line_start = text.endswith("\n")
        if self._speak.thought_tokens + self.tokens >= self._plan.max_tokens:
            return text + self._finish_thought(lane)
        if self._dialect.ends_segment(text, lane.segment_tokens, self._plan.segment_tokens):
            self._segment_is_whole(lane)
        self._arrange()
        return text

    def stop_thinking(self) -> bool:
        """Blocks are short: no more thought. Says whether there was a think lane to give up."""
        if self.think is None:
            return False
        self._is_over, self._is_fresh = True, False
        self._arrange()
        return True

    def drop(self) -> None:
        """Give the think lane back; the answer lane is the mind's."""
        if self.think is not None:
            self._memory.drop(self.think.seq)
            self.think = None

    # --- inside -------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        """Open the think lane when it may run, lay the speak lane on what was thought when it may."""
        if self._speak.phase is not Phase.ANSWERING:
            return
        if self.think is None and self._is_thinking and self._pace.thinking_may_run:
            self.think = self._open_think_lane()
        if self.withholds_end and self._must_decide_again:
            self.withholds_end = False
            if not self._is_fresh:
                _repeat_tip(self._memory, self._speak.seq)
        if self._is_fresh and self.speaks:
            self._lay_again()
        if self._is_over:
            self.drop()

    @property
    def _must_decide_again(self) -> bool:
        if not self._is_thinking or not self._pace.thinking_may_run:
            return True
        return self._is_fresh and not self._pace.speaking_may_wait

    def _open_think_lane(self) -> ThinkLane:
        """Forked from the speak lane, when its prompt is computed: opened with it, both would compute the same."""
        cut = self._speak.cut
        assert cut is not None
        seq = self._memory.fork(self._speak.seq)
        self._memory.truncate(seq, cut.length)
        _repeat_tip(self._memory, seq)
        return ThinkLane(seq, cut.words, cut.at_line_start, cut.length, cut.at_line_start, cut.line)

    def _finish_thought(self, lane: ThinkLane) -> str:
        self._is_over = True
        if lane.segment_tokens:
            self._segment_is_whole(lane)
        self._arrange()
        return lane.words.flush()

    def _segment_is_whole(self, lane: ThinkLane) -> None:
        lane.whole, lane.whole_at_line_start, lane.segment_tokens = len(lane.seq.symbols), lane.at_line_start, 0
        self._is_fresh = True

    def _lay_again(self) -> None:
        lane = self.think
        assert lane is not None, "only a think lane has fresh segments"
        seq = self._memory.fork(lane.seq)
        self._memory.truncate(seq, lane.whole)
        self._speak.lay_again(seq, lane.whole_at_line_start)
        self._is_fresh = False


def _repeat_tip(memory: Memory, seq: KvSequence) -> None:
    """Compute the last symbol again, to be told once more what follows it."""
    tip = seq.symbols[-1]
    memory.truncate(seq, len(seq.symbols) - 1)
    memory.extend(seq, [tip])
