"""Other words in the place of some of a text, written as the transcriber would have written them.

A network that was trained on written English finds "thirty six" unlikely where it would have written "36", and a word
in lower case at the beginning of a sentence. To be asked how likely other words are, they must look like its own. What
both say keeps its tokens, marks included. Texts in, token ids out; no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from realtime.transcriber.transcript import Token
from realtime.transcriber.vocabulary import Vocabulary
from realtime.transcriber.wording import in_digits, spoken_words

_SENTENCE_ENDS = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class Spelled:
    """Token ids of a text, and for each of them the number of the word that it writes, or stands behind."""

    ids: tuple[int, ...]
    word: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A written word with the marks behind it: tokens `begin` to `end`, which say the words `first` to `last`."""

    begin: int
    end: int
    first: int
    last: int


def respelled(text: Sequence[Token], words: Sequence[str], vocabulary: Vocabulary) -> Spelled:
    """`words`, in the form of `wording` and at least one, with the tokens of `text` wherever it says the same."""
    said, units = _units(text, vocabulary)
    ids: list[int] = []
    of: list[int] = []

    def write(new: Sequence[int], word: int) -> None:
        ids.extend(new)
        of.extend([min(max(word, 0), len(words) - 1)] * len(new))

    unit = further = 0  # how many units are done with; by how much the other words are further than those of the text
    for first, last, own_first, own_last in _changes(said, words, units):
        kept = sum(known.last <= first for known in units[unit:])
        for known in units[unit : unit + kept]:
            write(_ids(text[known.begin : known.end]), known.first + further)
        unit += kept
        count = sum(known.last <= last for known in units[unit:])
        begin = units[unit].begin if unit < len(units) else len(text)
        old = text[begin : units[unit + count - 1].end] if count else []
        opens = begin == 0 or vocabulary.text([text[begin - 1].id]).rstrip("\"' ").endswith(_SENTENCE_ENDS)
        at = own_first
        for written, said_in in _as_written(words[own_first:own_last], vocabulary.text(_ids(old)), opens):
            write(vocabulary.ids(f" {written}"), at)
            at += said_in
        write(_ids(_marks_behind(old)), own_last - 1)
        unit += count
        further = own_last - last
    for known in units[unit:]:
        write(_ids(text[known.begin : known.end]), known.first + further)
    return Spelled(tuple(ids), tuple(of))


def _units(text: Sequence[Token], vocabulary: Vocabulary) -> tuple[list[str], list[_Unit]]:
    """The words of a text, and where they are written."""
    begins = [at for at, token in enumerate(text) if at == 0 or (token.begins and not token.is_mark)]
    said: list[str] = []
    units: list[_Unit] = []
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        first = len(said)
        said += spoken_words(vocabulary.text(_ids(text[begin:end])))
        units.append(_Unit(begin, end, first, len(said)))
    return said, units


def _changes(said: list[str], words: Sequence[str], units: Sequence[_Unit]) -> list[tuple[int, int, int, int]]:
    """Where the words differ, [first, last) of the text's and of the others'; never within a written word.

    What comes in between is written with the word before it: its marks then stand behind both.
    """
    changes: list[tuple[int, int, int, int]] = []
    for tag, first, last, own_first, own_last in SequenceMatcher(None, said, words, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        from_word = first - 1 if tag == "insert" else first
        touched = [unit for unit in units if unit.first < max(last, first) and unit.last > from_word]
        low = min([first, *(unit.first for unit in touched)])
        high = max([last, *(unit.last for unit in touched)])
        change = low, high, own_first - (first - low), own_last + (high - last)
        if changes and (change[0] < changes[-1][1] or change[2] < changes[-1][3]):
            before = changes.pop()
            change = before[0], max(before[1], change[1]), before[2], max(before[3], change[3])
        changes.append(change)
    return changes


def _ids(text: Sequence[Token]) -> list[int]:
    return [token.id for token in text]


def _marks_behind(text: Sequence[Token]) -> Sequence[Token]:
    marks = next((n for n, token in enumerate(reversed(text)) if not token.is_mark), len(text))
    return text[len(text) - marks :]


def _as_written(words: Sequence[str], old: str, opens_sentence: bool) -> list[tuple[str, int]]:
    """The words as a text has them, each with how many words it stands for. old: what stood in their place."""
    has_digits = any(character.isdigit() for character in old)
    written = [
        (f"I{word[1:]}" if word == "i" or word.startswith("i'") else word, count)
        for word, count in in_digits(words, small=has_digits)
    ]
    if written and opens_sentence:
        written[0] = written[0][0][:1].upper() + written[0][0][1:], written[0][1]
    return written
