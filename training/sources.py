"""Where examples come from: speech rendered as it is needed. Picklable, so that worker processes can make their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.feed import Source


@dataclass(frozen=True, slots=True)
class Rendered:
    """Makes a generator over a recipe's [mixture]; called in a worker with its seed.

    root: what the table's paths start from.
    """

    table: dict[str, Any]
    root: Path

    def __call__(self, seed: int) -> Source:
        from training.data.generator import Generator  # noqa: PLC0415 - voices load in the worker that speaks them
        from training.data.mixture import from_toml  # noqa: PLC0415

        return Generator(seed, from_toml(self.table, self.root)).batch


def rendered(table: dict[str, Any], root: Path) -> Callable[[int], Source]:
    """`table`: the [mixture] of a recipe, `root`: the folder of the file."""
    return Rendered(table, root)
