"""A stage's own measure: the same questions asked before, between and after, answered greedily and marked.

The questions are freshly rendered ones of the training mixture, set aside by the stage: they tell its progress. What
the model can do on voices and texts that were never trained on is `training.evaluate`'s to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence as Sequence_

from training.grounding import PERCEIVED
from training.rewards import Judge, Mark
from training.rollouts import Prompt, Sampler
from training.speech_model import SpeechModel


class Probe:
    """Asks `prompts` of the model as it is at each call of `ask`.

    Args:
        end: the token that ends an answer.
        most_tokens: where an answer that does not end is cut.
    """

    def __init__(self, prompts: Sequence_[Prompt], judge: Judge, end: int, *, most_tokens: int, rows: int) -> None:
        self._prompts = prompts
        self._judge = judge
        self._end = end
        self._most_tokens = most_tokens
        self._rows = rows

    def ask(self, model: SpeechModel) -> dict[str, float]:
        """Shares: right (of all, and of a group: `right/<group>`), reasoned, formed, grounded; and reasoning_words."""
        sampler = Sampler(model, self._end, temperature=0.0, most_tokens=self._most_tokens, rows=self._rows)
        marks = [
            self._judge.mark(prompt, rollouts[0])
            for prompt, rollouts in zip(self._prompts, sampler.sample(self._prompts, 1), strict=True)
        ]
        return shares(self._prompts, marks)


def shares(prompts: Sequence_[Prompt], marks: Sequence_[Mark]) -> dict[str, float]:
    """What `Probe.ask` tells, of marks that are there already."""
    if not marks:
        return {}
    right: dict[str, list[bool]] = defaultdict(list)
    grounded: list[bool] = []
    for prompt, mark in zip(prompts, marks, strict=True):
        right[prompt.example.item.group].append(mark.is_right)
        if prompt.example.item.group in PERCEIVED:
            grounded.append(mark.grounding.holds)
    figures = {
        "right": _mean([mark.is_right for mark in marks]),
        "reasoned": _mean([mark.is_reasoned for mark in marks]),
        "formed": _mean([mark.written.is_formed for mark in marks]),
        "reasoning_words": _mean([len(mark.written.reasoning.split()) for mark in marks]),
    }
    if grounded:
        figures["grounded"] = _mean(grounded)
    return figures | {f"right/{group}": _mean(found) for group, found in sorted(right.items())}


def _mean(values: Sequence_[float]) -> float:
    return sum(values) / len(values)
