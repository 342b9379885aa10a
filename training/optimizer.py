"""AdamW over the model's groups, and a learning rate that follows the share of the time that is spent.

No loop, no clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from training.speech_model import SpeechModel


@dataclass(frozen=True, slots=True)
class Rates:
    """peak: of the decoder's matrices; the adapter's is `adapter` times that.

    warm_up, last: shares of the time and of peak.
    """

    peak: float = 3e-4
    adapter: float = 4.0
    warm_up: float = 0.03
    last: float = 0.03
    weight_decay: float = 0.02
    clip: float = 1.0

    def at(self, progress: float) -> float:
        """Share of the peak at `progress` (0..1) of the time: linear up, cosine down."""
        if progress < self.warm_up:
            return max(progress, 1e-3) / self.warm_up
        done = min(1.0, (progress - self.warm_up) / (1 - self.warm_up))
        return self.last + (1 - self.last) * 0.5 * (1 + math.cos(math.pi * done))


class Optimizer:
    """One step of AdamW at a time. Decay for matrices only."""

    def __init__(self, model: SpeechModel, rates: Rates) -> None:
        self.rates = rates
        self.rests_decoder = False  # only the adapter learns; without gradients a layer would be compiled a second time
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        groups = []
        for part, factor in ((model.decoder, 1.0), (model.audio.adapter, rates.adapter)):
            for is_matrix in (True, False):
                chosen = [p for p in part.parameters() if p.requires_grad and (p.dim() > 1) == is_matrix]
                decay = rates.weight_decay if is_matrix else 0.0
                groups.append(
                    {"params": chosen, "weight_decay": decay, "factor": factor, "is_decoder": part is model.decoder}
                )
        fused = model.device.type == "cuda"
        self._adam = torch.optim.AdamW(groups, lr=rates.peak, betas=(0.9, 0.98), fused=fused)

    def step(self, progress: float) -> torch.Tensor:
        """Apply the gradients and clear them; returns their norm before clipping, which nobody waits for here."""
        rate = self.rates.peak * self.rates.at(progress)
        for group in self._adam.param_groups:
            group["lr"] = 0.0 if self.rests_decoder and group["is_decoder"] else rate * group["factor"]
        norm = nn.utils.clip_grad_norm_(self._parameters, self.rates.clip)
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        return norm

    def state(self) -> dict[str, torch.Tensor]:
        """Its moments by name, for a file."""
        saved = {}
        for index, parameter in enumerate(self._parameters_in_order()):
            for name, value in self._adam.state.get(parameter, {}).items():
                saved[f"{index}.{name}"] = value.detach().clone() if torch.is_tensor(value) else torch.tensor(value)
        return saved

    def restore(self, saved: dict[str, torch.Tensor]) -> None:
        """What `state` gave, for the same model."""
        parameters = self._parameters_in_order()
        for key, value in saved.items():
            index, name = key.split(".", 1)
            parameter = parameters[int(index)]
            # The count of steps stays where it is; the moments live with their parameter.
            placed = (
                value.clone() if value.dim() == 0 and parameter.device.type == "cpu" else value.to(parameter.device)
            )
            self._adam.state[parameter][name] = placed

    def _parameters_in_order(self) -> list[torch.Tensor]:
        return [parameter for group in self._adam.param_groups for parameter in group["params"]]
