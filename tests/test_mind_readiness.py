"""The vote is monotone in every sign, within 0..1, and means to the turn machine what it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.mind.readiness import (
    DOUBTS,
    LIKELY,
    MOST_UNHEARD,
    NEUTRAL,
    NO_WORDS,
    OBJECTS,
    PLAUSIBLE,
    SURE,
    doubt_of,
    readiness,
)
from realtime.turns.policy import MIND_LIKELY, MIND_NO_WORDS, MIND_OBJECTION, MIND_SURE

LOGPROB = st.floats(-20, 0)
WORDS = st.integers(0, 40)
PRIOR = st.floats(0, 1)


UNHEARD = st.integers(0, 12)


@given(LOGPROB, LOGPROB, WORDS, st.none() | PRIOR, st.none() | UNHEARD, st.none() | PRIOR)
def test_a_vote_is_a_probability(
    closing: float, doubt: float, words: int, prior: float | None, unheard: int | None, finish: float | None
) -> None:
    assert 0 <= readiness(closing, doubt, words, prior, unheard, finish) <= 1


SIGNS = st.tuples(LOGPROB, LOGPROB, PRIOR, UNHEARD.map(lambda words: -float(words)), PRIOR)


@given(SIGNS, SIGNS, WORDS, st.booleans())
def test_surer_signs_never_vote_less(
    one: tuple[float, ...], other: tuple[float, ...], words: int, transcribed: bool
) -> None:
    best = [max(pair) for pair in zip(one, other, strict=True)]
    votes = [
        readiness(closing, doubt, words, prior, -int(heard), finish if transcribed else None)
        for closing, doubt, prior, heard, finish in (one, best)
    ]
    assert votes[0] <= votes[1]


def test_votes_mean_to_the_turn_machine_what_they_say() -> None:
    assert readiness(-0.005, -0.3, 8, 0.999, 1) == SURE >= MIND_SURE
    assert MIND_LIKELY <= readiness(-0.005, -0.3, 8, 0.95, 0) < MIND_SURE
    assert readiness(-0.005, -0.01, 8, 0.2, 0) == OBJECTS < MIND_OBJECTION, "the words ask for another"
    assert readiness(-2.0, 0.0, 8, 0.999, 0) == OBJECTS, "so does the sound"
    assert readiness(-0.005, -0.01, 8, 0.999, 5) == OBJECTS, "nobody said the last words"
    assert MIND_OBJECTION < readiness(-0.1, -3.0, 8, 0.999, 2) == PLAUSIBLE < MIND_LIKELY
    assert readiness(-0.005, -0.01, 8) == NEUTRAL < MIND_LIKELY, "without the words alone it is never sure"
    assert readiness(-0.005, -3.0, 8, 0.999, 0) == PLAUSIBLE, "it did not understand the last words"
    assert readiness(-0.1, -3.0, 8, 0.999) == PLAUSIBLE, "a listener would have noted another word"


def test_with_a_transcriber_words_and_ear_weigh_together() -> None:
    assert readiness(-0.005, -0.6, 12, 0.95, 0, 0.8) == SURE, "both speak for an end"
    assert readiness(-0.005, -0.6, 7, 0.99, 0, 0.6) == SURE, "the words do, and the ear does not mind"
    assert readiness(-0.005, -0.6, 7, 0.99, 0, 0.15) < MIND_LIKELY, "the ear would go on"
    assert readiness(-0.005, -0.6, 9, 0.02, 0, 0.5) < MIND_LIKELY, "the words would go on"
    assert readiness(-0.005, -0.6, 8, 0.001, 0, 0.1) == OBJECTS, "nothing speaks for an end"
    assert readiness(-0.005, -0.6, 8, 0.999, 5, 0.9) == OBJECTS, "nobody said the last words"
    assert readiness(-0.005, -0.01, 8, None, 0, 0.9) == NEUTRAL, "without the words alone it is never sure"


def test_a_clause_that_sounds_like_a_sentence_is_never_surely_over() -> None:
    assert MIND_LIKELY <= readiness(-0.005, -0.1, 9, 0.402, 0, 0.99) < MIND_SURE


def test_one_word_that_opens_a_sentence_is_doubted() -> None:
    """ "Okay" with a pause behind it; "five five" may go on as well, but is two."""
    opener, pair, greeting = ((1, 0.02), (2, 0.02), (1, 0.9))
    votes = [readiness(-0.005, 0.0, words, prior, 0, 0.9) for words, prior in (opener, pair, greeting)]
    assert votes == [DOUBTS, LIKELY, SURE] and DOUBTS < MIND_LIKELY


def test_words_that_nobody_was_heard_to_say_speak_for_no_end() -> None:
    heard, made_up = (readiness(-0.005, -0.1, 6, 0.999, unheard, 0.35) for unheard in (1, 2))
    assert made_up == readiness(-0.005, -0.1, 6, 0.5, 1, 0.35) < heard
    assert readiness(-0.005, -0.1, 6, 0.999, None, 0.35) == made_up, "a listener would have noted another word"
    assert readiness(-0.005, -2.0, 8, 0.999, 1, 0.9) == PLAUSIBLE < readiness(-0.005, -1.0, 8, 0.999, 1, 0.9)


@given(LOGPROB, LOGPROB, st.integers(1, 40), st.none() | PRIOR, st.none() | UNHEARD, st.none() | PRIOR, st.data())
def test_a_word_that_the_transcriber_did_not_hear_is_waited_for_however_sure_the_rest_is(
    closing: float, doubt: float, words: int, prior: float | None, unheard: int | None, finish: float | None,
    data: st.DataObject,
) -> None:  # fmt: skip
    ahead = data.draw(st.integers(1, words))
    vote = readiness(closing, doubt, words, prior, unheard, finish, ahead)
    tells = ahead == words or (finish is None and words > MOST_UNHEARD)
    nobody_spoke = tells and unheard is not None and unheard >= words
    assert vote == (NO_WORDS if nobody_spoke else OBJECTS) < MIND_OBJECTION


def test_words_that_no_ear_heard_are_no_turn() -> None:
    assert readiness(0.0, -0.01, 3, 0.97, 3, None, 3) == NO_WORDS == MIND_NO_WORDS, "a tone, and a question for it"
    assert readiness(0.0, -0.01, 3, 0.97, 1, None, 3) == OBJECTS, "a listener heard two of them"
    assert readiness(0.0, -0.01, 3, 0.97, None, None, 3) == OBJECTS, "nobody could ask it"
    assert readiness(0.0, -0.01, 3, 0.97, 1, 0.9, 0) == SURE, "both ears are as far as the line"
    assert readiness(0.0, -0.01, 3, 0.97, 3) == NO_WORDS, "a tone that is too short yet to stand out"
    assert readiness(0.0, -0.01, 2, 0.97, 2) == PLAUSIBLE, "a listener is late"
    assert readiness(0.0, -0.01, 3, 0.97, 3, 0.9) == OBJECTS, "the transcriber heard words"


def test_an_opener_alone_is_no_turn_that_is_surely_over() -> None:
    assert readiness(0.0, 0.0, len(["quick", "question"]), 1.0, 0) == PLAUSIBLE


def test_doubt_is_about_the_last_words() -> None:
    assert doubt_of([]) == 0.0
    assert doubt_of([-9.0, -0.1, -0.2, -0.3]) == -0.3
