"""Whether the speaker is done, read from the transcriber's last hidden row: one linear layer. It knows no words.

The row behind the last word holds words and melody together. What the network makes of it itself, a full stop or none,
is about sentences on paper; this was fitted to turns that were over, and to pauses inside turns
(`benchmarks.turn_ending`). transcriber.ending.weight [width], transcriber.ending.bias [1], both optional.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from realtime.decoder.checkpoint import TensorSource
from realtime.errors import CheckpointError

WEIGHT, BIAS = "transcriber.ending.weight", "transcriber.ending.bias"


@dataclass(frozen=True)
class Ending:
    """weight: float32 [width]; bias: float32 [1]."""

    weight: Tensor
    bias: Tensor

    def probability(self, row: Tensor) -> float:
        """That the turn is over (0..1) behind the word of `row`, float32 [width], a row behind the last norm."""
        return float(torch.sigmoid(row @ self.weight + self.bias))


def load_ending(source: TensorSource, width: int) -> Ending | None:
    """None where the checkpoint has none. Raises CheckpointError where it is of another size."""
    if not {WEIGHT, BIAS} & set(source.names()):
        return None
    weight, bias = source.tensor(WEIGHT), source.tensor(BIAS)
    if tuple(weight.shape) != (width,) or tuple(bias.shape) != (1,):
        raise CheckpointError(f"{WEIGHT} and its bias have shapes {tuple(weight.shape)} and {tuple(bias.shape)}")
    return Ending(weight.float().clone(), bias.float().clone())
