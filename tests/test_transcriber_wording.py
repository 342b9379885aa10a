"""Written words as the model was taught to write what it hears."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.transcriber.wording import spoken_words


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Mr. John Dashwood, what's 73 minus 3?", "mister john dashwood what's seventy three minus three"),
        ("Count by 5s from 25 to 45.", "count by fives from twenty five to forty five"),
        ("It's 12 o'clock.", "it's twelve o'clock"),
        ("cold-hearted", "cold hearted"),
        ("At 3:30, or 3:05, or 3:00", "at three thirty or three o five or three"),
        ("$5.50 and $1", "five dollars fifty and one dollar"),
        ("50%", "fifty percent"),
        ("the 21st of May, 1987", "the twenty first of may nineteen eighty seven"),
        ("1,234.5", "one thousand two hundred thirty four point five"),
        ("in the 1980s", "in the nineteen eighties"),
        ("Call 5551234", "call five five five one two three four"),
        ("007", "zero zero seven"),
        ("Beyoncé’s ‘café’", "beyonce's cafe"),
        ("10,000", "ten thousand"),
        ("R&B", "r and b"),
        ("... -- ?!", ""),
        ("9" * 40, " ".join(["nine"] * 40)),
    ],
)
def test_words_are_written_as_they_are_said(written: str, said: str) -> None:
    assert " ".join(spoken_words(written)) == said


@given(st.text(max_size=60))
def test_anything_becomes_words_of_letters(text: str) -> None:
    assert all(re.fullmatch(r"[a-z']+", word) for word in spoken_words(text))


@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_characters=" \n\t\r\x0b\x0c\x1c\x1d\x1e\x1f"), min_size=1))
)
def test_a_text_that_grows_gives_words_that_only_grow(written: list[str]) -> None:
    whole = spoken_words(" ".join(written))
    for count in range(len(written)):
        some = spoken_words(" ".join(written[:count]))
        assert whole[: len(some)] == some
