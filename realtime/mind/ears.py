"""Two ears: the line that a transcriber wrote, or the one that the decoder writes when it hears the same sound itself?

Their errors are others: the transcriber knows people and takes everything for English, the decoder was taught with
synthetic voices and knows what people ask of it. Each is asked how likely it finds the other's line, and what the
decoder might have written in the place of a word that the transcriber did not hear; the line that both together find
likeliest is believed (n-best rescoring, Ostendorf et al. 1991). Log-probabilities in, a choice out.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from statistics import fmean
from typing import NamedTuple

# What the transcriber's log-probability of a line counts beside the decoder's (`python -m benchmarks.ears`).
TRANSCRIBER_SHARE = 0.6
# Other lines of the decoder's that are tried, each from one token on: how much less likely to it that token may be, and
# how much must be to be won. (Of 14 lines that were taken in its place, of three families of voices, 12 promised that
# much; of those that were not, two thirds did not. With two alternatives no more lines are wholly right than with one.)
MOST_ALTERNATIVES, MOST_LOSS, LEAST_GAIN = 1, 4.0, 2.5
# Between these balances of sureness the transcriber is asked. Below, its own line has fewer errors than the one that
# both find likeliest; above, it is as good as never the better one.
SURELY_GIVEN, SURELY_OWN = -1.0, 2.0
# The balance: a logistic regression over the lines that one of the two had better (`--fit`): above 0 the decoder's is
# more often the better.
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


@dataclass(frozen=True, slots=True)
class Step:
    """A token of a line that the decoder wrote. word: the number of the word that it belongs to, in the whole line.

    logprob: natural, of the token. second: what it would have been else, and how likely; None where nothing is known.
    """

    word: int
    logprob: float
    second: Second | None = None


class Second(NamedTuple):
    """The token that the decoder found likeliest but one, and its natural log-probability."""

    token: int
    logprob: float


def score(decoder: Sequence[float], transcriber: Sequence[float]) -> float:
    """How likely a line is to both: natural log-probabilities of its tokens and its end, and of its words."""
    return sum(decoder) + TRANSCRIBER_SHARE * sum(transcriber)


def alternatives(steps: Sequence[Step], transcriber: Sequence[float], ahead: float) -> list[int]:
    """Tokens of a line in whose place it is worth to try the second one, the most promising first.

    What the decoder loses with it is certain; what the transcriber may win is what it lost with the word that stands
    there, if it heard the other.

    Args:
        steps: of the line.
        transcriber: log-probability of each word of the whole line, by the transcriber.
        ahead: by how much the best line so far beats this one; 0 where it is the best.
    """
    promising: list[tuple[float, int]] = []
    for at, step in enumerate(steps):
        if step.second is None:
            continue
        loss = step.logprob - step.second.logprob
        gain = -TRANSCRIBER_SHARE * sum(transcriber[step.word : step.word + 1]) - loss
        if loss <= MOST_LOSS and gain >= ahead + LEAST_GAIN:
            promising.append((gain, at))
    return [at for _, at in sorted(promising, reverse=True)[:MOST_ALTERNATIVES]]


def balance(transcriber: float, own: Sequence[float], given: Sequence[float]) -> float:
    """How much speaks for the decoder's own line, by how sure each is of its own alone; below 0: for the transcriber's.

    Args: as `own_is_better`; `own` is not empty.
    """
    least, most = PREFERENCE_RANGE
    return (
        BIAS
        + TRANSCRIBER_WEIGHT * max(transcriber, LEAST_MEAN)
        + DECODER_WEIGHT * max(fmean(own), LEAST_MEAN)
        + PREFERENCE_WEIGHT * min(max(sum(own) - sum(given), least), most)
    )


def own_is_better(transcriber: float, own: Sequence[float], given: Sequence[float], *, ended: bool) -> bool:
    """Whether the decoder's own line is to be believed, by `balance`.

    Args:
        transcriber: mean natural log-probability of the tokens of the transcriber's line, by the transcriber.
        own: of each token of the decoder's line and of its end, by the decoder.
        given: of each token of the transcriber's line and of its end, by the decoder. May be empty: nothing was said.
        ended: the decoder ended its line; a loop is not believed, however sure it is.
    """
    return bool(own) and ended and balance(transcriber, own, given) > 0


def is_worth_asking(balance_: float, seconds: Iterable[tuple[float, Second | None]]) -> bool:
    """Whether the transcriber is to weigh the decoder's line; where that is surely better, for a word in doubt.

    seconds: of each token its log-probability, and what it would have been else.
    """
    if balance_ > SURELY_OWN:
        return any(second is not None and logprob - second.logprob <= MOST_LOSS for logprob, second in seconds)
    return balance_ >= SURELY_GIVEN


def words_ahead(own: Sequence[str], written: Sequence[str]) -> int:
    """Last words of the decoder's line `own` that the transcriber, which wrote `written`, did not hear; 0 or more.

    Behind the last words that both have, as many as the transcriber wrote may be the same ones, misheard.
    """
    blocks = SequenceMatcher(None, own, written, autojunk=False).get_matching_blocks()
    own_until, until = next(((b.a + b.size, b.b + b.size) for b in reversed(blocks) if b.size), (0, 0))
    return max(0, (len(own) - own_until) - (len(written) - until))
