"""The transcriber's network, Whisper's decoder: heard frames and words in, logits out. Weights only.

Everything that depends on the audio alone, the keys and values of the cross-attention, is computed once for a frame
(`hear`) and kept in `Heard`; everything that depends on the words is kept in `Written`. Both belong to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime.decoder.compiled import compiled
from realtime.decoder.linear import Matrix
from realtime.transcriber.shape import TranscriberShape

MakeLinear = Callable[[Matrix], nn.Module]


class Words(Protocol):
    """The table of words, which is the head, too."""

    def __call__(self, hidden: Tensor) -> Tensor:
        """Rows [n, width] to logits [n, vocab], both float32."""

    def rows(self, ids: Tensor) -> Tensor:
        """Rows of the table, float32 [n, width]. ids: int64 [n]."""


class PlainWords:
    """With torch's operators: a product of its own beside the table."""

    def __init__(self, matrix: Matrix, linear: MakeLinear) -> None:
        self._matrix, self._head = matrix, linear(matrix)

    def __call__(self, hidden: Tensor) -> Tensor:
        out: Tensor = self._head(hidden)
        return out

    def rows(self, ids: Tensor) -> Tensor:
        rows, scale = self._matrix.weight[ids].float(), self._matrix.scale
        return rows if scale is None else rows * scale[ids].float()[:, None]


