"""Checkpoint names to a Network. It knows names, shapes and number formats; it knows no files (see TensorParts).

Expected tensors: decoder.embed.weight, decoder.norm.weight, decoder.head.weight (untied only) and per layer
q, k, v, o, gate, up, down (.weight, .scale for int8, .bias for q, k, v where the config says qkv_bias) and
input_layernorm, post_attention_layernorm. A matrix is int8 [out, in] with `<name>.scale` [out], or floating point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from realtime.decoder.linear import DenseLinear, Int8Linear, Matrix, int8_available, stack
from realtime.decoder.model import AfterAttention, BeforeAttention, Layer, Network, Norm, paired
from realtime.decoder.shape import DecoderShape
from realtime.errors import CheckpointError


class TensorSource(Protocol):
    """Named tensors, wherever they come from."""

    def names(self) -> list[str]: ...

    def tensor(self, name: str) -> Tensor: ...


class Embedding:
    """Token id to row. Keeps an int8 table as it is and widens only the rows asked for."""

    def __init__(self, matrix: Matrix, device: str) -> None:
        self._weight = matrix.weight.to(device, copy=True)  # the loaded tensor may be a mapping of the file
        self._scale = None if matrix.scale is None else matrix.scale.to(device, copy=True)

    def __call__(self, ids: Tensor) -> Tensor:
        """ids: int64 [n]. Returns float32 [n, width]."""
        rows = self._weight[ids].float()
        return rows if self._scale is None else rows.mul_(self._scale[ids].float()[:, None])


@dataclass(frozen=True, slots=True)
class Weights:
    """A loaded decoder: the network and its embedding table."""

    network: Network
    embedding: Embedding
    parameters: int


def load_weights(source: TensorSource, shape: DecoderShape, *, exact: bool, device: str = "cpu") -> Weights:
    """Build the network.

    exact: float32 matrices (on the CPU), for tests. Otherwise int8 on the CPU where this torch can, bfloat16
    elsewhere. Raises CheckpointError for tensors that are missing or do not fit the config.
    """
    return _Loader(source, shape, _linear_kind(exact, device), device).load()


def _linear_kind(exact: bool, device: str) -> Callable[[Matrix], nn.Module]:
    if device == "cpu" and not exact and int8_available():
        return Int8Linear
    dtype = torch.float32 if exact or device == "cpu" else torch.bfloat16
    return lambda matrix: DenseLinear(matrix, dtype=dtype, device=device)


class _Loader:
    def __init__(
        self, source: TensorSource, shape: DecoderShape, linear: Callable[[Matrix], nn.Module], device: str
    ) -> None:
        self._source = source
        self._names = set(source.names())
        self._shape = shape
        self._linear = linear
        self._device = device
        self._parameters = 0

    def load(self) -> Weights:
        shape = self._shape
        table = self._matrix("embed", shape.vocab_size, shape.width)
        head = table if shape.tied_head else self._matrix("head", shape.vocab_size, shape.width)
        layers = [self._layer(f"layers.{index}") for index in range(shape.layers)]
        final_norm = self._norm("norm")
        network = Network(shape, layers, final_norm=final_norm, head=self._linear(head), device=self._device)
        return Weights(network, Embedding(table, self._device), self._parameters)

    def _layer(self, name: str) -> Layer:
        shape = self._shape
        width, mlp = shape.width, shape.mlp_width
        q_rows, kv_rows = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        bias = shape.qkv_bias
        q = paired(self._matrix(f"{name}.q", q_rows, width, bias=bias), shape.heads, shape.head_dim)
        k = paired(self._matrix(f"{name}.k", kv_rows, width, bias=bias), shape.kv_heads, shape.head_dim)
        v = self._matrix(f"{name}.v", kv_rows, width, bias=bias)
        gate = self._matrix(f"{name}.gate", mlp, width)
        up = self._matrix(f"{name}.up", mlp, width)
        before = BeforeAttention(shape, self._norm(f"{name}.input_layernorm"), self._linear(stack([q, k, v])))
        after = AfterAttention(
            self._linear(self._matrix(f"{name}.o", width, q_rows)),
            self._norm(f"{name}.post_attention_layernorm"),
            self._linear(stack([gate, up])),
            self._linear(self._matrix(f"{name}.down", width, mlp)),
        )
        return Layer(before, after)

    def _norm(self, name: str) -> Norm:
        weight = self._tensor(f"decoder.{name}.weight", (self._shape.width,))
        return Norm(weight, self._shape.norm_eps, self._device)

    def _matrix(self, name: str, rows: int, columns: int, *, bias: bool = False) -> Matrix:
        full = f"decoder.{name}.weight"
        weight = self._tensor(full, (rows, columns))
        scale = None
        if weight.dtype == torch.int8:
            scale = self._tensor(f"{full}.scale", (rows,))
            self._parameters -= rows
        elif not weight.is_floating_point():
            raise CheckpointError(f"{full} is {weight.dtype}; int8 with a scale, or floating point, is needed")
        return Matrix(weight, scale, self._tensor(f"decoder.{name}.bias", (rows,)) if bias else None)

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        if name not in self._names:
            raise CheckpointError(f"the checkpoint has no tensor {name}; is it the model its config.json describes?")
        tensor = self._source.tensor(name)
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"{name} has shape {tuple(tensor.shape)}; the config says {shape}")
        self._parameters += tensor.numel()
        return tensor
