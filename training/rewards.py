"""What an answer is worth: is it right, is there a reasoning, is the format kept. Pure: text in, marks out.

The reward is the published one (Step-Audio-R1 report, section 4): for sound 0.8 if right and 0.2 if reasoned, for text
1 if right. It knows no model; whether a reasoning rests on the sound is `training.grounding`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass

from training.data.spoken_form import heard, number
from training.grounding import CHOICES, NONE, Grounding, choices, grounding
from training.items import Example, Item
from training.rollouts import Prompt, Rollout

_UNITS = frozenset(number(n) for n in range(1, 10))
_TENS = frozenset(number(n) for n in range(20, 100, 10))
_LARGE = frozenset(["hundred", "thousand", "million"])
_NUMBERS = _TENS | _LARGE | {number(n) for n in range(20)}
Decode = Callable[[Sequence_[int]], str]

# Markers as the tokenizer names them.
_END = "<|im_end|>"
_FORMED = re.compile(
    r"<think>\n(?:heard:(?P<heard>[^\n<]*)\n)?(?P<reasoning>(?:[^\n<]+\n)*)</think>\n(?P<answer>[^<]+)<\|im_end\|>"
)


@dataclass(frozen=True, slots=True)
class Written:
    """The parts of what the assistant wrote; empty where it is not written as it should be. is_formed: it is."""

    heard: str = ""
    reasoning: str = ""
    answer: str = ""
    is_formed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """What one answer is: the parts, and what is good about it."""

    written: Written
    is_right: bool
    is_reasoned: bool
    grounding: Grounding


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the reward for an answer to sound. Without a weight of reasoning the stage is the ablation of it."""

    right: float = 0.8
    reasoned: float = 0.2


def read(text: str, *, is_spoken: bool) -> Written:
    """The whole of the assistant's turn as text, markers by their names, up to and with its end."""
    found = _FORMED.fullmatch(text)
    if found is None or (found["heard"] is not None) != is_spoken:
        return Written()
    return Written((found["heard"] or "").strip(), found["reasoning"].strip(), found["answer"].strip(), True)


def is_right(item: Item, answer: str) -> bool:
    """Whether it contains the words of the key in their order, and of the possible answers no other.

    A number counts as a whole: "twenty four" does not contain "four". "Nine divided by three is two" has the key
    "three" only in its question, so an answer as long as the known one must have it as often. An item without a key
    has no right answer.
    """
    if not item.key:
        return False
    if item.kind in CHOICES:
        return choices(item.kind, answer) == {item.key}
    said, known, key = _words(heard(answer)), _words(heard(item.answer)), _words(item.key)
    rest = iter(said)
    if not all(word in rest for word in key):
        return False
    return len(said) < len(known) or said.count(key[-1]) >= known.count(key[-1])


def _words(text: str) -> list[str]:
    """What was heard, cut into words; those of one number stay together."""
    found: list[str] = []
    before = ""
    for word in text.split():
        if word in _NUMBERS and (word in _LARGE or before in _LARGE or (before in _TENS and word in _UNITS)) and found:
            found[-1] += f" {word}"
        else:
            found.append(word)
        before = word
    return found


def can_be_verified(example: Example) -> bool:
    """Whether an answer to this alone can be right or wrong."""
    return bool(example.item.key) and example.item.kind != "talk/just_said"


class Judge:
    """Marks samples. decode: token ids to text, special tokens by their names."""

    def __init__(self, decode: Decode, weights: Weights | None = None) -> None:
        self._decode = decode
        self._weights = weights or Weights()

    def mark(self, prompt: Prompt, rollout: Rollout) -> Mark:
        example = prompt.example
        written = read(self._decode([*prompt.opening, *rollout.tokens]), is_spoken=example.clip is not None)
        grounds = grounding(example, written.reasoning, written.answer) if written.is_formed else NONE
        return Mark(written, is_right(example.item, written.answer), bool(written.reasoning), grounds)

    def reward(self, prompt: Prompt, mark: Mark) -> float:
        """0..1, due at the last token."""
        if prompt.example.clip is None:
            return float(mark.is_right)
        return self._weights.right * mark.is_right + self._weights.reasoned * mark.is_reasoned
