"""Worked results: a calculation that a thought has begun is finished as the lessons finish it, and no other line is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.mind.cues import cue_tokens, opening_tokens
from realtime.mind.working import numbers, said_sum, worked
from tests.decoder_tiny import embedded_tokenizer
from training.data.spoken_form import heard
from training.data.spoken_form import number as spoken_number
from training.data.texts import skills_numbers, skills_words

MAKERS = {**skills_numbers.MAKERS, **skills_words.MAKERS}
CALCULATED = {"letters", *skills_numbers.MAKERS} - {"count"}
# What a lesson's thought leaves to a calculator.
RESULTS = re.compile(
    r"(?:=| leaves|on the clock|number is|more:) (-?\d+)|\d+: \d+ ([<>])|: (\d+) letters|letter is ([A-Z])"
)


def follow(thought: str, words: str) -> list[str]:
    """What is written into a lesson's thought that a model writes token by token; held against that thought."""
    encode, decode = embedded_tokenizer().encode, embedded_tokenizer().decode
    whole, at, written = encode(thought), 0, []
    while at < len(whole):
        at += 1
        tokens = cue_tokens(encode, decode(whole[:at]), None, words)
        assert whole[at : at + len(tokens)] == tokens, decode(whole[:at] + tokens)
        if tokens:
            written.append(decode(tokens))
            at += len(tokens)
    return written


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(MAKERS)), st.integers(0, 2**32 - 1))
def test_in_every_lesson_it_writes_what_the_lesson_says(name: str, seed: int) -> None:
    item = MAKERS[name](np.random.default_rng(seed)).item
    written = follow(item.thought, heard(item.spoken))
    if name != "spelling":  # how much of a word is begun before it is known, says the next test
        wanted = ["".join(found.groups("")) for found in RESULTS.finditer(item.thought)]
        assert [each.strip() for each in written if not re.match("-[A-Z]", each)] == wanted
        assert bool(wanted) == (name in CALCULATED)


@pytest.mark.parametrize("word", ["school", "umbrella", "Eve", "it"])
def test_a_word_that_is_spelled_is_the_one_that_was_heard(word: str) -> None:
    spelled = "-".join(word.upper())
    rest = follow(f"{spelled}.", f"how do you spell {word}")
    assert rest == ([spelled[3:]] if len(word) > 2 else [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("S-C", "spell school or scarf"),  # which of them?
        ("S-C", "spell it"),
        ("S-C-H-O-O-L", "spell school"),
        ("B-O-O-K", "spell book in books"),  # it is whole
        ("S", "spell school"),  # or the word "spell"
        ("The S-C", "spell school"),
    ],
)
def test_a_word_is_not_guessed(line: str, words: str) -> None:
    assert worked(line, words.split()) == ""


@pytest.mark.parametrize(
    ("line", "follows"),
    [
        ("1 - 11 =", " -10"),
        ("1 - 11 = -10, on the clock", " 2"),
        ("8 + 4 = 12, on the clock", " 12"),
        ("So 100 + 42 =", " 142"),
        ("7 / 2 =", ""),  # it does not come out
        ("7 / 0 =", ""),
        ("7 / 0 leaves", ""),
        ("2 + 3 + 4 =", ""),  # not 7
        ("2 x 3 x 4 =", ""),
        ("1.5 + 2 =", ""),
        ("- 5 + 2 =", ""),
        ("1234567890 + 1 =", ""),
        ("2 + 3", ""),
        ("2 + 3 = 5", ""),
        ("Compare 4 and 9: 4", " <"),
        ("Compare 9 and 4: 9", " >"),
        ("Compare 9 and 9: 9", ""),
        ("Compare 9 and 4: 4", ""),
        ("T-E-A: ", "3"),
        ("T-E-A:", ""),  # a number or a letter?
        ("T-E-A: the last letter is", " A"),
        ("", ""),
    ],
)
def test_single_lines(line: str, follows: str) -> None:
    assert worked(line, ["tea"]) == follows


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("what comes next two four six", [2, 4, 6]),
        ("twenty five thirty thirty five forty", [25, 30, 35, 40]),
        ("one two three", [1, 2, 3]),
        ("one hundred twenty, one hundred forty", [121, 40]),  # nobody heard the comma; such a row is not even
        ("ninety nine one hundred", [99, 100]),
        ("Continue twenty-five, thirty, 35!", [25, 30, 35]),
        ("1000 one thousand", [1]),  # beyond what is read
        ("²", []),
        (f"3 5 {'7' * 5_000}", [3, 5]),  # int() refuses so many digits
        ("and so on", []),
    ],
)
def test_numbers_are_read(said: str, read: list[int]) -> None:
    assert numbers(said.split()) == read


@given(st.lists(st.integers(0, 999), max_size=6))
def test_numbers_are_read_as_they_are_said(row: list[int]) -> None:
    assert numbers(" and ".join(map(spoken_number, row)).split()) == row


