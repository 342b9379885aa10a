"""Checkpoint names to a Network. It knows names, shapes and number formats; it knows no files (see TensorParts).

Expected tensors: decoder.embed.weight, decoder.norm.weight, decoder.head.weight (untied only) and per layer
q, k, v, o, gate, up, down (.weight, .scale for int8, .bias for q, k, v where the config says qkv_bias) and
input_layernorm, post_attention_layernorm. A matrix is int8 [out, in] with `<name>.scale` [out], or floating point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from realtime.decoder.linear import DenseLinear, Int8Linear, Matrix, int8_available, stack
from realtime.decoder.model import LayerWeights, Network
from realtime.decoder.sequence import Row
from realtime.decoder.shape import DecoderShape
from realtime.errors import CheckpointError


class TensorSource(Protocol):
    """Named tensors, wherever they come from."""

    def names(self) -> list[str]: ...

    def tensor(self, name: str) -> Tensor: ...


class AnyNetwork(Protocol):
    """Either network: of torch's operators (`model.py`), or of compiled code (`native/network.py`).

    A cache serves the kind of network that made it.
    """

    shape: DecoderShape

    def new_cache(self, blocks: int, block_tokens: int) -> Any: ...

    def compute(self, x: Tensor, rows: Sequence_[Row], wanted: list[int], cache: Any) -> Tensor: ...


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

    network: AnyNetwork
    embedding: Callable[[Tensor], Tensor]
    """int64 [n] token ids to float32 [n, width]."""
    parameters: int


def load_weights(
    source: TensorSource,
    shape: DecoderShape,
    *,
    exact: bool,
    device: str = "cpu",
    native: bool = True,
    assisted: bool = True,
    kv_dtype: torch.dtype = torch.float32,
) -> Weights:
    """Build the network.

    exact: float32 matrices (on the CPU), for tests. Otherwise int8 on the CPU, compiled where this CPU can and
    `native` allows it (its keys and values are float32), or else where this torch can; bfloat16 elsewhere.
    assisted: the compiled network takes a second core into use while that is idle.
    Raises CheckpointError for tensors that are missing or do not fit the config.
    """
    loader = _Loader(source, shape)
    table = loader.matrix("embed", shape.vocab_size, shape.width)
    head = table if shape.tied_head else loader.matrix("head", shape.vocab_size, shape.width)
    final_norm = loader.norm("norm")
    network: AnyNetwork
    if native and device == "cpu" and not exact and kv_dtype == torch.float32 and native_available(shape):
        # Their compiler loads for a second.
        from realtime.decoder.native.assistant import assistant  # noqa: PLC0415
        from realtime.decoder.native.network import NativeNetwork  # noqa: PLC0415

        helper = assistant() if assisted else None
        native_network = NativeNetwork(shape, loader.layers(), final_norm, head, helper)
        if shape.tied_head and table.scale is not None:
            # The packed head holds the same numbers: a table beside it would be 28 MB for nothing.
            return Weights(native_network, native_network.head_rows, loader.parameters)
        network = native_network
    else:
        linear = _linear_kind(exact, device)
        network = Network(shape, loader.layers(), final_norm, head, linear=linear, device=device, kv_dtype=kv_dtype)
    return Weights(network, Embedding(table, device), loader.parameters)


def native_available(shape: DecoderShape) -> bool:
    """Whether this CPU runs the compiled network, for this shape."""
    from realtime.decoder.native.host import kind_of_host, supports  # noqa: PLC0415

    return kind_of_host() is not None and supports(shape)


def native_runs(inputs: int) -> bool:
    """Whether this CPU runs a compiled matrix with so many columns."""
    from realtime.decoder.native.host import kind_of_host  # noqa: PLC0415

    return kind_of_host() is not None and inputs % 16 == 0


def _linear_kind(exact: bool, device: str) -> Callable[[Matrix], nn.Module]:
    if device == "cpu" and not exact and int8_available():
        return Int8Linear
    dtype = torch.float32 if exact or device == "cpu" else torch.bfloat16
    return lambda matrix: DenseLinear(matrix, dtype=dtype, device=device)


class _Loader:
    def __init__(self, source: TensorSource, shape: DecoderShape) -> None:
        self._source = source
        self._names = set(source.names())
        self._shape = shape
        self.parameters = 0

    def layers(self) -> Iterator[LayerWeights]:
        """Layer after layer, so that no more than one has to be held twice."""
        return (self._layer(f"layers.{index}") for index in range(self._shape.layers))

    def _layer(self, name: str) -> LayerWeights:
        shape = self._shape
        width, mlp = shape.width, shape.mlp_width
        q_rows, kv_rows = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        bias = shape.qkv_bias
        q = self.matrix(f"{name}.q", q_rows, width, bias=bias)
        k = self.matrix(f"{name}.k", kv_rows, width, bias=bias)
        v = self.matrix(f"{name}.v", kv_rows, width, bias=bias)
        gate = self.matrix(f"{name}.gate", mlp, width)
        up = self.matrix(f"{name}.up", mlp, width)
        return LayerWeights(
            norm=self.norm(f"{name}.input_layernorm"),
            qkv=stack([q, k, v]),
            o=self.matrix(f"{name}.o", width, q_rows),
            mlp_norm=self.norm(f"{name}.post_attention_layernorm"),
            gate_up=stack([gate, up]),
            down=self.matrix(f"{name}.down", width, mlp),
        )

    def norm(self, name: str) -> Tensor:
        """The weight of a norm, [width]."""
        return self._tensor(f"decoder.{name}.weight", (self._shape.width,))

    def matrix(self, name: str, rows: int, columns: int, *, bias: bool = False) -> Matrix:
        """A matrix [rows, columns], int8 with its scale or floating point."""
        full = f"decoder.{name}.weight"
        weight = self._tensor(full, (rows, columns))
        scale = None
        if weight.dtype == torch.int8:
            scale = self._tensor(f"{full}.scale", (rows,))
            self.parameters -= rows
        elif not weight.is_floating_point():
            raise CheckpointError(f"{full} is {weight.dtype}; int8 with a scale, or floating point, is needed")
        return Matrix(weight, scale, self._tensor(f"decoder.{name}.bias", (rows,)) if bias else None)

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        if name not in self._names:
            raise CheckpointError(f"the checkpoint has no tensor {name}; is it the model its config.json describes?")
        tensor = self._source.tensor(name)
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"{name} has shape {tuple(tensor.shape)}; the config says {shape}")
        self.parameters += tensor.numel()
        return tensor
