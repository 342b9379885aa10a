"""The vote is monotone in both signs, within 0..1, and says no only where the line's end is unlikely."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.mind.readiness import NEUTRAL, OBJECTION, readiness
from realtime.turns.policy import MIND_OBJECTION, MIND_THRESHOLD

LOGPROB = st.floats(-20, 0)


@given(LOGPROB, st.lists(LOGPROB, max_size=20), st.integers(0, 40))
def test_a_vote_is_a_probability(closing: float, hearing: list[float], words: int) -> None:
    assert 0 <= readiness(closing, hearing, words) <= 1


@given(LOGPROB, LOGPROB, st.lists(LOGPROB, max_size=5), st.integers(0, 40))
def test_a_surer_end_never_votes_less(one: float, other: float, hearing: list[float], words: int) -> None:
    low, high = sorted((one, other))
    assert readiness(low, hearing, words) <= readiness(high, hearing, words)


def test_votes_mean_to_the_turn_machine_what_they_say() -> None:
    assert readiness(-0.005, [-0.01, -0.01], 8) >= MIND_THRESHOLD
    assert readiness(-0.005, [], 3) >= MIND_THRESHOLD
    assert readiness(-2.0, [], 8) == OBJECTION < MIND_OBJECTION
    assert MIND_OBJECTION < readiness(-0.1, [-3.0], 8) == NEUTRAL < MIND_THRESHOLD


def test_an_opener_alone_is_no_turn_that_is_surely_over() -> None:
    assert readiness(0.0, [0.0, 0.0], len(["quick", "question"])) == NEUTRAL
