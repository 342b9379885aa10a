"""As many trials of either answer, so that always giving the same one is worth no more than its share.

It knows labels of examples; where they come from and what answers them, it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from training.items import Example

MOST_BATCHES = 60

Label = TypeVar("Label", bound=Hashable)


class TooFewError(Exception):
    """Some label hardly ever comes: says which, and among how many batches."""


def balanced(
    wanted: Mapping[Label, int], draw: Callable[[int], list[Example]], label: Callable[[Example], Label]
) -> list[Example]:
    """Examples, so many of each label, the labels in turn. Raises TooFewError.

    draw: a batch of them, another one for each number.
    """
    kept: dict[Label, list[Example]] = {name: [] for name, count in wanted.items() if count}
    for batch in range(MOST_BATCHES):
        if all(len(of) == wanted[name] for name, of in kept.items()):
            break
        for example in draw(batch):
            of = kept.get(label(example))
            if of is not None and len(of) < wanted[label(example)]:
                of.append(example)
    short = [name for name, of in kept.items() if len(of) < wanted[name]]
    if short:
        raise TooFewError(f"{MOST_BATCHES} batches hold too few of {short}")
    most = max(wanted.values(), default=0)
    return [of[row] for row in range(most) for of in kept.values() if row < len(of)]
