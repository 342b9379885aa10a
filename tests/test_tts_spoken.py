"""Written to spoken form: a table of what people write, and properties over everything else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_bridge import spoken

TABLE = [
    ("Six plus eight is fourteen.", "Six plus eight is fourteen."),
    ("6 + 8 = 14.", "six plus eight equals fourteen."),
    ("8-3=5", "eight minus three equals five"),
    ("8 - 3 = 5", "eight minus three equals five"),
    ("2*3 and 10 × 3", "two times three and ten times three"),
    ("2^10", "two to the power of ten"),
    ("x²", "x squared"),
    ("5 < 6", "five is less than six"),
    ("1,000,000", "one million"),
    ("1,234.50", "one thousand two hundred and thirty-four point five zero"),
    ("It is 3.5.", "It is three point five."),
    (".5", "zero point five"),
    ("007", "zero zero seven"),
    ("12345678901234567", "one two three four five six seven eight nine zero one two three four five six seven"),
    ("-5°C", "minus five degrees Celsius"),
    ("1st, 2nd and 21st", "first, second and twenty-first"),
    ("$3.50", "three dollars and fifty cents"),
    ("$1", "one dollar"),
    ("$0.99", "ninety-nine cents"),
    ("$1,200.00", "one thousand two hundred dollars"),
    ("$3.2 billion", "three point two billion dollars"),
    ("$5-10", "five to ten dollars"),
    ("£2.01", "two pounds and one penny"),
    ("20€ or 5 USD", "twenty euros or five dollars"),
    ("50% to 3.5%", "fifty percent to three point five percent"),
    ("5-10%", "five to ten percent"),
    ("In 1999 and in 2005", "In nineteen ninety-nine and in two thousand and five"),
    ("since 1905", "since nineteen oh five"),
    ("1500 people", "one thousand five hundred people"),
    ("the 1990s and the '80s", "the nineteen nineties and the eighties"),
    ("1990-1995", "nineteen ninety to nineteen ninety-five"),
    ("March 5, 2024", "March fifth, twenty twenty-four"),
    ("5 March", "the fifth of March"),
    ("Jan. 5th", "January fifth"),
    ("2024-03-05", "March fifth, twenty twenty-four"),
    ("3/5/2024", "March fifth, twenty twenty-four"),
    ("7:30 pm", "seven thirty P.M."),
    ("at 7 p.m. today", "at seven P.M. today"),
    ("7:05", "seven oh five"),
    ("7:00", "seven o'clock"),
    ("19:45", "nineteen forty-five"),
    ("100 km/h", "one hundred kilometers per hour"),
    ("1 kg, 5km", "one kilogram, five kilometers"),
    ("16 kHz", "sixteen kilohertz"),
    ("30 m²", "thirty square meters"),
    ("5'10\"", "five foot ten"),
    ("1/2 and 3/4", "one half and three quarters"),
    ("2½ cups", "two and a half cups"),
    ("24/7", "twenty-four seven"),
    ("555-1234", "five five five, one two three four"),
    ("(555) 123-4567", "five five five, one two three, four five six seven"),
    ("call 911", "call nine one one"),
    ("192.168.0.1", "one hundred and ninety-two dot one hundred and sixty-eight dot zero dot one"),
    ("v2.1.3", "version two dot one dot three"),
    ("GPT-4 on an H100", "GPT four on an H one hundred"),
    ("https://www.example.com/path?x=1", "example dot com slash path"),
    ("mail a.b@example.com now", "mail a dot b at example dot com now"),
    ("Dr. Smith vs. Mr. Lee, etc.", "Doctor Smith versus Mister Lee, et cetera."),
    ("St. Paul, Main St.", "Saint Paul, Main Street."),
    ("e.g. this, i.e. that", "for example this, that is that"),
    ("No. 5 and #1", "number five and number one"),
    ("the U.S. is", "the U.S. is"),
    ("World War II", "World War two"),
    ("**bold**, *it* and `code`", "bold, it and code"),
    ("**half a clause", "half a clause"),
    ("## Heading", "Heading"),
    ("- item\n- other", "item, other"),
    ("1. Apples", "one, Apples"),
    ("[link](http://x.y/z)", "link"),
    ("> quote", "quote"),
    ("```\ncode\n```", ""),
    ("| a | b |\n|---|---|", "a, b"),
    ("Great! 🎉👍🏽 ❤️", "Great!"),
    (":-) hi", "hi"),
    ("AT&T and R&D", "AT and T and R and D"),
    ("and/or", "and or"),
    ("snake_case", "snake case"),
    ("Hello — there", "Hello, there"),
    ("don’t", "don't"),
    ("ｆｕｌｌ １２", "full twelve"),
    ("٣", "three"),
    ("", ""),
    (" \n—", ""),
]


@pytest.mark.parametrize(("written", "said"), TABLE)
def test_table(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("said", [said for _, said in TABLE])
def test_what_is_said_stays_as_it_is(said: str) -> None:
    assert spoken(said) == said


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9).filter(lambda w: w not in {"aka", "vs"})))
@settings(max_examples=100, deadline=None)
def test_plain_words_are_left_alone(words: list[str]) -> None:
    text = " ".join(words)
    assert spoken(text) == text


PIECES = st.sampled_from(
    [*(written for written, _ in TABLE), "$", "%", "/", "-", ".", ",", "0", " ", "\n", "e", "(", "^"]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_digit_and_no_markup_is_ever_left(text: str) -> None:
    said = spoken(text)
    assert not any(char.isdecimal() for char in said)
    assert not set(said) & set("*`#[]{}|_~^<>=\n\t")
    assert said == said.strip() and "  " not in said


@pytest.mark.parametrize("unit", ["\n", " ", "\n- ", "$1", "1-", "1,", "[", "a.", "| ", "http://", "*", "\r\n"])
def test_no_text_takes_long(unit: str) -> None:
    """A clause of at most 300 characters is put in words on the event loop: a few milliseconds at the worst."""
    text = (unit * 300)[:300]
    spoken(text)
    before = time.process_time()
    spoken(text)
    assert time.process_time() - before < 0.05
