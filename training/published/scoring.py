"""Whether a free answer is the right one: a number, a word, or one of several choices. Pure; it knows words only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from num2words import num2words

from training.data.spoken_form import heard

_LETTER = re.compile(r"^\W*(?:answer\W+(?:is\W+)?)?\(?([A-Za-z])\b[).:]?(?:\s|$)")
# Words of which an answer may say only one.
_OPPOSITES = (("valid", "invalid"), ("yes", "no"), ("true", "false"))


def says(answer: str, wanted: str) -> bool:
    """Whether the words of `wanted` stand side by side in `answer`, and nothing that contradicts a yes, no or valid."""
    said, word = f" {heard(answer)} ", heard(wanted)
    if not word or f" {word} " not in said:
        return False
    return not any(word in pair and f" {other} " in said for pair in _OPPOSITES for other in pair if other != word)


def says_number(answer: str, wanted: str) -> bool:
    """Whether the last number of `answer`, in digits or in words, is `wanted`."""
    numbers = re.findall(r"-?\d[\d,]*(?:\.\d+)?", answer)
    value = float(wanted.replace(",", ""))
    if numbers:
        return float(numbers[-1].replace(",", "")) == value
    spelled = heard(str(num2words(int(value) if value.is_integer() else value)).replace(" and ", " "))
    return f" {spelled} " in f" {heard(answer)} ".replace(" and ", " ")


def chosen(answer: str, choices: Sequence[str]) -> int | None:
    """Which choice `answer` takes: the only one whose words are in it, or else the one it names by its letter.

    None where it takes none or several. A choice that is part of a longer one that is there is not counted.
    """
    said = f" {heard(answer)} "
    there = [index for index, choice in enumerate(choices) if heard(choice) and f" {heard(choice)} " in said]
    longest = [
        index for index in there
        if not any(index != other and f" {heard(choices[index])} " in f" {heard(choices[other])} " for other in there)
    ]  # fmt: skip
    if len(longest) == 1:
        return longest[0]
    letter = _LETTER.match(answer)
    if letter and not longest and (place := ord(letter[1].lower()) - ord("a")) < len(choices):
        return place
    return None
