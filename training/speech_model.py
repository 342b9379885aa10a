"""The whole model as it is trained: hearing (frozen), adapter and decoder. It knows sequences and clips, no files.

`training.checkpoint` loads and saves it; stages (cold start, MGRD, RLVR, preference) hold an optimizer and drive it.
"""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from streaming_encoder import AudioModel, ChunkPlan
from training.format import AUDIO, Sequence
from training.hearing import BatchHearing, Heard
from training.network import Decoder


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences side by side, padded on the right. tokens, is_taught: [batch, time]; clips in the order of their spans.

    audio_rows: where in the flattened [batch * time] the embeddings go; audio_from: which of the flattened
    [clips * embeddings] they are. taught_rows: the flattened positions that are to be written. Indices and not masks,
    since how many a mask leaves is a question to the GPU, which the next step would wait for.
    """

    tokens: Tensor
    is_taught: Tensor
    lengths: Tensor
    pcm: Tensor | None
    pcm_lengths: list[int]
    audio_rows: Tensor
    audio_from: Tensor
    taught_rows: Tensor
    weights: Tensor


def collate(
    sequences: Sequence_[Sequence],
    clips: Sequence_[npt.NDArray[np.int16]],
    *,
    embedding_samples: int,
    weights: Sequence_[float] | None = None,
    pad: int = 0,
) -> Batch:
    """Lay sequences and their clips (in order of the spans) out as tensors on the CPU.

    weights: how much each sequence counts in the loss; 1 where not given.
    """
    time = max(len(sequence) for sequence in sequences)
    tokens = torch.full((len(sequences), time), pad)
    is_taught = torch.zeros(len(sequences), time, dtype=torch.bool)
    longest = max((-(-len(clip) // embedding_samples) for clip in clips), default=0)
    rows, sources, clip = [], [], 0
    for row, sequence in enumerate(sequences):
        ids = torch.tensor(sequence.tokens)
        tokens[row, : len(sequence)] = torch.where(ids == AUDIO, pad, ids)
        is_taught[row, : len(sequence)] = torch.tensor(sequence.is_taught)
        for start, count in sequence.spans:
            rows.append(torch.arange(start, start + count) + row * time)
            sources.append(torch.arange(count) + clip * longest)
            clip += 1
    assert clip == len(clips), f"{clip} spans for {len(clips)} clips"
    pcm = None
    if clips:
        pcm = torch.zeros(len(clips), longest * embedding_samples, dtype=torch.int16)
        for index, samples in enumerate(clips):
            pcm[index, : len(samples)] = torch.from_numpy(samples)
    none = torch.empty(0, dtype=torch.long)
    return Batch(
        tokens=tokens,
        is_taught=is_taught,
        lengths=torch.tensor([len(sequence) for sequence in sequences]),
        pcm=pcm,
        pcm_lengths=[len(samples) for samples in clips],
        audio_rows=torch.cat(rows) if rows else none,
        audio_from=torch.cat(sources) if sources else none,
        taught_rows=is_taught.flatten().nonzero()[:, 0],
        weights=torch.ones(len(sequences)) if weights is None else torch.tensor(weights),
    )


class SpeechModel(nn.Module):
    """audio: frontend, encoder and adapter; only the adapter learns. decoder: learns, but for its embedding table."""

    def __init__(self, audio: AudioModel, plan: ChunkPlan, decoder: Decoder) -> None:
        super().__init__()
        self.audio = audio
        self.decoder = decoder
        self.plan = plan
        self._hearing = BatchHearing(audio, plan)
        audio.requires_grad_(False)
        audio.adapter.requires_grad_(True)
        decoder.embed.requires_grad_(False)

    @property
    def device(self) -> torch.device:
        return self.decoder.embed.weight.device

    @property
    def embedding_samples(self) -> int:
        """Samples per embedding: 1280."""
        return self.audio.config.embedding_samples

    def hear(self, pcm: Tensor, lengths: list[int]) -> Heard:
        """The frozen part: int16 or float [clips, samples] on any device."""
        samples = pcm.to(self.device).float()
        return self._hearing.hear(samples / 32768.0 if pcm.dtype == torch.int16 else samples, lengths)

    def embed(self, batch: Batch, heard: Heard | None = None) -> Tensor:
        """What the decoder reads: [batch, time, width].

        heard: what `hear` made of the batch's clips, if it is known.
        """
        x: Tensor = self.decoder.embed(batch.tokens.to(self.device))
        if batch.pcm is None:
            return x
        heard = heard or self.hear(batch.pcm, batch.pcm_lengths)
        sound: Tensor = self.audio.adapter(heard.frames, heard.prosody).flatten(0, 1)[batch.audio_from.to(self.device)]
        rows = batch.audio_rows.to(self.device)
        return x.flatten(0, 1).index_put((rows,), sound.to(x.dtype)).view(x.shape)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy of what is to be written, and the share of it whose most probable token is right."""
        hidden = self.decoder(self.embed(batch)).flatten(0, 1)
        rows = batch.taught_rows.to(self.device, non_blocking=True)
        wanted = batch.tokens.to(self.device, non_blocking=True).flatten()[rows]
        logits = self.decoder.logits(hidden.index_select(0, rows - 1)).float()
        losses = functional.cross_entropy(logits, wanted, reduction="none")
        weight = batch.weights.to(self.device)[rows // batch.tokens.shape[1]]
        accuracy = (logits.detach().argmax(-1) == wanted).float().mean()
        return (losses * weight).sum() / weight.sum(), accuracy

    def log_probabilities(self, batch: Batch, heard: Heard | None = None) -> Tensor:
        """Log-probability of each token given what stands before it, 0 where nothing is taught: [batch, time - 1]."""
        hidden = self.decoder(self.embed(batch, heard))
        taught = batch.is_taught[:, 1:].to(self.device)
        wanted = batch.tokens[:, 1:].to(self.device)[taught]
        logits = self.decoder.logits(hidden[:, :-1][taught]).float()
        out = torch.zeros(taught.shape, device=self.device)
        return out.masked_scatter(taught, -functional.cross_entropy(logits, wanted, reduction="none"))
