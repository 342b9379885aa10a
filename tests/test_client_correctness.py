"""Words and answers against what was expected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client_demo.correctness import Expectation, judge, summary_of, word_errors

WORDS = st.lists(st.sampled_from("abc"), max_size=8)


@given(WORDS, WORDS, WORDS)
def test_word_errors_are_a_distance(a: list[str], b: list[str], c: list[str]) -> None:
    assert word_errors(a, a) == 0
    assert word_errors(a, b) == word_errors(b, a) >= abs(len(a) - len(b))
    assert (word_errors(a, b) == 0) == (a == b)
    assert word_errors(a, c) <= word_errors(a, b) + word_errors(b, c)


def test_an_answer_is_judged_by_its_words() -> None:
    expected = Expectation("how much is six plus eight", "Six plus eight is fourteen.", "fourteen")
    right = judge(expected, "How much is six plus eight?", "six plus eight is fourteen")
    assert (right.exact, right.key, right.errors, right.words) == (True, True, 0, 6)
    other = judge(expected, "how much is a plus eight", "That makes fourteen!")
    assert (other.exact, other.key, other.errors) == (False, True, 1)
    assert judge(expected, "", "fourteenth").key is False
    nothing = judge(Expectation(None, None, None), "anything", "at all")
    assert (nothing.exact, nothing.key, nothing.words) == (None, None, 0)
    body = summary_of([right, other, nothing])
    assert (body["questions"], body["exact"], body["exact_share"], body["wer"]) == (2, 1, 0.5, round(1 / 12, 4))
    assert summary_of([])["exact_share"] is None
