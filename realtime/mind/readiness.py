"""The mind's vote on the end of a turn: how surely does what was heard end here? Numbers in, a number out.

Who has read the words knows better than a model of melody whether a question is complete. Six things are asked; the
first two are natural log-probabilities of what the decoder writes, the next two of its own as well, the last two are
the transcriber's:

    closing   of the line's end behind its last word: low while the sentence asks for another word
    doubt     the lowest of the line's last three tokens: low where a word was cut in two, and where the model wrote a
              word that nobody has said yet ("what is nine multiplied by *nine*")
    prior     probability (0..1) that a line ends behind these words, whoever said them and however: the words alone,
              without the sound, which always seems to end where it is cut off
    unheard   last words of the line that a listening pass over the same sound would not have noted yet. It lags by
              the last word where the turn is over; where it lags by more, the line was completed by the model alone
    finish    probability (0..1) that the speaker is done behind the transcriber's last word: it has that word and how
              the last 0.64 s sounded, and was fitted to ends of turns and to pauses (`realtime.transcriber.ending`)
    ahead     last words of the line that the transcriber did not hear (`realtime.mind.ears.words_ahead`); asked only
              where sounds stand out: there the decoder hears for itself, and completes a question as it likes

The sound's own end misleads `closing`. With a transcriber the vote is one probability, of `finish` and `prior`
together; `python -m benchmarks.turn_ending` fits it, and docs/turns.md has the figures. Without, it is a rule whose
thresholds were chosen on the tuning sets of `benchmarks.turn_votes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

NO_WORDS = 0.0  # there was sound, and nobody spoke
OBJECTS = 0.1  # the sentence has no end yet
DOUBTS = 0.3
NEUTRAL = 0.5  # nothing speaks for or against
PLAUSIBLE = 0.6  # the words can end here
LIKELY = 0.8
SURE = 1.0

LEAST_CLOSING = -0.7  # log of one half
LEAST_PRIOR = 0.5
PLAUSIBLE_PRIOR = 0.9
SURE_PRIOR = 0.99
SURE_CLOSING = -0.05
SURE_DOUBT = -0.5  # a voice that is heard badly is never surely over
LEAST_DOUBT = -0.03
MOST_UNHEARD = 2
DOUBT_TOKENS = 3
# With a transcriber: log-odds that the turn is over, of those of `finish` and `prior` (`benchmarks.turn_ending`).
FINISH_WEIGHT, PRIOR_WEIGHT, BIAS = 1.12, 0.11, -0.05
# Where the votes begin, in these log-odds.
SURE_SCORE, LIKELY_SCORE, PLAUSIBLE_SCORE, DOUBTS_SCORE = 0.8, 0.4, -0.6, -2.0
GUESS_DOUBT = -1.5  # words of the decoder's own, and doubted: it may have guessed the last one
LEAST_ODDS = 1e-4  # a probability is not taken for surer than this
# "Quick question", "okay", "hello": with so few words the end of the line says nothing about the turn.
LEAST_WORDS = 3


def doubt_of(hearing: Sequence[float]) -> float:
    """The lowest of the last log-probabilities; 0 where there are none (all words were noted before)."""
    return min(hearing[-DOUBT_TOKENS:], default=0.0)


def readiness(
    closing: float,
    doubt: float,
    words: int,
    prior: float | None = None,
    unheard: int | None = None,
    finish: float | None = None,
    ahead: int = 0,
) -> float:
    """A vote in 0..1; `words` is the number of words of the whole line; `prior` to `finish` None where not asked."""
    if _nobody_spoke(words, unheard, finish, ahead):
        return NO_WORDS
    if ahead:
        return OBJECTS
    if closing < LEAST_CLOSING or (unheard is not None and unheard > MOST_UNHEARD):
        return OBJECTS
    if prior is None:
        return NEUTRAL
    if finish is None:
        return _by_words(closing, doubt, words, prior, unheard)
    by_score = _by_score(score(finish, prior, unheard))
    if unheard != 0 and doubt < GUESS_DOUBT:
        return min(by_score, PLAUSIBLE)
    if prior < LEAST_PRIOR:
        # "If I have six apples and get eight more" sounds like a statement; its words ask for more. And "okay" alone
        # sounds like a sentence of its own.
        return min(by_score, LIKELY if words > 1 else DOUBTS)
    return by_score


def score(finish: float, prior: float, unheard: int | None) -> float:
    """Log-odds that the turn is over. Words that nobody was heard to say may speak against an end, not for one."""
    return FINISH_WEIGHT * log_odds(finish) + PRIOR_WEIGHT * prior_sign(prior, unheard) + BIAS


def prior_sign(prior: float, unheard: int | None) -> float:
    """What `prior` says in a score: its log-odds."""
    is_made_up = unheard is None or unheard > 1
    return min(log_odds(prior), 0.0) if is_made_up else log_odds(prior)


def _nobody_spoke(words: int, unheard: int | None, finish: float | None, ahead: int) -> bool:
    """Nobody spoke, and the decoder wrote a question all the same: a listener would have noted none of its words.

    A listener lags, so of a short line that tells nothing, unless the transcriber heard none of it either.
    """
    is_told = ahead == words > 0 or (finish is None and words > MOST_UNHEARD)
    return is_told and unheard is not None and unheard >= words


def _by_words(closing: float, doubt: float, words: int, prior: float, unheard: int | None) -> float:
    if prior < LEAST_PRIOR:
        return OBJECTS
    if prior < PLAUSIBLE_PRIOR:
        return DOUBTS
    if words < LEAST_WORDS:
        return PLAUSIBLE
    if unheard is None or unheard > 1:  # a listener would have noted another word, or one word more is missing
        return LIKELY if doubt >= LEAST_DOUBT and closing >= SURE_CLOSING and prior >= SURE_PRIOR else PLAUSIBLE
    if doubt < SURE_DOUBT:
        return PLAUSIBLE
    return SURE if prior >= SURE_PRIOR else LIKELY


def _by_score(odds: float) -> float:
    if odds >= SURE_SCORE:
        return SURE
    if odds >= LIKELY_SCORE:
        return LIKELY
    if odds >= PLAUSIBLE_SCORE:
        return PLAUSIBLE
    return DOUBTS if odds >= DOUBTS_SCORE else OBJECTS


def log_odds(p: float) -> float:
    """Natural; of a probability between 0 and 1, both included."""
    p = min(max(p, LEAST_ODDS), 1.0 - LEAST_ODDS)
    return math.log(p / (1.0 - p))
