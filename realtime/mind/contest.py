"""A contest: the transcriber's line beside those that the decoder writes, until one of them is chosen.

    1  the decoder reads the transcriber's line (`unweighed`), then writes its own; where that is the same all is over
    2  where it is not clear which is the better one, the transcriber says how likely both are (`asked`)
    3  where a word of the decoder's is one that the transcriber did not hear, the line is written again from there on
       with the token that was second (`open`, each a lane of its own), and the transcriber is asked of those, too

It keeps what was computed of the lines that are not being written. It knows symbols, words and log-probabilities; no
turn, and not who computes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from realtime.mind.dialect import Dialect
from realtime.mind.draft import Draft
from realtime.mind.ears import (
    HeardLine,
    Second,
    Step,
    alternatives,
    balance,
    is_worth_asking,
    own_is_better,
    score,
)
from realtime.mind.memory import KvSequence, Memory, Symbol

# So many tokens more than the line that it was to be in the place of: an alternative that goes on is a loop.
LONGER_TOKENS = 8


class Hypothesis:
    """A line of the decoder's: one that it has written, or one that it writes from another token on.

    seq: holds it, at its tip. tokens, logprobs: of the line behind what stands in all of them; with the end's
    log-probability once it is `over`.
    """

    def __init__(self, seq: KvSequence, tokens: Sequence[Symbol], logprobs: Sequence[float]) -> None:
        self.seq = seq
        self.tokens = list(tokens)
        self.logprobs = list(logprobs)
        self.over: Symbol | None = None  # the token that ended it
        self.is_loop = False
        self.draft = Draft()

    def beside(self, seq: KvSequence, at: int, line_end: Symbol) -> Hypothesis:
        """Another one, of which the first `at` tokens are this one's, at the tip of `seq`."""
        other = Hypothesis(seq, self.tokens[:at], self.logprobs[:at])
        other.draft = Draft([[*self.tokens, line_end]])
        other.draft.follow(other.tokens)
        return other

    @property
    def is_open(self) -> bool:
        """It is still being written."""
        return self.over is None and not self.is_loop

    def accept(self, dialect: Dialect, memory: Memory, token: Symbol, logprob: float, most: int) -> None:
        """Take the token chosen behind it; `most`: tokens of a line that is no loop."""
        self.logprobs.append(logprob)
        if dialect.ends_line(token):
            self.over = token
        elif len(self.tokens) >= most:
            self.is_loop = True
        else:
            self.tokens.append(token)
            self.draft.follow([token])
            memory.extend(self.seq, [token])


