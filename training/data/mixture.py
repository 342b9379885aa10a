"""How much of what: weights of the kinds of examples, of the voices, and the share of noise. Frozen values from TOML.

Knows names and numbers; no texts, no signals.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

KINDS = ("skill", "talk", "fact", "transcribe", "sound", "voice", "none", "unclear", "text", "people")


class BadMixture(ValueError):
    """A mixture that cannot be drawn from. Says which entry, and what would do."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights need not add up to one; a kind that is left out has weight 0.

    inner: weights inside a kind, e.g. `{"transcribe": {"words": 2.0}}`; what is not named weighs 1.
    noisy: share of spoken examples with an audible background. texts: the corpus file of the `texts` step, or None.
    people: manifests of recordings, or folders of packed shards.
    """

    kinds: Mapping[str, float]
    voices: Mapping[str, float]
    inner: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    noisy: float = 0.55
    texts: Path | None = None
    people: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(KINDS)
        if unknown:
            raise BadMixture(f"no kind of example {sorted(unknown)}: use some of {', '.join(KINDS)}")
        if any(weight < 0 for weight in self.kinds.values()) or sum(self.kinds.values()) <= 0:
            raise BadMixture("the weights of a mixture must not be negative, and one must be above 0")
        if self.kinds.get("people", 0) > 0 and not self.people:
            raise BadMixture("the mixture has a weight for `people` but names no manifest or shards in `people_from`")

    def draw(self, rng: np.random.Generator) -> str:
        names = list(self.kinds)
        weights = np.array([self.kinds[name] for name in names], float)
        return names[int(rng.choice(len(names), p=weights / weights.sum()))]

    def draw_inner(self, rng: np.random.Generator, kind: str, names: tuple[str, ...]) -> str:
        """One of the makers of a kind; 0 in `inner` leaves one out."""
        chosen = self.inner.get(kind, {})
        weights = np.array([chosen.get(name, 1.0) for name in names], float)
        return names[int(rng.choice(len(names), p=weights / weights.sum()))]


TINY = Mixture(
    kinds={
        "skill": 3,
        "talk": 2,
        "fact": 1,
        "transcribe": 2,
        "sound": 1,
        "voice": 1,
        "none": 0.3,
        "unclear": 0.3,
        "text": 1,
    },
    voices={"hibari": 0.7, "espeak": 0.3},
)
FULL = Mixture(
    kinds={
        "skill": 15,
        "talk": 11,
        "fact": 6,
        "transcribe": 26,
        "sound": 6,
        "voice": 10,
        "none": 1.5,
        "unclear": 1.5,
        "text": 6,
    },
    voices={"hibari": 0.60, "piper": 0.12, "flite": 0.13, "espeak": 0.15},
)
PRESETS = MappingProxyType({"tiny": TINY, "full": FULL})


def from_toml(table: Mapping[str, Any], root: Path = Path()) -> Mixture:
    """A `[mixture]` table: `preset`, `kinds`, `voices`, `inner.<kind>`, `noisy`, `texts`, `people_from`, `people`.

    Paths are relative to `root`. `people = 22` with `people_from` sets the weight of recordings.
    """
    known = {"preset", "kinds", "voices", "inner", "noisy", "texts", "people_from", "people"}
    if unknown := set(table) - known:
        raise BadMixture(f"a [mixture] table has no entry {sorted(unknown)}: use some of {', '.join(sorted(known))}")
    name = str(table.get("preset", "full"))
    if name not in PRESETS:
        raise BadMixture(f"no preset {name!r}: use {' or '.join(PRESETS)}")
    base = PRESETS[name]
    kinds = dict(table.get("kinds", base.kinds))
    people = tuple(root / p for p in table.get("people_from", ()))
    if people:
        kinds["people"] = float(table.get("people", 0.28 * sum(v for k, v in kinds.items() if k != "people")))
    return replace(
        base, kinds=kinds, voices=dict(table.get("voices", base.voices)), inner=table.get("inner", {}),
        noisy=float(table.get("noisy", base.noisy)), texts=root / table["texts"] if "texts" in table else None,
        people=people,
    )  # fmt: skip


def load(path: Path) -> Mixture:
    """The `[mixture]` table of a config file."""
    with path.open("rb") as file:
        return from_toml(tomllib.load(file).get("mixture", {}), path.parent)
