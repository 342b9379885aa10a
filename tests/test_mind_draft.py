"""Drafts: guesses that a decoder checks. They must follow what is really written and recover behind a difference."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.mind.draft import REACH_AFTER_MISS, REACH_FIRST, REACH_MOST, Draft
from realtime.mind.rehearsal import KEPT_ATTEMPTS, Tried

SYMBOLS = st.lists(st.integers(0, 12), max_size=40)


def steps_needed(draft: Draft, truth: list[int], rows: int = 24) -> int:
    """Decoding steps until `truth` is written: each step gives the guesses that were right, and one token more."""
    done = steps = 0
    while done < len(truth):
        guessed = draft.guess(rows)
        right = 0
        while right < len(guessed) and done + right < len(truth) and guessed[right] == truth[done + right]:
            right += 1
        draft.checked(len(guessed), right)
        taken = truth[done : done + right + 1]
        draft.follow(taken)
        done += len(taken)
        steps += 1
    return steps


@given(SYMBOLS, st.lists(SYMBOLS, max_size=2), st.integers(0, 30))
def test_a_guess_is_never_longer_than_asked_and_never_stops_the_writing(
    truth: list[int], earlier: list[list[int]], rows: int
) -> None:
    draft = Draft(earlier)
    for symbol in truth:
        assert len(draft.guess(rows)) <= min(rows, REACH_MOST)
        draft.follow([symbol])
    assert list(draft.written) == truth


@given(SYMBOLS, st.lists(SYMBOLS, max_size=2))
def test_no_draft_costs_more_steps_than_none(truth: list[int], earlier: list[list[int]]) -> None:
    assert steps_needed(Draft(earlier), truth) <= len(truth)


def test_the_same_text_again_takes_a_few_steps() -> None:
    text = list(range(100, 140))
    assert steps_needed(Draft([text]), text) <= 1 + len(text) // REACH_FIRST


def test_one_word_in_place_of_another_costs_about_one_step() -> None:
    earlier = list(range(100, 130))
    truth = [*earlier[:10], 7, *earlier[11:]]
    assert steps_needed(Draft([earlier]), truth) <= 2 + len(truth) // REACH_AFTER_MISS
    assert steps_needed(Draft([earlier]), truth) < len(truth) // 3


def test_words_put_in_between_cost_their_own_number() -> None:
    earlier = list(range(100, 130))
    truth = [*earlier[:10], 1, 2, 3, *earlier[10:]]
    assert steps_needed(Draft([earlier]), truth) <= 3 + 4 + len(truth) // REACH_AFTER_MISS
    assert steps_needed(Draft([earlier]), truth) < len(truth) // 2


def test_what_was_said_in_this_lane_is_guessed_again() -> None:
    draft = Draft()
    draft.follow([1, 2, 3, 4, 5, 9, 9, 1, 2])
    assert draft.guess(3) == [3, 4, 5]


def test_an_older_attempt_helps_where_the_newest_ends() -> None:
    draft = Draft([[1, 2], [1, 2, 3, 4]])
    draft.follow([1, 2])
    assert draft.guess(8) == [3, 4]


def test_who_was_right_for_longer_is_asked_first() -> None:
    """A newer attempt that misheard one word has misheard the next one, too, more often than not."""
    newest = [1, 2, 99, 4, 5, 98, 7, 8, 97, 10, 11]
    older = list(range(1, 12))
    draft = Draft([newest, older])
    assert draft.guess(4) == [1, 2, 99, 4]
    draft.follow([1, 2, 3, 4])
    assert draft.guess(4) == [5, 6, 7, 8]
    assert steps_needed(Draft([newest, older]), older) == 3  # 2, then 5 behind the miss, then the rest


def test_who_was_right_for_long_is_trusted_for_long_though_another_was_not() -> None:
    older = list(range(1, 60))
    draft = Draft([[*older[:20], 99], older])
    draft.follow(older[:20])
    draft.checked(8, 0)
    assert len(draft.guess(32)) == 1
    draft.follow(older[20:21])
    assert len(draft.guess(32)) == 21 > REACH_AFTER_MISS


def test_attempts_are_kept_newest_first_and_few() -> None:
    tried = Tried()
    for n in range(4):
        tried.keep([n, n, n])
    tried.keep([3, 3])  # says nothing new
    assert tried.draft().guess(3) == [3, 3, 3]
    assert KEPT_ATTEMPTS == 2
    draft = tried.draft()
    draft.follow([2])
    assert draft.guess(2) == [2, 2]
