"""A Llama or Qwen2.5 shaped decoder network over a view of the KV cache. It holds weights and no state of its own.

Pre-norm layers: x += o(attention(norm(x))), x += down(silu(gate) * up) of norm(x). The residual stream is float32.
Rotary embedding is the rotate-half form; the rows of the query and key matrices are reordered at load so that a
rotated pair lies side by side and is one complex number (scores are unchanged: both sides are permuted alike).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from realtime.decoder.attention import Span, attend
from realtime.decoder.kv_cache import LayerCache
from realtime.decoder.linear import Linear, Matrix
from realtime.decoder.shape import DecoderShape


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one layer. qkv and gate_up are stacked matrices; norms are [width] float32."""

    attention_norm: Tensor
    qkv: Linear
    o: Linear
    mlp_norm: Tensor
    gate_up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step. positions: int64 [rows]; slots: int64 [rows], where each row's key and value go."""

    positions: Tensor
    slots: Tensor
    spans: tuple[Span, ...]


class Norm:
    """RMSNorm: x * weight / sqrt(mean(x²) + eps), as one reduction, one hypotenuse and two products."""

    def __init__(self, width: int, eps: float, device: str) -> None:
        self._root = math.sqrt(width)
        self._floor = torch.tensor(math.sqrt(width * eps), device=device)

    def scaled(self, weight: Tensor) -> Tensor:
        """The weight in the form `__call__` wants: times sqrt(width)."""
        return weight.float() * self._root

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """x: [rows, width] float32; weight: from `scaled`."""
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        return (x * weight).div_(torch.hypot(length, self._floor))


class Network:
    """The decoder. Shapes: rows are the new positions of all sequences in a step, laid end to end.

    Norm weights are already `Norm.scaled` (see checkpoint.py).
    """

    def __init__(
        self,
        shape: DecoderShape,
        layers: list[Layer],
        norm: Norm,
        *,
        final_norm: Tensor,
        head: Linear,
        device: str,
    ) -> None:
        self.shape = shape
        self._layers = layers
        self._norm = norm
        self._final_norm = final_norm
        self._head = head
        self._rotation = rotation_table(shape, device)
        scales = [shape.head_dim**-0.5] * shape.heads + [1.0] * shape.kv_heads
        self._head_scale = torch.tensor(scales, device=device)[:, None]

    def forward(self, x: Tensor, batch: Batch, cache: list[LayerCache]) -> Tensor:
        """Run all layers, writing keys and values of every row into `cache`.

        x: [rows, width] float32 embeddings, overwritten. cache: one entry a layer.
        Returns the residual stream [rows, width] (before the final norm).
        """
        shape = self.shape
        rows = x.shape[0]
        heads, kv_heads = shape.heads, shape.kv_heads
        # [rows, heads + kv_heads, head_dim / 2] complex; the query heads carry the attention scale
        rotation = self._rotation[batch.positions][:, None, :] * self._head_scale
        for layer, memory in zip(self._layers, cache, strict=True):
            qkv = layer.qkv(self._norm(x, layer.attention_norm)).view(rows, heads + 2 * kv_heads, shape.head_dim)
            pairs = qkv[:, : heads + kv_heads].view(rows, heads + kv_heads, shape.head_dim // 2, 2)
            torch.view_as_complex(pairs).mul_(rotation)
            memory.slots.index_copy_(0, batch.slots, qkv[:, heads:].to(memory.slots.dtype))
            mixed = [attend(qkv[span.first_row : span.first_row + span.count], memory, span) for span in batch.spans]
            x.add_(layer.o(mixed[0] if len(mixed) == 1 else torch.cat(mixed)))
            gate, up = layer.gate_up(self._norm(x, layer.mlp_norm)).chunk(2, dim=1)
            x.add_(layer.down(functional.silu(gate).mul_(up)))
        return x

    def logits(self, x: Tensor) -> Tensor:
        """Residual rows [n, width] to logits [n, vocab] float32."""
        return self._head(self._norm(x, self._final_norm))


def rotation_table(shape: DecoderShape, device: str) -> Tensor:
    """exp(i * position * theta^(-2 j / head_dim)) for pair j: complex64 [max_position, head_dim / 2]."""
    exponent = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    angle = torch.outer(torch.arange(shape.max_position, dtype=torch.float32), 1.0 / shape.rope_theta**exponent)
    turn = torch.polar(torch.ones_like(angle), angle)
    return turn.to(device)


def pair_order(heads: int, head_dim: int) -> Tensor:
    """Row order that puts the rotate-half partners j and j + head_dim / 2 of every head side by side."""
    within = torch.arange(head_dim).view(2, head_dim // 2).t().reshape(-1)
    return (torch.arange(heads)[:, None] * head_dim + within).reshape(-1)


def paired(matrix: Matrix, heads: int, head_dim: int) -> Matrix:
    """A query or key matrix with its output rows in `pair_order`."""
    return matrix.rows(pair_order(heads, head_dim))
