"""A Llama or Qwen2.5 shaped decoder network over a view of the KV cache. It holds weights and no state of its own.

Pre-norm layers: x += o(attention(norm(x))), x += down(silu(gate) * up) of norm(x). The residual stream is float32.
Rotary embedding is the rotate-half form; the rows of the query and key matrices are reordered at load so that a
rotated pair lies side by side and is one complex number (scores are unchanged: both sides are permuted alike).

A layer is some 60 small operators, and calling them one by one from Python costs half as much as reading the
weights. The parts of a layer are therefore compiled by TorchScript, from the lines below; see docs/decoder.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from realtime.decoder.attention import Span, attend, plan_span
from realtime.decoder.compiled import compiled
from realtime.decoder.kv_cache import KvCache, LayerCache
from realtime.decoder.linear import Matrix
from realtime.decoder.sequence import Row
from realtime.decoder.shape import DecoderShape


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer as a checkpoint holds it; qkv and gate_up are stacked. Norms: [width]."""

    norm: Tensor
    qkv: Matrix
    o: Matrix
    mlp_norm: Tensor
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step. positions: int64 [rows]; slots: int64 [rows], where each row's key and value go."""

    positions: Tensor
    slots: Tensor
    spans: tuple[Span, ...]


class Norm(nn.Module):
    """RMSNorm: x * weight / sqrt(mean(x²) + eps), as one reduction, one hypotenuse and two products."""

    def __init__(self, weight: Tensor, eps: float, device: str) -> None:
        super().__init__()
        width = weight.shape[0]
        self.weight = weight.to(device=device, dtype=torch.float32) * math.sqrt(width)
        self.floor = torch.tensor(math.sqrt(width * eps), device=device)

    def forward(self, x: Tensor) -> Tensor:
        """x: [rows, width] float32; not changed."""
        length = torch.linalg.vector_norm(x, 2, [1], keepdim=True)
        return (x * self.weight).div_(torch.hypot(length, self.floor))


