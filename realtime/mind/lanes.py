"""Lanes: what is only thought so far. Each is a fork of the trunk plus text, and can be dropped at any moment.

    NoteLane     LISTEN notes-so-far ▸ new notes … WAIT                      while the user speaks
    AnswerLane   <think> heard: notes ▸ rest ▸ reasoning </think> answer     from the tentative end of the turn on

They know token ids and their phase; not who speaks, what time it is, or how a token was chosen.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from realtime.mind.contest import Contest, Hypothesis
from realtime.mind.cues import Voice, last_line
from realtime.mind.dialect import Dialect
from realtime.mind.draft import Draft
from realtime.mind.ears import HeardLine, Second, Standing
from realtime.mind.memory import Detokenizer, KvSequence, Memory, Symbol
from realtime.mind.pace import Order, ThinkingPlan
from realtime.mind.readiness import doubt_of

# A line of thought that is still not over this many tokens behind the deadline is cut off all the same: about
# half a second on two cores.
LATE_THOUGHT_TOKENS = 48


class Phase(enum.Enum):
    """Where an answer lane is in the trained format."""

    HEARING = "hearing"  # finishing the line of what was heard
    THINKING = "thinking"
    ANSWERING = "answering"
    ENDED = "ended"


@dataclass(slots=True)
class NoteLane:
    """One listening pass over the audio heard so far."""

    seq: KvSequence
    base: int  # length of the trunk it was forked from
    at_ms: int  # audio heard when it was forked
    budget: int  # tokens it may still write before it counts as lost
    tokens: list[Symbol] = field(default_factory=list)


@dataclass(slots=True)
class Pieces:
    """What one accepted token of an answer lane said."""

    transcript: str | None = None  # the whole line, once, when it is complete
    closing: float = 0.0  # with the transcript: log-probability of its end
    doubt: float = 0.0  # with the transcript: see `realtime.mind.readiness`
    thought: str = ""
    answer: str = ""
    ended: str | None = None  # "stop" | "length" | "no_response"


@dataclass(frozen=True, slots=True)
class ThoughtCut:
    """Where a thought was left to begin the answer: what is needed to go on with it."""

    length: int  # symbols of the sequence up to there
    at_line_start: bool
    words: Detokenizer
    line: str  # the last one of the thought, so far


class AnswerLane:
    """One attempt at an answer.

    Args:
        seq: fork of the trunk, already extended with the prefix of the dialect.
        heard: True for an audio turn, whose think block opens with the line of what was heard.
        notes: tokens of that line that stand in the prefix, or before the audio as text (`realtime.mind.folding`).
        line: the whole line as a transcriber heard it; where it stands its words are the notes, and the lane ends it.
        contest: where it is contested, its words behind the notes: the lane writes its own, and the better is taken.
        voice: what was measured in the turn's sound, for the thought to state; None where nothing was.
        typed: the turn, where it was written and not heard.
        draft: guesses of what the lane will write.
        respond: False ends the lane when the line is complete.
        max_tokens: answer tokens, after which the lane ends with reason "length".
        max_heard_tokens: length at which the line of what was heard counts as a loop and is ended.
        plan: what must be thought before the answer begins, and how much at most.
    """

    def __init__(
        self,
        dialect: Dialect,
        memory: Memory,
        seq: KvSequence,
        *,
        base: int,
        attempt: int,
        heard: bool,
        notes: list[Symbol],
        draft: Draft,
        respond: bool,
        max_tokens: int,
        max_heard_tokens: int,
        plan: ThinkingPlan,
        line: HeardLine | None = None,
        contest: Contest | None = None,
        voice: Voice | None = None,
        typed: str = "",
    ) -> None:
        self._dialect = dialect
        self._memory = memory
        self.seq = seq
        self.base = base
        self.attempt = attempt
        self.draft = draft
        draft.follow(notes)
        self.prompt_tokens = len(seq.symbols)
        self.phase = Phase.HEARING if heard else Phase.THINKING
        self.heard_tokens: list[Symbol] = list(notes)
        self.given_tokens = len(notes)
        self.thought_tokens = 0
        self.answer_tokens = 0
        self.line = line
        self._contest = contest
        self._given = line if line is not None and line.standing is Standing.STANDS else None
        self.unwanted: list[Symbol] = []  # the lane's own line, where it was not believed
        self._voice = voice
        self._respond = respond
        self._max_tokens = max_tokens
        self._max_heard_tokens = max_heard_tokens
        self._plan = plan
        self._deadline_passed = False
        self._words = dialect.detokenizer()
        self._line = "".join(self._words.push(token) for token in notes) if heard else typed
        self._at_line_start = not heard
        self._answer_begun = False
        self._thought_lines = 0
        self._thought_line = ""  # the last one, so far
        self._hearing: list[float] = []  # log-probabilities of the words of the line
        self._end: tuple[Symbol, float] | None = None  # of the lane's own line, and how likely it was
        self._answer_from = len(seq.symbols)
        self.cut: ThoughtCut | None = None  # the answer began before the thought was finished
        self._begin_answer_if_due()

    @property
    def transcript(self) -> str:
        return self._line.strip()

    @property
    def has_given_line(self) -> bool:
        """The line of what was heard is the transcriber's: it stands, or it was found the better one."""
        return self._given is not None

    @property
    def due(self) -> int | None:
        """The token that comes next whatever the decoder would choose: the end of a given line."""
        return self._dialect.line_end if self.has_given_line and self.phase is Phase.HEARING else None

    @property
    def unweighed(self) -> list[Symbol]:
        """What the decoder is asked to find likely or not before the lane takes its first token."""
        return [] if self._contest is None else self._contest.unweighed

    def weigh(self, logprobs: Sequence[float]) -> None:
        """How likely the decoder finds each of `unweighed`."""
        if self._contest is not None:
            self._contest.weigh(logprobs)

    def cue(self, thought_line: str) -> list[Symbol]:
        """What a thought whose last line so far is `thought_line` must go on with: what is measured or follows."""
        return self._dialect.cue(thought_line, self._voice, self._line)

    def open_thought(self, token: Symbol) -> list[Symbol]:
        """What the thought begins with for which `token` was chosen."""
        return self._dialect.open_thought(token, self._line)

    def pass_deadline(self) -> None:
        """Thinking has used its time: close the block as soon as the dialect's least thought stands in it."""
        self._deadline_passed = True
        self._begin_answer_if_due()

    @property
    def is_contested(self) -> bool:
        """It writes a line beside which another one stands."""
        return self._contest is not None

    @property
    def is_waiting(self) -> bool:
        """Its line is over, and it is not decided which one it goes on with: it takes no token meanwhile."""
        return self._contest is not None and self._contest.is_waiting

    @property
    def hypotheses(self) -> Sequence[Hypothesis]:
        """Other lines, which are written meanwhile."""
        return [] if self._contest is None else self._contest.open

    @property
    def asked(self) -> Sequence[tuple[str, ...]]:
        """Lines that the transcriber is to weigh (`hear`)."""
        return [] if self._contest is None else self._contest.asked

    def accept(self, token: int, logprob: float = 0.0, second: Second | None = None) -> Pieces:
        """Take the token chosen for this lane's tip; extends the lane with it (or with what must stand there).

        second: the token that was likeliest but one, while the line is contested.
        """
        if self.phase is Phase.ANSWERING:
            return self._accept_answer(token)
        if self.phase is Phase.HEARING:
            return self._accept_heard(token, logprob, second)
        return self._accept_thought(token)

    def accept_other(self, other: Hypothesis, token: int, logprob: float) -> None:
        """Take the token chosen behind one of `hypotheses`."""
        assert self._contest is not None, "they are the contest's"
        self._contest.accept(other, token, logprob)

    def told(self, likely: Sequence[Sequence[float] | None]) -> Pieces:
        """The transcriber's answer to `asked`: log-probabilities of the words of each, None where it cannot tell."""
        assert self._contest is not None, "somebody asked"
        return self._believe(self._contest) if self._contest.told(likely) else Pieces()

    def lay_again(self, seq: KvSequence, at_line_start: bool) -> None:
        """Go on behind a longer thought: `seq`, which becomes this lane's, holds it, and gets the answer so far."""
        answer = self.seq.symbols[self._answer_from :]
        self._memory.extend(seq, self._dialect.close_thought(at_line_start))
        self._answer_from = len(seq.symbols)
        self._memory.extend(seq, answer)
        self._memory.drop(self.seq)
        self.seq = seq

    def drop(self) -> None:
        """Give everything back."""
        self._end_contest()
        self._memory.drop(self.seq)

    def _write(self, symbols: list[Symbol]) -> None:
        self._memory.extend(self.seq, symbols)
        self.draft.follow(symbols)

    # --- phases -------------------------------------------------------------------------------------

    def _accept_heard(self, token: int, logprob: float, second: Second | None) -> Pieces:
        if self._dialect.ends_line(token):
            return self._choose_line(token, logprob)
        if len(self.heard_tokens) >= self._max_heard_tokens:
            return self._choose_line(self._dialect.special.im_end, logprob, ended=False)
        if self._contest is not None:
            self._contest.write(self.seq, self._own, token, second)
        self._hearing.append(logprob)
        self.heard_tokens.append(token)
        self._line += self._words.push(token)
        self._write([token])
        return Pieces()

    @property
    def _own(self) -> list[Symbol]:
        """What the lane has written of the line itself."""
        return self.heard_tokens[self.given_tokens :]

    def _choose_line(self, token: int, logprob: float, *, ended: bool = True) -> Pieces:
        """The lane's own line is over: take it, or another in its place; or wait until that is decided."""
        contest, own = self._contest, self._own
        if contest is None:
            return self._line_complete(token, logprob)
        if own == contest.tokens:
            return self._take_given(contest, logprob if token == self._dialect.line_end else contest.end_logprob)
        # Behind words that are settled "nobody spoke" is no part of a line.
        is_line = not (self.given_tokens and own == self._dialect.line(()))
        if not is_line or not ended:
            return self._lay_given(contest)
        if contest.begin(self.seq, own, [*self._hearing, logprob], token):
            self._end = token, logprob
            return Pieces()
        is_better = contest.own_is_better([*self._hearing, logprob], ended=ended)
        return self._line_complete(token, logprob) if is_better else self._lay_given(contest)

    def _believe(self, contest: Contest) -> Pieces:
        """Go on with the line that is believed."""
        chosen, end = contest.chosen(), self._end
        assert end is not None, "the lane's own line is over"
        if chosen is None:
            return self._lay_given(contest)
        if chosen.seq is self.seq:
            return self._line_complete(*end)
        assert chosen.over is not None, "only what is over is chosen"
        self._memory.drop(self.seq)
        self.seq = contest.take(chosen)
        self._hearing = chosen.logprobs[:-1]
        self._heard_instead(chosen.tokens)
        return self._line_complete(chosen.over, chosen.logprobs[-1])

    def _take_given(self, contest: Contest, logprob: float) -> Pieces:
        """Go on with the transcriber's line, which ends as one that stands, whatever the lane would have chosen."""
        self._given = contest.line
        return self._line_complete(self._dialect.line_end, logprob)

    def _lay_given(self, contest: Contest) -> Pieces:
        """The transcriber's line in place of the lane's own."""
        self.seq = contest.lay(self.seq, self.prompt_tokens)
        self._heard_instead(contest.tokens)
        return self._take_given(contest, contest.end_logprob)

    def _heard_instead(self, tokens: list[Symbol]) -> None:
        """`tokens`, which are laid, in place of what the lane has written."""
        self.unwanted = self.heard_tokens
        self.heard_tokens = [*self.heard_tokens[: self.given_tokens], *tokens]
        self._words = self._dialect.detokenizer()
        self._line = "".join(self._words.push(symbol) for symbol in self.heard_tokens)
        self.draft = self.draft.again()
        self.draft.follow(self.heard_tokens)

    def _end_contest(self) -> None:
        if self._contest is not None:
            self._contest.drop()
            self._contest = None

    def _line_complete(self, token: int, logprob: float) -> Pieces:
        """The line is over with `token`: its end, or what the model wrote in its place."""
        self._end_contest()
        text = self._words.push(token) if "\n" in self._dialect.text([token]) else ""
        line = (self._line + text.partition("\n")[0]).strip()
        doubt = doubt_of(self._hearing) if self._given is None else self._given.doubt
        pieces = Pieces(transcript=line, closing=logprob, doubt=doubt)
        self._words = self._dialect.detokenizer()
        self.phase = Phase.THINKING
        if not self._respond:
            self.phase = Phase.ENDED
            pieces.ended = "no_response"
        elif not text:  # the model closed the block right behind the line
            self._at_line_start = False
            self._close_thought()
        else:
            self._at_line_start = True
            self._write([token])
            self._begin_answer_if_due()
        return pieces

    def _accept_thought(self, token: int) -> Pieces:
        special = self._dialect.special
        if token == special.think_end:
            self._at_line_start = True
            self._close_thought()
            return Pieces(thought=self._words.flush())
        # An end of turn inside the think block, or one that never ends: close it, the answer must come.
        if token in (special.im_end, special.wait) or self.thought_tokens >= self._plan.max_tokens:
            self._close_thought()
            return Pieces(thought=self._words.flush())
        chosen = [token] if self.thought_tokens else self.open_thought(token)
        text = "".join(self._words.push(symbol) for symbol in chosen)
        measured = self.cue(last_line(self._thought_line, text))
        text += "".join(self._words.push(symbol) for symbol in measured)
        self._thought_line = last_line(self._thought_line, text)
        self.thought_tokens += len(chosen) + len(measured)
        if text:
            self._at_line_start = text.endswith("\n")
            self._thought_lines += text.count("\n")
        self._write([*chosen, *measured])
        self._begin_answer_if_due()
        return Pieces(thought=text)

    @property
    def _has_least_thought(self) -> bool:
        """The deadline may close the block: a checkpoint that was never trained on less reasons in its answer."""
        least = self._dialect.least_thought_lines
        return self._thought_lines >= least or self.thought_tokens >= LATE_THOUGHT_TOKENS

    @property
    def _has_first_thought(self) -> bool:
        least, size = self._dialect.least_thought_lines, self._plan.segment_tokens
        return self.thought_tokens >= size or 0 < least <= self._thought_lines

    def _begin_answer_if_due(self) -> None:
        """Leave the thought where it is and begin the answer, if the order or the deadline says so."""
        if self.phase is not Phase.THINKING:
            return
        order = self._plan.order
        is_due = self._deadline_passed and self._has_least_thought
        if is_due or order is Order.SPEAK_FIRST or (order is Order.THINK_FIRST and self._has_first_thought):
            self.cut = ThoughtCut(len(self.seq.symbols), self._at_line_start, self._words, self._thought_line)
            self._close_thought()

    def _close_thought(self) -> None:
        self._write(self._dialect.close_thought(self._at_line_start))
        self._answer_from = len(self.seq.symbols)
        self._words = self._dialect.detokenizer()
        self.phase = Phase.ANSWERING

    def _accept_answer(self, token: int) -> Pieces:
        special = self._dialect.special
        if token == special.im_end:
            self.phase = Phase.ENDED
            return Pieces(answer=self._words.flush(), ended="stop")
        self.answer_tokens += 1
        self._write([token])
        text = self._words.push(token) if token not in self._markers else ""
        if not self._answer_begun:
            text = text.lstrip()
            self._answer_begun = bool(text)
        if self.answer_tokens >= self._max_tokens:
            self.phase = Phase.ENDED
            return Pieces(answer=text + self._words.flush(), ended="length")
        return Pieces(answer=text)

    @property
    def _markers(self) -> tuple[int, ...]:
        """Special tokens that have no business in an answer and must not be spoken."""
        special = self._dialect.special
        return (special.im_start, special.audio_start, special.audio_end, special.listen, special.wait,
                special.think, special.think_end)  # fmt: skip