@pytest.mark.parametrize(
    ("line", "said", "follows"),
    [
        ("Each number is", "one thing what comes next three five seven", " 2"),
        ("Each number is 2 more:", "one thing what comes next three five seven", " 7"),
        ("Each number is 3 more:", "three five seven", ""),  # whoever thinks so, did not look
        ("Each number is", "three five eight", ""),
        ("Each number is", "three five", ""),
        ("Each number is", "seven five three", ""),
        ("Each number is", "five five five", ""),
        ("Each number is", "", ""),
        (f"Each number is {'7' * 5_000} more:", "three five seven", ""),
    ],
)
def test_a_row_goes_on_as_it_began(line: str, said: str, follows: str) -> None:
    assert worked(line, said.split()) == follows


@given(st.text(), st.lists(st.text(), max_size=4))
def test_whatever_is_thought_it_does_not_fail(line: str, words: list[str]) -> None:
    worked(line, words)


# --- a sum that is said -------------------------------------------------------------------------------

SIGNS = {"plus": "+", "minus": "-", "take away": "-", "times": "x", "multiplied by": "x", "divided by": "/"}
COUNTS = {"+": int.__add__, "-": int.__sub__, "x": int.__mul__, "/": int.__floordiv__}


@given(
    st.integers(0, 999), st.sampled_from(sorted(SIGNS)), st.integers(0, 999), st.booleans(),
    st.sampled_from(["", "what is ", "Hey, what's ", "so how much is ", "I was wondering, calculate "]),
    st.sampled_from(["", " thank you", ", please?", " is what"]),
)  # fmt: skip
def test_a_sum_is_the_one_that_was_said(a: int, said: str, b: int, digits: bool, lead: str, tail: str) -> None:
    x, y = (str(a), str(b)) if digits else (spoken_number(a), spoken_number(b))
    sign = SIGNS[said]
    laid = said_sum(f"{lead}{x} {said} {y}{tail}".split())
    if sign == "/" and (b == 0 or a % b):
        assert laid == "", "the lessons divide without a rest"
    else:
        assert laid == f"{a} {sign} {b} = {COUNTS[sign](a, b)}"


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(sorted(MAKERS)), st.integers(0, 2**32 - 1), st.booleans())
def test_a_sum_that_is_said_is_the_lessons_thought_and_no_other_lesson_says_one(
    name: str, seed: int, typed: bool
) -> None:
    item = MAKERS[name](np.random.default_rng(seed)).item
    laid = said_sum((item.spoken if typed else heard(item.spoken)).split())
    assert laid in ("", item.thought.removesuffix("."))
    assert not laid or name in ("add", "subtract", "multiply", "divide", "double")


@settings(deadline=None)
@given(st.integers(0, 999), st.sampled_from(sorted(SIGNS)), st.integers(1, 999))
def test_its_tokens_are_those_of_training_and_only_a_thought_that_calculates_gets_them(
    a: int, said: str, b: int
) -> None:
    words, encode = f"what is {spoken_number(a * b)} {said} {spoken_number(b)}", embedded_tokenizer().encode
    laid = said_sum(words.split())
    thought = encode(f"{laid}.\n")
    tokens = opening_tokens(encode, "3", words)
    assert tokens == (thought[: len(tokens)] if a * b <= 999 else [])
    assert [opening_tokens(encode, begun, words) for begun in ("The", "-", "", "\n", "²", "3 +")] == [[]] * 6


@pytest.mark.parametrize(
    "said",
    [
        "what is two plus three plus four",
        "one thing what is two plus three",  # three numbers
        "what is half of six plus two",
        "what is minus five plus three",
        "what is negative five plus three",
        "what is -5 plus 3",
        "what is 5 plus -3",
        "what is 5.5 plus 3",
        "what is one point five plus three",
        "what is two thousand plus three",
        "what is two plus three thousand",
        "what is two plus three squared",
        "what is two plus three and a half",
        "is two plus three even or odd",
        "what is two hours plus three minutes",
        "what is one hundred and two minus thirty",  # "and" parts numbers
        "one hundred and thirty one minus thirty",
        "what is 1000 minus 30",
        "what is twenty minus",
        "plus three",
        "take six from twenty two",
        "take six away from twenty two",
        "add two and three",
        "how many times does three go into nine",
        "repeat after me two plus three",
        "say two plus three",
        "what is # plus # 2 3",
        "what is 7 divided by 2",
        "what is 7 divided by 0",
        "",
    ],
)
def test_nothing_else_is_a_sum(said: str) -> None:
    assert said_sum(said.split()) == ""


@given(st.lists(st.one_of(st.text(max_size=6), st.sampled_from([*" ".join(SIGNS).split(), "two", "9", "is"]))))
def test_whatever_is_said_a_sum_is_two_numbers_beside_their_sign(words: list[str]) -> None:
    if laid := said_sum(words):
        said = re.fullmatch(r"(\d+) ([-+x/]) (\d+) = -?\d+", laid)
        assert said is not None
        assert numbers(words) == [int(said[1]), int(said[3])]
        assert any(f" {word} " in " ".join(words).lower() for word, sign in SIGNS.items() if sign == said[2])
