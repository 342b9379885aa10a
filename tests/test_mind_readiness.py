"""The vote is monotone in every sign, within 0..1, and means to the turn machine what it says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.mind.readiness import NEUTRAL, OBJECTS, PLAUSIBLE, SURE, doubt_of, readiness
from realtime.turns.policy import MIND_LIKELY, MIND_OBJECTION, MIND_SURE

LOGPROB = st.floats(-20, 0)
WORDS = st.integers(0, 40)
PRIOR = st.floats(0, 1)


@given(LOGPROB, LOGPROB, WORDS, st.none() | PRIOR)
def test_a_vote_is_a_probability(closing: float, doubt: float, words: int, prior: float | None) -> None:
    assert 0 <= readiness(closing, doubt, words, prior) <= 1


@given(st.tuples(LOGPROB, LOGPROB, PRIOR), st.tuples(LOGPROB, LOGPROB, PRIOR), WORDS)
def test_surer_signs_never_vote_less(one: tuple[float, ...], other: tuple[float, ...], words: int) -> None:
    closing, doubt, prior = (max(pair) for pair in zip(one, other, strict=True))
    assert readiness(one[0], one[1], words, one[2]) <= readiness(closing, doubt, words, prior)


def test_votes_mean_to_the_turn_machine_what_they_say() -> None:
    assert readiness(-0.005, -0.01, 8, 0.999) == SURE >= MIND_SURE
    assert MIND_LIKELY <= readiness(-0.005, -0.05, 8, 0.999) < MIND_SURE
    assert readiness(-0.005, -0.01, 8, 0.2) == OBJECTS < MIND_OBJECTION, "the words ask for another"
    assert readiness(-2.0, 0.0, 8, 0.999) == OBJECTS, "so does the sound"
    assert MIND_OBJECTION < readiness(-0.1, -3.0, 8, 0.999) == PLAUSIBLE < MIND_LIKELY
    assert readiness(-0.005, -0.01, 8) == NEUTRAL < MIND_LIKELY, "without the words alone it is never sure"


def test_an_opener_alone_is_no_turn_that_is_surely_over() -> None:
    assert readiness(0.0, 0.0, len(["quick", "question"]), 1.0) == PLAUSIBLE


def test_doubt_is_about_the_last_words() -> None:
    assert doubt_of([]) == 0.0
    assert doubt_of([-9.0, -0.1, -0.2, -0.3]) == -0.3
