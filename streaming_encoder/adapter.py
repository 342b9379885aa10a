"""The adapter: 25 Hz encoder frames in, 12.5 Hz embeddings of the decoder's width out. It has no state."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from streaming_encoder.config import AudioConfig


class Adapter(nn.Module):
    """Concatenates `stack` frames in time order, behind them how the voice sounds, then fc2(gelu(fc1(.))).

    Attribute names are the checkpoint's.
    """

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.stacked_width = config.adapter.stack * config.encoder.width
        self.fc1 = nn.Linear(self.stacked_width + config.adapter.prosody, config.adapter.hidden)
        self.fc2 = nn.Linear(config.adapter.hidden, config.adapter.width)

    def forward(self, frames: torch.Tensor, prosody: torch.Tensor | None = None) -> torch.Tensor:
        """float32 [..., stack * n, encoder width] and, where the checkpoint says so, [..., n, prosody].

        Returns float32 [..., n, decoder width].
        """
        stacked = frames.reshape(*frames.shape[:-2], -1, self.stacked_width)
        if prosody is not None:
            stacked = torch.cat([stacked, prosody], -1)
        embeddings: torch.Tensor = self.fc2(functional.gelu(self.fc1(stacked)))
        return embeddings
