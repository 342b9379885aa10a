"""Where a text ends, and how much of it will stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.transcriber.transcript import (
    Token,
    common_prefix,
    is_loop,
    last_heard,
    last_word,
    most_tokens,
    says_nothing,
    settled,
    still_said,
)


def text(*words: tuple[str, int]) -> list[Token]:
    """A word begins with a letter or a digit; "+ing" goes on with one, and "," and "." are marks."""
    return [
        Token(hash(word), at, -0.1, begins=word[0].isalnum(), letters=word.strip("+,.").lower()) for word, at in words
    ]


CARDS = text(("Eight", 21), ("of", 36), ("sp", 37), ("+ades", 48), (",", 79), ("four", 79), ("of", 91), ("hearts", 92))


def test_a_sentence_that_begins_again_has_ended() -> None:
    assert is_loop(CARDS, text(("Eight", 22))[0])
    assert is_loop(CARDS, text(("And", 40))[0])


def test_a_word_may_be_said_twice_if_it_is_heard_twice() -> None:
    five = text(("five", 44))
    assert not is_loop(five, text(("five", 53))[0])
    assert is_loop(five, text(("five", 45))[0])


def test_every_prefix_of_a_sentence_goes_on() -> None:
    assert not any(is_loop(CARDS[:n], CARDS[n]) for n in range(len(CARDS)))


def test_a_mark_is_no_loop_wherever_it_listens() -> None:
    assert not is_loop(CARDS, text((".", 0))[0])


def test_words_are_settled_up_to_what_is_sure() -> None:
    assert settled(CARDS, 0, 40) == 2  # "spades" is not whole yet
    assert settled(CARDS, 0, 60) == 4  # the comma waits for the word behind it
    assert settled(CARDS, 0, 90) == 6
    assert settled(CARDS, 0, 200) == len(CARDS)


def test_a_number_waits_for_the_word_behind_it() -> None:
    assert settled(text(("is", 10), ("5", 20)), 0, 100) == 1
    assert settled(text(("is", 10), ("5", 20), ("or", 30)), 0, 100) == 3


def test_the_last_word_is_found_whole_and_without_its_marks() -> None:
    assert last_word(CARDS) == 7
    assert last_word(CARDS[:5]) == 2  # "spades", and a comma
    assert last_word(text((",", 3))) == last_word([]) == 0
    assert last_heard(CARDS[:5]) == 48 and last_heard([]) == 0


def test_of_a_text_that_is_taken_up_again_the_end_is_left_open() -> None:
    late = text(("Eight", 21), ("of", 36), ("sp", 130), ("+ades", 170), (",", 150), ("four", 200), (".", 300))
    assert still_said(late, 0) == late[:2]  # "spades" reaches into the last 2 s
    assert still_said(late, 5) == late[:5]
    assert still_said(CARDS, 0) == []


TOKENS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "+c", ",", ".", "7"]), st.integers(0, 99)).map(lambda pair: text(pair)[0]),
    max_size=12,
)


@given(TOKENS, st.integers(0, 12), st.integers(0, 120), st.integers(0, 60))
def test_settling_takes_nothing_back_and_grows_with_what_is_sure(
    tokens: list[Token], agreed: int, before: int, more: int
) -> None:
    agreed = min(agreed, len(tokens))
    there = settled(tokens, agreed, before)
    assert agreed <= there <= len(tokens)
    assert settled(tokens, agreed, before + more) >= there
    assert there == agreed or not (tokens[there - 1].is_mark or tokens[there - 1].is_number)


@given(TOKENS, TOKENS)
def test_a_common_prefix_is_common(one: list[Token], other: list[Token]) -> None:
    length = common_prefix(one, other)
    ids, others = [token.id for token in one], [token.id for token in other]
    assert ids[:length] == others[:length]
    assert ids[length : length + 1] != others[length : length + 1] or length == len(ids) == len(others)


def test_marks_alone_and_doubtful_words_in_silence_say_nothing() -> None:
    assert says_nothing([], lambda: 0.0)
    assert says_nothing(text((".", 3)), lambda: 0.0)
    doubtful = [Token(1, 3, -1.5, begins=True, letters="you")]
    assert says_nothing(doubtful, lambda: 0.7)
    assert not says_nothing(doubtful, lambda: 0.5)
    assert not says_nothing(CARDS, lambda: 0.7)


def test_the_longest_text_is_faster_than_anybody_speaks() -> None:
    assert most_tokens(0) < 10
    assert most_tokens(50 * 60) < 60 * 15