class Memory:
    """Keys and values [layers, heads, room, head_dim]. Read are the places from `first` to `count`."""

    def __init__(self, shape: TranscriberShape, room: int) -> None:
        size = (shape.layers, shape.heads, room, shape.width // shape.heads)
        # empty, not zeros: pages that a short turn never reaches are never touched.
        self.keys, self.values = torch.empty(size), torch.empty(size)
        self.first = self.count = 0

    @property
    def room(self) -> int:
        return self.keys.shape[2]

    def take(self, other: Memory, count: int) -> None:
        """Hold what the first `count` places of `other` hold, of the same shape, and nothing else."""
        self.keys[:, :, :count] = other.keys[:, :, :count]
        self.values[:, :, :count] = other.values[:, :, :count]
        self.first, self.count = 0, count


@dataclass(frozen=True, slots=True)
class NormWeights:
    """LayerNorm: weight and bias [width]."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """One layer as the checkpoint holds it: attention to itself and to what was heard, perceptron; each has a norm."""

    norm: NormWeights
    qkv: Matrix
    o: Matrix
    cross_norm: NormWeights
    cross_q: Matrix
    cross_kv: Matrix
    cross_o: Matrix
    mlp_norm: NormWeights
    fc1: Matrix
    fc2: Matrix


class Block(nn.Module):
    """Pre-norm: x += o(attention(x)); x += cross_o(attention to what was heard); x += fc2(gelu(fc1 x))."""

    def __init__(self, weights: BlockWeights, heads: int, eps: float, linear: MakeLinear) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _norm(weights.norm, eps)
        self.qkv, self.o = linear(weights.qkv), linear(weights.o)
        self.cross_norm = _norm(weights.cross_norm, eps)
        self.cross_q, self.cross_o = linear(weights.cross_q), linear(weights.cross_o)
        self.mlp_norm = _norm(weights.mlp_norm, eps)
        self.fc1, self.fc2 = linear(weights.fc1), linear(weights.fc2)

    def forward(
        self, x: Tensor, own: tuple[Tensor, Tensor], heard: tuple[Tensor, Tensor], mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x: float32 [n, width]. own: keys and values [heads, positions, head_dim], whose last n rows are written here.

        heard: keys and values [heads, frames, head_dim]. mask: bool [n, positions]. Returns the rows behind this layer,
        and where its heads listened, [heads, n, frames].
        """
        n, width = x.shape
        keys, values = own
        end = keys.shape[1]
        qkv = self.qkv(self.norm(x)).view(n, 3, self.heads, -1).permute(1, 2, 0, 3)  # [3, heads, n, head_dim]
        keys[:, end - n :] = qkv[1]
        values[:, end - n :] = qkv[2]
        said = functional.scaled_dot_product_attention(qkv[0], keys, values, attn_mask=mask)  # [heads, n, head_dim]
        x = x + self.o(said.transpose(0, 1).reshape(n, width))
        asked = self.cross_q(self.cross_norm(x)).view(n, self.heads, -1).transpose(0, 1)
        listened = torch.softmax(asked @ heard[0].transpose(1, 2) * asked.shape[2] ** -0.5, dim=2)
        x = x + self.cross_o((listened @ heard[1]).transpose(0, 1).reshape(n, width))
        return x + self.fc2(functional.gelu(self.fc1(self.mlp_norm(x)))), listened


class TranscriberNetwork(nn.Module):
    """See the module's docstring. `linear` makes a module of a matrix: int8 or float32."""

    def __init__(
        self,
        shape: TranscriberShape,
        blocks: Sequence[BlockWeights],
        norm: NormWeights,
        words: Words,
        positions: Tensor,
        *,
        linear: MakeLinear,
        dense: MakeLinear,
        parameters: int = 0,
    ) -> None:
        super().__init__()
        self.shape = shape
        self.size = parameters
        self.blocks = [compiled(Block(block, shape.heads, shape.norm_eps, linear).eval()) for block in blocks]
        # A frame's keys and values are computed once and read at every word: worth exact arithmetic.
        self.cross_kv = nn.ModuleList(dense(block.cross_kv) for block in blocks)
        self.norm = _norm(norm, shape.norm_eps)
        self._words = words
        self._positions = positions
        self._alignment = [[head for layer, head in shape.alignment_heads if layer == n] for n in range(shape.layers)]
        never = torch.zeros(shape.vocab_size)
        never[list(shape.suppressed)] = float("-inf")
        self._never = never
        self._never_first = never.clone()
        self._never_first[list(shape.suppressed_first)] = float("-inf")

    def hear(self, frames: Tensor, heard: Memory) -> None:
        """Append frames, float32 [n, width], to what was heard."""
        n, end = len(frames), heard.count + len(frames)
        assert end <= heard.room, f"{end} frames for a room of {heard.room}"
        for index, project in enumerate(self.cross_kv):
            kv = (
                project(frames).view(n, 2, self.shape.heads, heard.keys.shape[3]).permute(1, 2, 0, 3)
            )  # [2, heads, n, head_dim]
            heard.keys[index, :, heard.count : end] = kv[0]
            heard.values[index, :, heard.count : end] = kv[1]
        heard.count = end

    def write(self, tokens: Sequence[int], written: Memory, heard: Memory) -> tuple[Tensor, list[int]]:
        """Append tokens to the text.

        Returns their last hidden rows, float32 [n, width], and the frame at which each row listened: the median of what
        the alignment heads attended to.
        """
        n, start = len(tokens), written.count
        end = start + n
        assert end <= written.room, f"{end} tokens for a room of {written.room}"
        x = self._words.rows(torch.tensor(list(tokens))) + self._positions[start:end]
        mask = torch.ones(n, end, dtype=torch.bool).tril(start)
        aligned = torch.zeros(n, heard.count - heard.first)
        for index, block in enumerate(self.blocks):
            own = written.keys[index, :, :end], written.values[index, :, :end]
            known = tuple(kept[index, :, heard.first : heard.count] for kept in (heard.keys, heard.values))
            x, listened = block(x, own, known, mask)
            if self._alignment[index]:
                aligned += listened[self._alignment[index]].sum(0)
        written.count = end
        share = aligned.cumsum(1)
        at = heard.first + (share < share[:, -1:] / 2).sum(1)
        return x, at.tolist()

    def logits(self, hidden: Tensor) -> Tensor:
        """Rows [n, width] of `write` to logits, float32 [n, vocab]."""
        return self._words(self.norm(hidden))

    def silent(self, hidden: Tensor) -> float:
        """Probability that nobody speaks, from the row of `write` [width] behind the first opening token."""
        return float(torch.softmax(self.logits(hidden[None])[0], 0)[self.shape.silent])

    def allowed(self, logits: Tensor, *, from_first: bool) -> Tensor:
        """Logits [n, vocab] with those that may not be chosen at minus infinity, in place.

        from_first: the first row chooses the first token of a text.
        """
        logits += self._never
        if from_first:
            logits[0] += self._never_first
        return logits


def _norm(weights: NormWeights, eps: float) -> nn.LayerNorm:
    norm = nn.LayerNorm(len(weights.weight), eps)
    norm.weight = nn.Parameter(weights.weight, requires_grad=False)
    norm.bias = nn.Parameter(weights.bias, requires_grad=False)
    return norm
