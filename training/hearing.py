"""Many whole clips through the streaming encoder at once, for training. It knows no tokens and no decoder.

The arithmetic is `streaming_encoder`'s: chunks with a right context over cached keys and values. What a stream does
step by step is laid out side by side here: each step is its chunk and a copy of the right context behind it, and a
mask lets it read the committed frames of earlier steps and all of itself. A test holds this equal to `EncoderStream`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from streaming_encoder import AudioModel, ChunkPlan
from streaming_encoder.config import MEL_FRAMES_PER_FRAME
from streaming_encoder.encoder import EncoderLayer
from streaming_encoder.state import CONV1_CONTEXT, CONV2_CONTEXT


@dataclass(frozen=True, slots=True)
class Heard:
    """What a frozen encoder makes of a batch, before the adapter.

    frames: float [clips, stack * embeddings, width], 25 Hz. prosody: float [clips, embeddings, numbers] or None.
    counts: embeddings (12.5 Hz) of each clip.
    """

    frames: Tensor
    prosody: Tensor | None
    counts: list[int]


class BatchHearing:
    """The encoder of `model` over batches of clips no longer than a segment. Its weights are not trained."""

    def __init__(self, model: AudioModel, plan: ChunkPlan) -> None:
        self._model = model
        self._plan = plan
        self._config = model.config

    @property
    def longest_samples(self) -> int:
        """What fits one segment of the encoder."""
        return self._plan.segment_frames * self._config.frame_samples

    @torch.no_grad()
    def hear(self, pcm: Tensor, lengths: list[int]) -> Heard:
        """pcm: float32 [clips, samples] in [-1, 1], zero behind each clip's own length (samples)."""
        frames, counts = self.frames(pcm, lengths)
        prosody = None
        if self._model.prosody is not None:
            samples = max(counts) * self._config.embedding_samples
            prosody = self._model.prosody(functional.pad(pcm, (0, max(0, samples - pcm.shape[1])))[:, :samples])
        return Heard(frames, prosody, counts)

    def frames(self, pcm: Tensor, lengths: list[int]) -> tuple[Tensor, list[int]]:
        """As `Heard.frames` and `Heard.counts`, with gradients where the encoder's weights ask for them."""
        step = self._config.embedding_samples
        counts = [-(-length // step) for length in lengths]
        samples = max(counts) * step
        right = self._plan.right_frames * self._config.frame_samples
        padded = functional.pad(pcm[:, :samples], (0, samples + right - min(pcm.shape[1], samples)))
        committed = torch.tensor(counts, device=pcm.device) * self._config.frames_per_embedding
        return self._encode(self._mel(padded), committed), counts

    def _mel(self, pcm: Tensor) -> Tensor:
        """[clips, samples] -> [clips, mel frames, mels], as `LogMel` does it from the start of a turn."""
        features, config = self._model.features, self._config.frontend
        padded = functional.pad(pcm, (config.left_context_samples, 0))
        frames = padded.unfold(1, config.n_fft, config.hop_samples) * features.window.float()
        power = torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1)
        log_mel = (power @ features.filters.float()).clamp_min(config.log_floor).log10()
        maxima = log_mel.amax(2).cummax(1).values.clamp_min(config.running_max_floor)
        mel = torch.maximum(log_mel, maxima[..., None] - config.dynamic_range)
        return (mel + config.offset) / config.scale

    def _encode(self, mel: Tensor, committed: Tensor) -> Tensor:
        """mel [clips, 2 * frames, mels]; committed: frames (50 Hz) of each clip.

        Returns [clips, frames / pool, width].
        """
        encoder, plan = self._model.encoder, self._plan
        x = functional.gelu(encoder.conv1(functional.pad(mel.transpose(1, 2), (CONV1_CONTEXT, 0))))
        x = functional.gelu(encoder.conv2(functional.pad(x, (CONV2_CONTEXT, 0)))).transpose(1, 2)
        frames = x.shape[1]
        assert frames == mel.shape[1] // MEL_FRAMES_PER_FRAME, (frames, mel.shape)
        x = x + encoder.pos[:frames]
        wanted = frames - plan.right_frames
        steps = -(-wanted // plan.chunk_frames)
        within = torch.arange(plan.window_frames, device=x.device)
        index = (torch.arange(steps, device=x.device)[:, None] * plan.chunk_frames + within).reshape(-1)
        x = x[:, index.clamp_max(frames - 1)]
        mask = self._mask(index, committed, plan)
        for layer in encoder.layers:
            assert isinstance(layer, EncoderLayer)
            x = _run_layer(layer, x, mask)
        chunks = x.view(len(x), steps, plan.window_frames, -1)[:, :, : plan.chunk_frames].flatten(1, 2)
        pooled = chunks[:, :wanted].reshape(len(x), -1, encoder.pool, x.shape[-1]).mean(2)
        heard: Tensor = encoder.ln(pooled)
        return heard

    def _mask(self, index: Tensor, committed: Tensor, plan: ChunkPlan) -> Tensor:
        """True where a frame may look: bool [clips, 1, frames, frames]."""
        order = torch.arange(len(index), device=index.device)
        step, within = order // plan.window_frames, order % plan.window_frames
        own = step[:, None] == step[None, :]
        earlier = (step[:, None] > step[None, :]) & (within < plan.chunk_frames)[None, :]
        there = index[None, :] < committed[:, None] + plan.right_frames  # [clips, frames]
        # A frame of nothing looks at itself, or its softmax has nothing to sum over.
        allowed: Tensor = ((own | earlier)[None] & there[:, None, :]) | torch.eye(
            len(index), dtype=torch.bool, device=index.device
        )
        return allowed[:, None]


def _run_layer(layer: EncoderLayer, x: Tensor, mask: Tensor) -> Tensor:
    """One `EncoderLayer` over [clips, frames, width] with a mask instead of a cache."""
    clips, frames, width = x.shape
    qkv = layer.qkv(layer.ln1(x)).view(clips, frames, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
    heard = functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=mask)
    x = x + layer.o(heard.transpose(1, 2).reshape(clips, frames, width))
    out: Tensor = x + layer.fc2(functional.gelu(layer.fc1(layer.ln2(x))))
    return out
