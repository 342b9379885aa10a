"""Written text as the model was taught to write what it hears: lower case, numbers in words, no punctuation but '.

Word by word, so that a text that grows gives words that only grow. English; pure. It knows no model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from num2words import num2words

from realtime.mind.working import read_numbers

_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_SHORT = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "st": "saint", "vs": "versus",
    "etc": "et cetera", "ok": "okay",
}  # fmt: skip
_SIGNS = {"%": "percent", "&": "and", "+": "plus", "@": "at", "=": "equals", "°": "degrees", "×": "times"}
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_MONEY = re.compile(r"([$£€])(\d[\d,]*)(?:\.(\d{2}))?")
_UNITS = {"$": "dollars", "£": "pounds", "€": "euros"}
_NUMBER = re.compile(r"(\d[\d,]*)(?:\.(\d+))?(st|nd|rd|th|'?s)?(?![\d])")
_LONGEST_NUMBER = 15
# Four digits are most often a year; five and more without a comma a row of digits.
_FIRST_YEAR, _LAST_YEAR, _ROW_OF_DIGITS = 1100, 2099, 5
_YEARS_LIKE_NUMBERS = range(2000, 2010)
_OTHER = re.compile(r"[^a-z' ]+")
_LOOSE_APOSTROPHE = re.compile(r"(?<![a-z])'+|'+(?![a-z])")


_IN_WORDS = 10  # a number up to there is written in digits only where others are


def in_digits(words: Sequence[str], small: bool) -> list[tuple[str, int]]:
    """The other way round: `words` with their numbers in digits, and each with how many words it stands for.

    small: numbers up to ten, too.
    """
    written: list[tuple[str, int]] = []
    at = 0
    for part, count in read_numbers(words):
        stays = isinstance(part, int) and part <= _IN_WORDS and not small
        written.append((words[at] if stays else str(part), count))
        at += count
    return written


def spoken_words(text: str) -> list[str]:
    """The words of `text` as they are said."""
    return [word for written in text.split() for word in _said(written)]


@lru_cache(maxsize=4096)
def _said(written: str) -> tuple[str, ...]:
    """One written word: no word, one, or several ("73" is "seventy three")."""
    text = unicodedata.normalize("NFKD", written.translate(_QUOTES)).lower()
    text = "".join(character for character in text if not unicodedata.combining(character))
    bare = text.strip(".,;:!?\"'()")
    if bare in _SHORT:
        return tuple(_SHORT[bare].split())
    text = _MONEY.sub(_money, text)
    text = _CLOCK.sub(lambda found: f" {found[1]} {'' if found[2] == '00' else _minutes(found[2])} ", text)
    text = _NUMBER.sub(_number, text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, f" {word} ")
    text = _LOOSE_APOSTROPHE.sub(" ", _OTHER.sub(" ", text))
    return tuple(text.split())


def _money(found: re.Match[str]) -> str:
    unit = _UNITS[found[1]]
    unit = unit[:-1] if found[2] == "1" else unit
    return f" {found[2]} {unit} {'' if found[3] in (None, '00') else int(found[3])} "


def _minutes(digits: str) -> str:
    return f"o {digits[1]}" if digits[0] == "0" else digits


def _number(found: re.Match[str]) -> str:
    digits, part, ending = found[1].replace(",", ""), found[2], found[3] or ""
    if len(digits) > _LONGEST_NUMBER:
        return f" {_by_digit(digits)} "
    value = int(digits)
    if ending in ("st", "nd", "rd", "th"):
        return f" {_in_words(value, 'ordinal')} "
    if part:
        return f" {_in_words(value)} point {_by_digit(part)} "
    has_comma = "," in found[1].strip(",")
    is_row = len(digits) >= _ROW_OF_DIGITS and not has_comma and not digits.endswith("000")
    if is_row or (digits[0] == "0" and len(digits) > 1):
        said = _by_digit(digits)
    elif _FIRST_YEAR <= value <= _LAST_YEAR and not has_comma and value not in _YEARS_LIKE_NUMBERS:
        said = _in_words(value, "year")
    else:
        said = _in_words(value)
    return f" {_several(said) if ending else said} "


def _several(said: str) -> str:
    """Fives, twenties, nineteen eighties."""
    if said.endswith("y"):
        return f"{said[:-1]}ies"
    return f"{said}es" if said.endswith("x") else f"{said}s"


def _by_digit(digits: str) -> str:
    return " ".join(_in_words(int(digit)) for digit in digits)


def _in_words(value: int, form: str = "cardinal") -> str:
    return str(num2words(value, to=form)).replace("-", " ").replace(",", "").replace(" and ", " ")
