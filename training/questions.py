"""Questions to ask the model: prompts made of those examples of a source that a stage can use. It knows no answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from training.feed import Source
from training.format import Format
from training.grounding import PERCEIVED
from training.items import Example
from training.recipe import Recipe
from training.rewards import can_be_verified
from training.rollouts import Prompt, prompt_of
from training.sources import rendered

LONGEST_SECONDS = 14.0  # a question; longer clips are for listening to
_DRAWS = 20


class Questions:
    """Prompts of the source's examples that `accepts` likes.

    Args:
        noted: share of the spoken ones whose words stand there as notes already.
    """

    def __init__(
        self,
        form: Format,
        draw: Source,
        *,
        accepts: Callable[[Example], bool] = can_be_verified,
        noted: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._form = form
        self._draw = draw
        self._accepts = accepts
        self._noted = noted
        self._random = random.Random(seed)  # noqa: S311 - dice, no secret

    def next(self, count: int) -> list[Prompt]:
        """So many, or fewer where the source hardly has any."""
        found: list[Prompt] = []
        for _ in range(_DRAWS):
            if len(found) >= count:
                break
            for example in self._draw(2 * (count - len(found)) + 8):
                if self._accepts(example) and (example.clip is None or example.clip.seconds <= LONGEST_SECONDS):
                    is_noted = self._random.random() < self._noted
                    found.append(prompt_of(self._form, example, is_noted=is_noted))
        return found[:count]


def is_perceived(example: Example) -> bool:
    """Whether its answer needs the sound itself, and is known."""
    return example.item.group in PERCEIVED and example.clip is not None and can_be_verified(example)


def asked(
    recipe: Recipe, kinds: Mapping[str, float], inner: Mapping[str, Mapping[str, float]] | None = None
) -> Callable[[int], Source]:
    """The recipe's mixture with these weights of kinds, without its recordings of people: they have no answers.

    inner: weights inside a kind, in place of the recipe's.
    """
    mixture = {name: value for name, value in recipe.table("mixture").items() if not name.startswith("people")}
    if inner is not None:
        mixture["inner"] = {**mixture.get("inner", {}), **inner}
    return rendered({**mixture, "kinds": dict(kinds)}, recipe.path.parent)
