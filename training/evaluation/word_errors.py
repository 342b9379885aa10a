"""Word errors: two lists of words laid against each other. It knows words, no audio and no time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alignment:
    """pairs: (place in what was said, place in what was written) in order; None where one side has no word.

    said: how many words were said.
    """

    pairs: tuple[tuple[int | None, int | None], ...]
    said: int
    errors: int


def align(said: Sequence[str], written: Sequence[str], *, is_prefix: bool = False) -> Alignment:
    """The alignment with the fewest substitutions, insertions and deletions (Levenshtein), each counted as one.

    is_prefix: what was written is of a beginning of what was said; the rest is neither in the pairs nor an error.
    """
    cost = _costs(said, written)
    row = min(range(len(cost)), key=lambda r: cost[r][-1]) if is_prefix else len(said)
    column, errors, total = len(written), cost[row][-1], row
    pairs: list[tuple[int | None, int | None]] = []
    while row or column:
        here = cost[row][column]
        if row and column and here == cost[row - 1][column - 1] + (said[row - 1] != written[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif row and here == cost[row - 1][column] + 1:
            row -= 1
            pairs.append((row, None))
        else:
            column -= 1
            pairs.append((None, column))
    return Alignment(tuple(reversed(pairs)), total, errors)


def _costs(said: Sequence[str], written: Sequence[str]) -> list[list[int]]:
    """[row][column]: errors between the first `row` words said and the first `column` written."""
    cost = [list(range(len(written) + 1))]
    for row, word in enumerate(said, 1):
        line = [row]
        for column, other in enumerate(written, 1):
            line.append(min(cost[-1][column - 1] + (word != other), cost[-1][column] + 1, line[-1] + 1))
        cost.append(line)
    return cost


def word_error_rate(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> float:
    """Errors per word said over all (said, written), 0.12 for 12 %; can be above 1. NaN where nothing was said."""
    errors = words = 0
    for said, written in pairs:
        found = align(said, written)
        errors, words = errors + found.errors, words + found.said
    return errors / words if words else float("nan")
