"""Logits to one token id. Greedy without state; sampled with a seed of its own per lane, so that a run replays."""

from __future__ import annotations

import torch
from torch import Tensor


def greedy(logits: Tensor) -> int:
    """The most likely token id of logits [vocab]."""
    return int(logits.argmax())


class Sampler:
    """Draws from softmax(logits / temperature). Temperature 0 is greedy. The seed alone decides the draws."""

    def __init__(self, temperature: float, seed: int) -> None:
        if not temperature >= 0:
            raise ValueError(f"temperature must be 0 or more, not {temperature}")
        self._temperature = temperature
        self._generator = torch.Generator().manual_seed(seed)

    def sample(self, logits: Tensor) -> int:
        """A token id drawn from logits [vocab]."""
        if self._temperature == 0:
            return greedy(logits)
        scaled = (logits.double().cpu() - logits.max().item()) / self._temperature
        return int(torch.multinomial(torch.softmax(scaled, dim=0), 1, generator=self._generator))
