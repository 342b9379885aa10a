"""The mind's vote on the end of a turn: how surely does what was heard end here? Numbers in, a number out.

Who has read the words knows better than a model of melody whether a question is complete. Five things are asked; the
first two are natural log-probabilities of what the decoder writes, the next two of its own as well, the last is the
transcriber's:

    closing   of the line's end behind its last word: low while the sentence asks for another word
    doubt     the lowest of the line's last three tokens: low where a word was cut in two, and where the model wrote a
              word that nobody has said yet ("what is nine multiplied by *nine*")
    prior     probability (0..1) that a line ends behind these words, whoever said them and however: the words alone,
              without the sound, which always seems to end where it is cut off
    unheard   last words of the line that a listening pass over the same sound would not have noted yet. It lags by
              the last word where the turn is over; where it lags by more, the line was completed by the model alone
    finish    probability (0..1) that the transcriber sets a full stop, a question or an exclamation mark behind its
              last word: it has learnt punctuation from words and melody together, and a pause gets a comma or nothing

The sound's own end misleads `closing`, so `prior`, `finish` and `unheard` are the strongest; docs/turns.md has the
figures and the command that gives them. The thresholds below were chosen on the tuning sets of
`benchmarks.turn_votes`.
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
# With a transcriber: log-odds of `prior` and `finish`, and a little for lines that are no openers, weighed by a
# logistic regression over pauses and ends in lines of actors, in round numbers.
PRIOR_WEIGHT, FINISH_WEIGHT, WORDS_WEIGHT, BIAS = 0.4, 0.45, 1.0, -1.1
WORDS_MOST = 6  # a longer line is not more surely over
SURE_SCORE, PLAUSIBLE_SCORE, LEAST_SCORE = 0.4, -0.2, -2.0
LEAST_FINISH = 0.35  # what the words alone find complete, and the ear does not, is waited for
SURE_FINISH = 0.9  # "if I have six apples and get eight more," sounds like a statement; its words ask for more
GUESS_DOUBT = -1.0
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
) -> float:
    """A vote in 0..1; `words` is the number of words of the whole line, the last three None where not asked."""
    if closing < LEAST_CLOSING or (unheard is not None and unheard > MOST_UNHEARD):
        return OBJECTS
    if prior is None:
        return NEUTRAL
    by_words = _by_words(closing, doubt, words, prior, unheard)
    if finish is None:
        return by_words
    # Words of its own, and doubted: it may have guessed the last one.
    is_guess = unheard != 0 and doubt < GUESS_DOUBT
    by_finish = _by_finish(prior, finish, words, unheard)
    return max(by_words, min(by_finish, PLAUSIBLE) if is_guess else by_finish)


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


def _by_finish(prior: float, finish: float, words: int, unheard: int | None) -> float:
    score = PRIOR_WEIGHT * _log_odds(prior) + FINISH_WEIGHT * _log_odds(finish)
    score += WORDS_WEIGHT * min(words, WORDS_MOST) / WORDS_MOST + BIAS
    if score < LEAST_SCORE:
        return OBJECTS
    if score < PLAUSIBLE_SCORE:
        return DOUBTS
    if score < SURE_SCORE or unheard is None or unheard > 1:
        return PLAUSIBLE
    return SURE if finish >= (LEAST_FINISH if prior >= LEAST_PRIOR else SURE_FINISH) else LIKELY


def _log_odds(p: float) -> float:
    p = min(max(p, LEAST_ODDS), 1.0 - LEAST_ODDS)
    return math.log(p / (1.0 - p))