class BeforeAttention(nn.Module):
    """The first part of a layer: queries, keys and values of new rows, rotated, the latter two in the cache."""

    def __init__(self, shape: DecoderShape, norm: Norm, qkv: nn.Module) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = shape.heads, shape.kv_heads, shape.head_dim
        self.norm, self.qkv = norm, qkv

    def forward(self, x: Tensor, rotation: Tensor, slots: Tensor, cache: Tensor) -> Tensor:
        """x: [rows, width], not changed. rotation: [rows, heads + kv_heads, head_dim / 2] complex.

        slots: int64 [rows]. cache: [slots, 2 * kv_heads, head_dim], written at `slots`.
        Returns [rows, heads + 2 * kv_heads, head_dim].
        """
        rows, rotated = x.shape[0], self.heads + self.kv_heads
        qkv: Tensor = self.qkv(self.norm(x)).view(rows, rotated + self.kv_heads, self.head_dim)
        pairs = qkv[:, :rotated].view(rows, rotated, self.head_dim // 2, 2)
        torch.view_as_complex(pairs).mul_(rotation)
        cache.index_copy_(0, slots, qkv[:, self.heads :].to(cache.dtype))
        return qkv


class AfterAttention(nn.Module):
    """The rest of a layer: the attention's output projection and the gated MLP."""

    def __init__(self, o: nn.Module, norm: Norm, gate_up: nn.Module, down: nn.Module) -> None:
        super().__init__()
        self.o, self.norm, self.gate_up, self.down = o, norm, gate_up, down

    def forward(self, x: Tensor, mixed: Tensor) -> Tensor:
        """x: [rows, width], overwritten and returned. mixed: [rows, heads * head_dim]."""
        x.add_(self.o(mixed))
        gate, up = self.gate_up(self.norm(x)).chunk(2, 1)
        return x.add_(self.down(functional.silu(gate).mul_(up)))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, cut where attention looks at one sequence at a time."""

    before: nn.Module
    after: nn.Module


class Network:
    """The decoder. Rows are the new positions of all sequences in a step, laid end to end."""

    def __init__(
        self,
        shape: DecoderShape,
        layers: Iterable[LayerWeights],
        final_norm: Tensor,
        head: Matrix,
        *,
        linear: Callable[[Matrix], nn.Module],
        device: str,
        kv_dtype: torch.dtype = torch.float32,
    ) -> None:
        self.shape = shape
        self._device = device
        self._kv_dtype = kv_dtype
        self._layers = [
            (compiled(layer.before), compiled(layer.after))
            for layer in (_layer(shape, weights, linear, device) for weights in layers)
        ]
        self._final_norm = Norm(final_norm, shape.norm_eps, device)
        self._head = linear(head)
        self._rotation = rotation_table(shape).to(device)
        scales = [shape.head_dim**-0.5] * shape.heads + [1.0] * shape.kv_heads
        self._head_scale = torch.tensor(scales, device=device)[:, None]

    def new_cache(self, blocks: int, block_tokens: int) -> KvCache:
        """The memory for keys and values of `blocks` blocks."""
        return KvCache(self.shape, blocks, block_tokens, dtype=self._kv_dtype, device=self._device)

    def compute(self, x: Tensor, rows: Sequence_[Row], wanted: list[int], cache: KvCache) -> Tensor:
        """Run embedded rows x [n, width] float32, the next positions of every row's sequence, through all layers.

        Returns logits [len(wanted), vocab] float32 of the positions numbered `wanted`.
        """
        x = self.forward(x, self._batch(rows, cache.block_tokens), cache.layers)
        return self.logits(x[wanted]) if wanted else x.new_empty((0, self.shape.vocab_size))

    def _batch(self, rows: Sequence_[Row], size: int) -> Batch:
        positions: list[int] = []
        slots: list[int] = []
        spans = []
        for row in rows:
            seq, start = row.seq, row.seq.computed
            spans.append(plan_span(seq.blocks, size, len(positions), start, row.positions, device=self._device))
            new = range(start, start + row.positions)
            positions += new
            slots += (seq.blocks[position // size] * size + position % size for position in new)
        return Batch(
            torch.tensor(positions, device=self._device), torch.tensor(slots, device=self._device), tuple(spans)
        )

    def forward(self, x: Tensor, batch: Batch, cache: list[LayerCache]) -> Tensor:
        """Run all layers, writing keys and values of every row into `cache`.

        x: [rows, width] float32 embeddings, overwritten. cache: one entry a layer.
        Returns the residual stream [rows, width] (before the final norm).
        """
        # [rows, heads + kv_heads, head_dim / 2] complex; the query heads carry the attention scale
        rotation = self._rotation[batch.positions][:, None, :] * self._head_scale
        for (before, after), memory in zip(self._layers, cache, strict=True):
            qkv = before(x, rotation, batch.slots, memory.slots)
            mixed = [attend(qkv[span.first_row : span.first_row + span.count], memory, span) for span in batch.spans]
            x = after(x, mixed[0] if len(mixed) == 1 else torch.cat(mixed))
        return x

    def logits(self, x: Tensor) -> Tensor:
        """Residual rows [n, width] to logits [n, vocab] float32."""
        logits: Tensor = self._head(self._final_norm(x))
        return logits


def _layer(shape: DecoderShape, weights: LayerWeights, linear: Callable[[Matrix], nn.Module], device: str) -> Layer:
    norm, mlp_norm = (Norm(norm, shape.norm_eps, device) for norm in (weights.norm, weights.mlp_norm))
    before = BeforeAttention(shape, norm, linear(weights.qkv.rows(_paired(shape))))
    return Layer(before, AfterAttention(linear(weights.o), mlp_norm, linear(weights.gate_up), linear(weights.down)))


def rotation_table(shape: DecoderShape) -> Tensor:
    """exp(i * position * theta^(-2 j / head_dim)) for pair j: complex64 [max_position, head_dim / 2]."""
    exponent = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angle = torch.outer(torch.arange(shape.max_position, dtype=torch.float32), 1.0 / shape.rope_theta**exponent)
    return torch.polar(torch.ones_like(angle), angle)


def _paired(shape: DecoderShape) -> Tensor:
    """The order of qkv rows with the rotate-half partners j and j + head_dim / 2 of queries and keys side by side."""
    within = torch.arange(shape.head_dim).view(2, shape.head_dim // 2).t().reshape(-1)
    rotated = torch.arange(shape.heads + shape.kv_heads)[:, None] * shape.head_dim + within
    values = torch.arange(shape.kv_heads * shape.head_dim) + rotated.numel()
    return torch.cat([rotated.reshape(-1), values])
