"""The chunk-causal encoder: mel at 100 Hz in, 25 Hz frames out. It knows nothing of PCM, turns or the decoder.

Whisper's encoder made causal: convolutions with left context only, and attention without a mask over the cached keys
and values of everything committed plus the step itself. A step runs `frames` frames and, behind them, a right context
that only lends its hearing: it is computed with the step, not committed, and computed again with the next one.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from streaming_encoder.config import MEL_FRAMES_PER_FRAME, AudioConfig, EncoderConfig
from streaming_encoder.state import CONV1_CONTEXT, CONV2_CONTEXT, EncoderState


class EncoderLayer(nn.Module):
    """Pre-norm transformer layer: x += o(attention(ln1 x)); x += fc2(gelu(fc1(ln2 x)))."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width, eps = config.width, config.layer_norm_eps
        self.heads = config.heads
        self.ln1 = nn.LayerNorm(width, eps)
        self.qkv = nn.Linear(width, 3 * width)
        self.o = nn.Linear(width, width)
        self.ln2 = nn.LayerNorm(width, eps)
        self.fc1 = nn.Linear(width, config.ffn)
        self.fc2 = nn.Linear(config.ffn, width)

    def forward(self, x: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, position: int) -> torch.Tensor:
        """x: float32 [n, width]. Writes rows position .. position + n of this layer's [heads, cache, head_dim]."""
        n = x.shape[0]
        end = position + n
        qkv = self.qkv(self.ln1(x)).view(n, 3, self.heads, -1).permute(1, 2, 0, 3)  # [3, heads, n, head_dim]
        keys[:, position:end] = qkv[1]
        values[:, position:end] = qkv[2]
        heard = functional.scaled_dot_product_attention(qkv[None, 0], keys[None, :, :end], values[None, :, :end])
        x = x + self.o(heard[0].transpose(0, 1).reshape(n, -1))
        out: torch.Tensor = x + self.fc2(functional.gelu(self.fc1(self.ln2(x))))
        return out


class ChunkCausalEncoder(nn.Module):
    """Attribute names are the checkpoint's tensor names."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        encoder = config.encoder
        self.pool = encoder.pool
        self.conv1 = nn.Conv1d(config.frontend.n_mels, encoder.width, CONV1_CONTEXT + 1)
        self.conv2 = nn.Conv1d(encoder.width, encoder.width, CONV2_CONTEXT + 2, stride=MEL_FRAMES_PER_FRAME)
        self.pos = nn.Parameter(torch.empty(encoder.max_positions, encoder.width))
        self.layers = nn.ModuleList(EncoderLayer(encoder) for _ in range(encoder.layers))
        self.ln = nn.LayerNorm(encoder.width, encoder.layer_norm_eps)

    def forward(self, mel: torch.Tensor, state: EncoderState, frames: int) -> torch.Tensor:
        """mel: float32 [2 (frames + right), n_mels] -> all 50 Hz frames of the step, float32 [frames + right, width].

        Without the last norm: it follows the pooling (`pooled`), or stands alone (`unpooled`). Writes the step into the
        scratch rows of the cache and replaces the convolution tails of the `frames` that `state.commit` makes final.
        """
        x = self._convolve(mel, state, frames)  # [frames + right, width]
        start = state.position
        x = x + self.pos[start : start + x.shape[0]]
        for index, layer in enumerate(self.layers):
            x = layer(x, state.keys[index], state.values[index], start)
        return x

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """Frames of `forward`, [n, width], as 25 Hz frames [n / 2, width] for the adapter."""
        heard: torch.Tensor = self.ln(x.view(len(x) // self.pool, self.pool, -1).mean(1))
        return heard

    def unpooled(self, x: torch.Tensor) -> torch.Tensor:
        """Frames of `forward`, [n, width], as Whisper's own decoder reads them."""
        heard: torch.Tensor = self.ln(x)
        return heard

    def _convolve(self, mel: torch.Tensor, state: EncoderState, frames: int) -> torch.Tensor:
        committed = frames * MEL_FRAMES_PER_FRAME
        with_tail = torch.cat([state.mel_tail, mel.T], 1)  # [n_mels, 2 + t]
        first = torch.cat([state.conv_tail, functional.gelu(self.conv1(with_tail))], 1)  # [width, 1 + t]
        second = functional.gelu(self.conv2(first))  # [width, t / 2]
        state.mel_tail = with_tail[:, committed : committed + CONV1_CONTEXT].clone()
        state.conv_tail = first[:, committed : committed + CONV2_CONTEXT].clone()
        return second.T
