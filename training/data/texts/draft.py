"""A text on its way to becoming an item, with the argument that decides whether it is for evaluation only.

Also how people begin and end what they ask. Knows no voices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.data.spoken_form import heard, sentence
from training.items import Item

_LEADS = (
    "listen", "okay", "hello", "quick question", "tell me", "um", "hey", "well", "so", "alright", "hi", "right",
    "hey there", "excuse me", "one question", "here is one", "let me ask you something", "uh", "please tell me", "oh",
    "another one", "now", "next question", "hi there", "good", "okay so", "question", "I have a question", "hmm", "say",
    "I was wondering", "do me a favor", "help me out", "okay next", "and", "Forethought", "hey Forethought", "ready",
)  # fmt: skip
_TAILS = ("please", "please", "thanks", "thank you", "do you know", "can you tell me", "quickly please", "if you can")


@dataclass(frozen=True, slots=True)
class Draft:
    """An item, and what its question is about: equal arguments are on the same side of the split."""

    item: Item
    argument: str


_T = TypeVar("_T")
Maker = Callable[[np.random.Generator], Draft]


def pick(rng: np.random.Generator, choices: Sequence[_T]) -> _T:
    return choices[int(rng.integers(len(choices)))]


def begin(rng: np.random.Generator, question: str, *, share: float = 0.45) -> str:
    """The question as a person would begin and end it: a lead-in, a polite word, or neither."""
    mark = "" if question[-1:] in ".?!" else "?"
    body = question + mark
    if rng.random() < 0.08 and question[-1:] != ".":
        body = f"{question.rstrip('?!')}, {pick(rng, _TAILS)}?"
    if rng.random() < share:
        lead = pick(rng, _LEADS)
        joint = pick(rng, (", ", ", ", " ", ". ")) if lead not in ("tell me", "please tell me", "and") else " "
        body = lead + joint + (sentence(body) if joint == ". " else body)
    return sentence(body)


def asked(
    kind: str, rng: np.random.Generator, question: str, answer: str, *,
    thought: str = "", key: str = "", argument: str = "",
) -> Draft:  # fmt: skip
    """A question with its verified answer. `argument` defaults to what was asked, without its beginning."""
    spoken = begin(rng, question)
    item = Item(kind, spoken, heard(spoken), thought, sentence(answer), heard(key))
    return Draft(item, f"{kind} {argument or question}")


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
