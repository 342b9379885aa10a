"""Worked results: where a thought has written out a calculation, its result is calculated and not guessed.

The model was trained to write its working before it answers ("42 + 17 = 59.", "1 - 11 = -10, on the clock 2.",
"S-C-H-O-O-L: 6 letters."). What to calculate is the model's, and what to answer; what comes out follows from the line
by a rule, as in the lesson (`training.data.texts.skills_numbers` and `skills_words`). A small model knows its tables
and fails where numbers are unusual; a calculator in the chain of thought is from Cobbe et al. 2021, "Training Verifiers
to Solve Math Word Problems". It knows lines and words; no lane, no tokens and no weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from num2words import num2words

# A number longer than this was not asked for: the thought runs in circles.
_N = r"(\d{1,9})"
# Two numbers, where a sentence or a line begins, or behind a word: of three the last two are not to be taken for all.
_RESULT = re.compile(rf"(?:.*(?:[:,.;]|[A-Za-z]{{2}}) )?{_N} ([-+x/]) {_N} =")
_CLOCK = re.compile(r".* = (-?\d{1,9}), on the clock")
_LEFT_OVER = re.compile(rf"{_N} / {_N} leaves")
_COMPARED = re.compile(rf"Compare {_N} and {_N}: \1")
_BEGUN = re.compile(r"([A-Z](?:-[A-Z])+)(-?)")
_COUNTED = re.compile(r"([A-Z](?:-[A-Z])*): ")
_LETTER = re.compile(r"([A-Z](?:-[A-Z])*): the (first|last) letter is")
_STEP = re.compile(rf"Each number is(?: {_N} more:)?")
_DIGITS = re.compile("[0-9]{1,3}")  # of a longer row Python reads no number at all
_MARKS = ",.;:!?"
HOURS = 12
# Numbers are read up to there, in at most so many words ("nine hundred ninety nine"); a row is so many, evenly spaced.
MOST_READ, MOST_WORDS, LEAST_ROW = 999, 4, 3


def worked(line: str, words: Sequence[str]) -> str:
    """What `line`, the thought's last line so far, must go on with; "" where nothing follows from it.

    words: of the turn, as heard or typed; a word that is being spelled is one of them, and so is a row of numbers.
    """
    if found := _RESULT.fullmatch(line):
        return _result(int(found[1]), found[2], int(found[3]))
    if found := _CLOCK.fullmatch(line):
        return f" {(int(found[1]) - 1) % HOURS + 1}"
    if found := _LEFT_OVER.fullmatch(line):
        return f" {int(found[1]) % int(found[2])}" if int(found[2]) else ""
    if found := _COMPARED.fullmatch(line):
        first, second = int(found[1]), int(found[2])
        return "" if first == second else " >" if first > second else " <"
    if found := _COUNTED.fullmatch(line):
        return str(len(found[1].split("-")))
    if found := _LETTER.fullmatch(line):
        letters = found[1].split("-")
        return f" {letters[0] if found[2] == 'first' else letters[-1]}"
    if found := _STEP.fullmatch(line):
        return _stepped(found[1], numbers(words))
    if found := _BEGUN.fullmatch(line):
        return _spelled(found[1].replace("-", ""), found[2], words)
    return ""


def _result(first: int, sign: str, second: int) -> str:
    match sign:
        case "+":
            return f" {first + second}"
        case "-":
            return f" {first - second}"
        case "x":
            return f" {first * second}"
    if second and first % second == 0:
        return f" {first // second}"
    return ""  # the lessons divide without a rest: how to say one is the model's to know


def _stepped(step: str | None, row: Sequence[int]) -> str:
    """How far the last numbers that were said are apart, if that is the same; then the last of them."""
    steps = {after - before for before, after in pairwise(row[-LEAST_ROW:])}
    if len(row) < LEAST_ROW or len(steps) > 1 or min(steps) <= 0:
        return ""  # a row that falls was not taught
    apart = steps.pop()
    if step is None:
        return f" {apart}"
    return f" {row[-1]}" if int(step) == apart else ""


def _spelled(begun: str, dash: str, words: Sequence[str]) -> str:
    """The rest of the one word that was heard and begins like this, letter by letter."""
    heard = {bare.upper() for word in words if (bare := word.strip(_MARKS)).isascii() and bare.isalpha()}
    meant = [word for word in heard if word.startswith(begun) and word != begun]
    if len(meant) != 1 or begun in heard:
        return ""
    return ("" if dash else "-") + "-".join(meant[0][len(begun) :])


def numbers(words: Sequence[str]) -> list[int]:
    """The whole numbers up to 999 in `words`, each in as many words as there are: "thirty five" is one of them."""
    said = [word.strip(_MARKS).lower().replace("-", " ") for word in words]
    said = [part for word in said for part in word.split()]
    found, at = [], 0
    while at < len(said):
        for count in range(min(MOST_WORDS, len(said) - at), 0, -1):
            value = _read(" ".join(said[at : at + count]))
            if value is not None:
                found.append(value)
                break
        at += count
    return found


def _read(text: str) -> int | None:
    if _DIGITS.fullmatch(text):
        return int(text)
    return _numerals().get(text)


@lru_cache(maxsize=1)
def _numerals() -> dict[str, int]:
    return {num2words(n).replace("-", " ").replace(" and ", " "): n for n in range(MOST_READ + 1)}
