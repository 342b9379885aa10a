"""Worked results: where a thought has written out a calculation, its result is calculated and not guessed.

The model was trained to write its working before it answers ("42 + 17 = 59.", "1 - 11 = -10, on the clock 2.",
"S-C-H-O-O-L: 6 letters."). Whether to calculate is the model's, and what to answer; what comes out follows from the
line by a rule, as in the lesson (`training.data.texts.skills_numbers` and `skills_words`). So does the line itself
where the turn says a sum in so many words. A small model knows its tables and fails where numbers are unusual; a
calculator in the chain of thought is from Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems". It knows
lines and words; no lane, no tokens and no weights.
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
_SIGNS = {"plus": "+", "minus": "-", "take away": "-", "times": "x", "multiplied by": "x", "divided by": "/"}
# Where a turn says one sum (# is a number), and what may stand right beside it, which is how one asks for it in the
# lessons: "half of", "negative", "thousand", "squared" or "even" there would make it another question.
_ASKED = re.compile(
    r"(?:(?:.* )?(?:is|what.?s|calculate|work out|tell me|help me out|excuse me|listen|okay|alright|ready|well|right|"
    r"good|now|next|so|um|uh|oh|hmm|hey|hi|there|hello|forethought|question|something|wondering|favor) )?"
    rf"# ({'|'.join(_SIGNS)}) #"
    r"(?: (?:is what|(?:quickly )?please|thanks|thank you|do you know|can you tell me|if you can))?"
)
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


def said_sum(words: Sequence[str]) -> str:
    """The sum that a turn says, as a thought's line with its result: "131 - 30 = 101". "" where not just one is said,
    or where nothing certain comes out.

    It takes the place of what the model would have begun to calculate: a small model copies "one hundred thirty one"
    as 301 now and then, and what follows from that is right of the wrong numbers.
    """
    if any(word.strip(_MARKS).startswith("-") for word in words):
        return ""  # `numbers` reads over the sign
    parts = _parts(words)
    said = [part for part in parts if isinstance(part, int)]
    asked = _ASKED.fullmatch(" ".join("#" if isinstance(part, int) else part for part in parts))
    if asked is None or len(said) != 2:
        return ""
    line = f"{said[0]} {_SIGNS[asked[1]]} {said[1]} ="
    result = worked(line, words)
    return line + result if result else ""


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
    return [part for part in _parts(words) if isinstance(part, int)]


def _parts(words: Sequence[str]) -> list[int | str]:
    """`words` without marks and capitals, with a number in place of those that say one."""
    said = [word.strip(_MARKS).lower().replace("-", " ") for word in words]
    return [part for part, _ in read_numbers([part for word in said for part in word.split()])]


def read_numbers(words: Sequence[str]) -> list[tuple[int | str, int]]:
    """`words`, plain ones in lower case, with a number in place of those that say one; and how many words each was."""
    found: list[tuple[int | str, int]] = []
    at = 0
    while at < len(words):
        for count in range(min(MOST_WORDS, len(words) - at), 0, -1):
            value = _read(" ".join(words[at : at + count]))
            if value is not None:
                break
        found.append((words[at] if value is None else value, count))
        at += count
    return found


def _read(text: str) -> int | None:
    if _DIGITS.fullmatch(text):
        return int(text)
    return _numerals().get(text)


@lru_cache(maxsize=1)
def _numerals() -> dict[str, int]:
    return {num2words(n).replace("-", " ").replace(" and ", " "): n for n in range(MOST_READ + 1)}
