"""Two ears: the line that a transcriber wrote, or the one that the decoder writes when it hears the same sound itself?

Their errors are others: the transcriber knows people and takes everything for English, the decoder was taught with
synthetic voices and knows what people ask of it. Each says how sure it is of its own line, and the decoder, which
reads the transcriber's line before it writes its own, how likely it finds that one. Log-probabilities in, a choice out.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from statistics import fmean

from realtime.mind.memory import KvSequence, Memory, Symbol

# A logistic regression over the lines that one of the two had better, of seed samples, people, actors and three
# families of synthetic voices (`python -m benchmarks.ears --fit`): above 0 the decoder's is more often the better.
BIAS = 0.5
TRANSCRIBER_WEIGHT = -2.1  # mean log-probability of a token of its line
DECODER_WEIGHT = 9.4  # the same of the decoder's line
PREFERENCE_WEIGHT = 0.11  # how much likelier, as a whole, the decoder finds its own line
LEAST_MEAN = -1.5  # less sure than this is not sure at all
PREFERENCE_RANGE = (-5.0, 30.0)


class Standing(enum.Enum):
    """What a transcriber's line is to the lane that hears the same sound."""

    STANDS = "stands"  # it is taken, and the lane ends it
    CONTESTED = "contested"  # the lane writes its own, and the better one of the two is taken
    UNBELIEVED = "unbelieved"  # there is none, as far as words go: the lane writes its own


@dataclass(frozen=True, slots=True)
class HeardLine:
    """The whole line of what was heard, from a transcriber beside the lanes.

    words: none where they are not believed. confidence: mean log-probability of its tokens, by the transcriber.
    doubt, finish: see `realtime.mind.readiness`. written: what it wrote where that is not believed. It may be other
    words than were said, and still tells how many.
    """

    words: tuple[str, ...]
    confidence: float
    doubt: float
    finish: float
    standing: Standing
    written: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert not self.words or self.standing is not Standing.UNBELIEVED, "a line without words is what is unbelieved"

    def unbelieved(self) -> HeardLine:
        """The same end of the sound without its words."""
        return replace(self, words=(), standing=Standing.UNBELIEVED, written=self.words)

    def uncontested(self) -> HeardLine:
        """The same line where the lane has nothing to say to it."""
        return replace(self, standing=Standing.STANDS)


# What a transcriber makes of a sound in which it hears no word, where its words would not be believed either.
UNHEARD_LINE = HeardLine((), 0.0, 0.0, 0.0, Standing.UNBELIEVED)


class Contest:
    """The transcriber's line beside the lane's own, until one of the two is chosen.

    Args:
        line: which is contested.
        tokens: of that line, behind those that stand in both.
        line_end: token that ends a line.
    """

    def __init__(self, memory: Memory, line: HeardLine, tokens: Sequence[Symbol], line_end: Symbol) -> None:
        self._memory = memory
        self.line = line
        self.tokens = list(tokens)
        # The decoder is asked for these before the lane takes its first token (`weigh`).
        self.unweighed: list[Symbol] = [*tokens, line_end]
        self._weighed: list[float] = []  # log-probabilities of the tokens and of the end behind them
        self._laid: KvSequence | None = None  # holds the tokens while the lane writes others

    @property
    def end_logprob(self) -> float:
        """How likely the decoder found the end of the transcriber's line; 0 where nobody asked."""
        return self._weighed[-1] if self._weighed else 0.0

    def weigh(self, logprobs: Sequence[float]) -> None:
        """How likely the decoder finds each of `unweighed`."""
        self._weighed, self.unweighed = list(logprobs), []

    def write(self, seq: KvSequence, own: Sequence[Symbol], token: Symbol) -> None:
        """The lane will write `token` behind `own`, at the tip of `seq`.

        Where it is the first that is not the transcriber's, what was computed of that line is kept beside.
        """
        self.unweighed = []  # it was asked before the first token, or there was no room for it
        at = len(own)
        if not self._weighed or list(own) != self.tokens[:at] or self.tokens[at : at + 1] == [token]:
            return
        tip = len(seq.symbols)
        self._memory.extend(seq, self.tokens[at:])
        self._laid = self._memory.fork(seq)
        self._memory.truncate(seq, tip)

    def own_is_better(self, own: Sequence[float], *, ended: bool) -> bool:
        """Whether the lane's line is to be believed; one that nothing was weighed against is not."""
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

    def drop(self) -> None:
        """Give back what is kept beside."""
        if self._laid is not None:
            self._memory.drop(self._laid)
            self._laid = None


def own_is_better(transcriber: float, own: Sequence[float], given: Sequence[float], *, ended: bool) -> bool:
    """Whether the decoder's own line is to be believed.

    Args:
        transcriber: mean natural log-probability of the tokens of the transcriber's line, by the transcriber.
        own: of each token of the decoder's line and of its end, by the decoder.
        given: of each token of the transcriber's line and of its end, by the decoder. May be empty: nothing was said.
        ended: the decoder ended its line; a loop is not believed, however sure it is.
    """
    if not own or not ended:
        return False
    preference = sum(own) - sum(given)
    least, most = PREFERENCE_RANGE
    score = (
        BIAS
        + TRANSCRIBER_WEIGHT * max(transcriber, LEAST_MEAN)
        + DECODER_WEIGHT * max(fmean(own), LEAST_MEAN)
        + PREFERENCE_WEIGHT * min(max(preference, least), most)
    )
    return score > 0


def words_ahead(own: Sequence[str], written: Sequence[str]) -> int:
    """Last words of the decoder's line `own` that the transcriber, which wrote `written`, did not hear; 0 or more.

    Behind the last words that both have, as many as the transcriber wrote may be the same ones, misheard.
    """
    blocks = SequenceMatcher(None, own, written, autojunk=False).get_matching_blocks()
    own_until, until = next(((b.a + b.size, b.b + b.size) for b in reversed(blocks) if b.size), (0, 0))
    return max(0, (len(own) - own_until) - (len(written) - until))