class Contest:
    """See the module's docstring.

    Args:
        line: the transcriber's.
        known: tokens of it that stand in every line.
        tokens: of it behind those.
    """

    def __init__(
        self, dialect: Dialect, memory: Memory, line: HeardLine, known: Sequence[Symbol], tokens: Sequence[Symbol]
    ) -> None:
        self._dialect = dialect
        self._memory = memory
        self.line = line
        self.tokens = list(tokens)
        self._known = list(known)
        # The decoder is asked for these before the lane takes its first token (`weigh`).
        self.unweighed: list[Symbol] = [*tokens, dialect.line_end]
        self._weighed: list[float] = []  # log-probabilities of the tokens and of the end behind them
        self._laid: KvSequence | None = None  # holds the tokens while the lane writes others
        self._seconds: list[Second | None] = []  # beside each token that the lane wrote
        self._own: Hypothesis | None = None  # what the lane has written, once its line is over
        self._others: list[Hypothesis] = []
        self._scores: list[float] = []  # of the transcriber's line, the lane's own, and the others
        self.asked: list[tuple[str, ...]] = []  # lines that the transcriber is to weigh

    # --- while the lane writes its line -------------------------------------------------------------

    @property
    def end_logprob(self) -> float:
        """How likely the decoder found the end of the transcriber's line; 0 where nobody asked."""
        return self._weighed[-1] if self._weighed else 0.0

    def weigh(self, logprobs: Sequence[float]) -> None:
        """How likely the decoder finds each of `unweighed`."""
        self._weighed, self.unweighed = list(logprobs), []

    def write(self, seq: KvSequence, own: Sequence[Symbol], token: Symbol, second: Second | None) -> None:
        """The lane will write `token` behind `own`, at the tip of `seq`; `second` is what it would have written else.

        Where it is the first that is not the transcriber's, what was computed of that line is kept beside.
        """
        self.unweighed = []  # it was asked before the first token, or there was no room for it
        self._seconds.append(None if second is None or self._dialect.is_special(second.token) else second)
        at = len(own)
        if not self._weighed or list(own) != self.tokens[:at] or self.tokens[at : at + 1] == [token]:
            return
        tip = len(seq.symbols)
        self._memory.extend(seq, self.tokens[at:])
        self._laid = self._memory.fork(seq)
        self._memory.truncate(seq, tip)

    # --- between its end and the choice -------------------------------------------------------------

    def begin(self, seq: KvSequence, own: Sequence[Symbol], logprobs: Sequence[float], end: Symbol) -> bool:
        """The lane's line, another than the transcriber's, is over: `own`, at the tip of `seq`, and `end` behind it.

        logprobs: of `own` and of the end. False where nobody is to be asked (`own_is_better` tells): nobody has weighed
        the transcriber's line, the lane's has no words or says that nobody spoke, or it is clear who is the better one.
        """
        words = self._dialect.text(own).strip()
        if not self._weighed or not words or self._dialect.says_nothing(words):
            return False
        sureness = balance(self.line.confidence, logprobs, self._weighed)
        if not is_worth_asking(sureness, zip(logprobs, self._seconds, strict=False)):
            return False
        self._own = Hypothesis(seq, own, logprobs)
        self._own.over = end
        self.asked = [self._words(self.tokens), self._words(own)]
        return True

    @property
    def is_waiting(self) -> bool:
        """The lane's line is over, and it is not decided yet which one is taken."""
        return self._own is not None

    @property
    def open(self) -> list[Hypothesis]:
        """Lines that are being written."""
        return [other for other in self._others if other.is_open]

    def told(self, likely: Sequence[Sequence[float] | None]) -> bool:
        """The transcriber's answer to `asked`: log-probabilities of the words of each line. True where that was all.

        None where it cannot be asked any more: more was heard since.
        """
        assert self._own is not None, "nobody was asked"
        self.asked = []
        if self._scores:
            for line, told in zip(self.compared[2:], likely, strict=True):
                assert line is not None, "only the first is not the decoder's"
                self._scores.append(-math.inf if told is None or line.is_loop else score(line.logprobs, told))
            return True
        given, own = likely
        if given is None or own is None:
            is_own = own_is_better(self.line.confidence, self._own.logprobs, self._weighed, ended=True)
            self._scores = [float(not is_own), float(is_own)]
            return True
        self._scores = [score(self._weighed, given), score(self._own.logprobs, own)]
        self._try_others(own)
        return not self._others

    @property
    def compared(self) -> list[Hypothesis | None]:
        """The lines, in the order in which they are asked: the transcriber's (None), the lane's own, and the others."""
        return [None, self._own, *self._others]

    def accept(self, other: Hypothesis, token: Symbol, logprob: float) -> None:
        """The token chosen behind one of `open`."""
        assert self._own is not None, "the others are in its place"
        other.accept(self._dialect, self._memory, token, logprob, len(self._own.tokens) + LONGER_TOKENS)
        if not self.open:
            self.asked = [self._words(line.tokens) for line in self._others]

    def chosen(self) -> Hypothesis | None:
        """The line that is believed, the lane's own or another of the decoder's; None: the transcriber's."""
        assert self._own is not None, "the lane's own line is over"
        return self.compared[max(range(len(self._scores)), key=self._scores.__getitem__)]

    def _try_others(self, likely: Sequence[float]) -> None:
        """likely: of the words of the lane's own line, by the transcriber."""
        own = self._own
        assert own is not None, "it was weighed"
        steps = [
            Step(word, logprob, second)
            for word, logprob, second in zip(self._words_of(own.tokens), own.logprobs, self._seconds, strict=False)
        ]
        ahead = max(0.0, self._scores[0] - self._scores[1])
        for at in alternatives(steps, likely, ahead):
            seq = self._memory.fork(own.seq)
            self._memory.truncate(seq, len(seq.symbols) - len(own.tokens) + at)
            self._others.append(own.beside(seq, at, self._dialect.line_end))
        for other in self._others:
            second = self._seconds[len(other.tokens)]
            assert second is not None, "only where there is another"
            self.accept(other, second.token, second.logprob)

    def _words(self, tokens: Sequence[Symbol]) -> tuple[str, ...]:
        """The words of a whole line, with those that stand in every one."""
        return tuple(self._dialect.text([*self._known, *tokens]).split())

    def _words_of(self, tokens: Sequence[Symbol]) -> list[int]:
        """For each token the number of the word of the whole line that it belongs to."""
        words, text, numbers = self._dialect.detokenizer(), self._dialect.text(self._known), []
        for token in tokens:
            text += words.push(token)
            numbers.append(max(0, len(text.split()) - 1))
        return numbers

    # --- what is kept -------------------------------------------------------------------------------

    def own_is_better(self, own: Sequence[float], *, ended: bool) -> bool:
        """Whether the lane's line is to be believed unasked; one that nothing was weighed against is not."""
        return bool(self._weighed) and own_is_better(self.line.confidence, own, self._weighed, ended=ended)

    def lay(self, seq: KvSequence, start: int) -> KvSequence:
        """The sequence that holds the transcriber's tokens behind the first `start` symbols of `seq`, in its place."""
        if self._laid is None:
            self._memory.truncate(seq, start)
            self._memory.extend(seq, self.tokens)
            return seq
        self._memory.drop(seq)
        laid, self._laid = self._laid, None
        return laid

    def take(self, line: Hypothesis) -> KvSequence:
        """The sequence of a line that was chosen; it is the caller's from now on."""
        self._others = [other for other in self._others if other is not line]
        return line.seq

    def drop(self) -> None:
        """Give back what is kept beside."""
        if self._laid is not None:
            self._memory.drop(self._laid)
            self._laid = None
        for other in self._others:
            self._memory.drop(other.seq)
        self._others = []
