"""Where examples come from: speech rendered as it is needed. Picklable, so that worker processes can make their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.feed import Source


@dataclass(frozen=True, slots=True)
class Rendered:
    """Makes a generator over the [data] section of a recipe; called in a worker with its seed."""

    table: dict[str, Any]

    def __call__(self, seed: int) -> Source:
        from training.data.generator import from_table  # noqa: PLC0415 - voices load in the worker that speaks them

        generator = from_table(self.table, seed)
        return generator.batch


def rendered(table: dict[str, Any]) -> Callable[[int], Source]:
    return Rendered(table)
