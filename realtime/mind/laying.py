"""Laying answer lanes: what stands between the tip of the trunk and the first symbol of an answer.

It knows the trunk, the dialect and what was heard; not why an answer is tried, or what becomes of it.
"""

from __future__ import annotations

from dataclasses import replace

from realtime.mind.contest import Contest
from realtime.mind.cues import Voice
from realtime.mind.dialect import Dialect
from realtime.mind.draft import Draft
from realtime.mind.ears import HeardLine, Standing
from realtime.mind.lanes import AnswerLane
from realtime.mind.memory import Memory, Symbol
from realtime.mind.pace import Order, ThinkingPlan
from realtime.mind.rehearsal import REHEARSED_ANSWER_TOKENS, Rehearsal
from realtime.mind.trunk import Trunk
from realtime.mind.turn import Turn

# The whole line: speech gives about 0.4 tokens a frame; one a frame (and a little for short turns) ends a loop.
HEARD_TOKENS_LEAST = 16
# Words at the end of a long turn that both ears may write, whatever was noted of them: a question is about as long.
CONTESTED_WORDS_LEAST = 8


class Laying:
    """Answer lanes on one conversation's trunk.

    Args:
        plan: how thinking and speaking share the time of an answer.
    """

    def __init__(self, dialect: Dialect, memory: Memory, trunk: Trunk, plan: ThinkingPlan) -> None:
        self._dialect = dialect
        self._memory = memory
        self._trunk = trunk
        self._plan = plan

    def on_turn(
        self,
        turn: Turn,
        attempt: int,
        tail: list[Symbol],
        *,
        line: HeardLine | None,
        voice: Voice | None,
        respond: bool,
        max_tokens: int,
        spoken: bool = True,
    ) -> AnswerLane:
        """The answer if the open turn ends with `tail`."""
        notes, laid, contested = self._heard(turn, line)
        contest = None
        if line is not None and contested:
            contest = Contest(self._dialect, self._memory, line, notes, contested)
        elif line is not None and line.standing is Standing.CONTESTED:  # all its words are settled
            line = line.uncontested()
        return self._lane(
            attempt,
            [*tail, *self._dialect.audio_close(), *self._dialect.answering_audio(laid)],
            heard=True,
            notes=notes,
            folded=len(turn.folded.line),
            line=line,
            contest=contest,
            voice=voice,
            draft=turn.tried.draft([*notes, *contested] if contested else ()),
            respond=respond,
            max_tokens=max_tokens,
            spoken=spoken,
        )

    def rehearsal(self, turn: Turn, tail: list[Symbol], *, line: HeardLine | None, voice: Voice | None) -> Rehearsal:
        """The answer tried out as if the open turn ended with `tail`."""
        lane = self.on_turn(turn, 0, tail, line=line, voice=voice, respond=True, max_tokens=REHEARSED_ANSWER_TOKENS)
        return Rehearsal(lane, tail)

    def on_history(self, attempt: int, *, instructions: str | None, max_tokens: int, spoken: bool) -> AnswerLane:
        """The answer to the history as it stands; `instructions` are read for this answer alone."""
        last = self._trunk.last
        laid = last.notes[last.folded_notes :]
        prefix = self._dialect.answering_audio(laid) if last.is_audio else self._dialect.answering_text()
        if instructions:
            prefix = [*self._dialect.text_item("system", instructions), *prefix]
        return self._lane(
            attempt,
            prefix,
            heard=last.is_audio,
            notes=last.notes,
            folded=last.folded_notes,
            line=None,
            contest=None,
            voice=last.voice,
            typed=last.typed,
            draft=Draft(),
            respond=True,
            max_tokens=max_tokens,
            spoken=spoken,
        )

    def _heard(self, turn: Turn, line: HeardLine | None) -> tuple[list[Symbol], list[Symbol], list[Symbol]]:
        """The line of what was heard, in three: what is known of it, what of that must be laid, and what is contested.

        Laid is all that is not folded; contested are the words behind what is known.
        """
        folded = turn.folded
        if line is None:
            return turn.notes, turn.notes[len(folded.line) :], []
        if line.standing is Standing.UNBELIEVED:
            return folded.line, [], []
        known = len(line.words) if line.standing is Standing.STANDS else _uncontested(turn, line)
        rest, behind = line.words[len(folded.words) : known], line.words[known:]
        contested = self._dialect.line(behind) if behind else []
        if contested and not rest:
            return folded.line, [], contested
        laid = self._dialect.line(rest)
        return [*folded.line, *laid] if rest or not folded.words else folded.line, laid, contested

    def _lane(
        self,
        attempt: int,
        prefix: list[Symbol],
        *,
        heard: bool,
        notes: list[Symbol],
        folded: int,
        line: HeardLine | None,
        contest: Contest | None,
        voice: Voice | None,
        draft: Draft,
        respond: bool,
        max_tokens: int,
        spoken: bool,
        typed: str = "",
    ) -> AnswerLane:
        """Forked from the trunk's tip. folded: tokens of `notes` that stand as text before the audio."""
        seq = self._memory.fork(self._trunk.seq)
        base = len(seq.symbols)
        self._memory.extend(seq, prefix)
        frames = sum(symbol < 0 for symbol in seq.symbols)
        return AnswerLane(
            self._dialect,
            self._memory,
            seq,
            base=base,
            attempt=attempt,
            heard=heard,
            notes=notes,
            line=line,
            contest=contest,
            voice=voice,
            typed=typed,
            draft=draft,
            respond=respond,
            max_tokens=max_tokens,
            max_heard_tokens=HEARD_TOKENS_LEAST + frames + folded,
            plan=self._plan if spoken else replace(self._plan, order=Order.THINK_BEFORE),
        )


def _uncontested(turn: Turn, line: HeardLine) -> int:
    """Words of a contested line that stand all the same: in a long turn what is folded, and what was noted behind it.

    What was noted may be other words by now; the line's stand.
    """
    if not turn.folded.words:
        return 0
    return max(len(turn.folded.words), min(len(turn.noted), len(line.words) - CONTESTED_WORDS_LEAST))
