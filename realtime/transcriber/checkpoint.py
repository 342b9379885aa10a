"""Checkpoint names to a `TranscriberNetwork`. It knows names, shapes and number formats, and no files.

transcriber.embed.weight [vocab, width], .positions [positions, width], .norm.weight, .norm.bias [width]
transcriber.layers.N: norm, cross_norm, mlp_norm (.weight, .bias), and the matrices qkv, o, cross_q, cross_kv,
    cross_o, fc1, fc2 (.weight, .bias), int8 [out, in] with `<name>.weight.scale` [out], or floating point
"""

from __future__ import annotations

import torch
from torch import Tensor

from realtime.decoder.checkpoint import TensorSource, native_runs
from realtime.decoder.linear import DenseLinear, Int8Linear, Matrix, int8_available
from realtime.errors import CheckpointError
from realtime.transcriber.model import (
    BlockWeights,
    MakeLinear,
    NormWeights,
    PlainWords,
    TranscriberNetwork,
    Words,
)
from realtime.transcriber.shape import TranscriberShape


def load_network(source: TensorSource, shape: TranscriberShape, *, exact: bool) -> TranscriberNetwork:
    """exact: float32 matrices, for tests; otherwise int8 where this torch can. Raises CheckpointError."""
    loader = _Loader(source)
    width, mlp = shape.width, shape.mlp_width
    blocks = [
        BlockWeights(
            norm=loader.norm(f"layers.{n}.norm", width),
            qkv=loader.matrix(f"layers.{n}.qkv", 3 * width, width),
            o=loader.matrix(f"layers.{n}.o", width, width),
            cross_norm=loader.norm(f"layers.{n}.cross_norm", width),
            cross_q=loader.matrix(f"layers.{n}.cross_q", width, width),
            cross_kv=loader.matrix(f"layers.{n}.cross_kv", 2 * width, width),
            cross_o=loader.matrix(f"layers.{n}.cross_o", width, width),
            mlp_norm=loader.norm(f"layers.{n}.mlp_norm", width),
            fc1=loader.matrix(f"layers.{n}.fc1", mlp, width),
            fc2=loader.matrix(f"layers.{n}.fc2", width, mlp),
        )
        for n in range(shape.layers)
    ]
    norm, embedding = loader.norm("norm", width), loader.matrix("embed", shape.vocab_size, width, bias=False)
    positions = loader.tensor("positions", (shape.positions, width)).float()
    linear: MakeLinear = DenseLinear if exact or not int8_available() else Int8Linear
    network = TranscriberNetwork(
        shape,
        blocks,
        norm,
        _words(embedding, linear, exact=exact),
        positions,
        linear=linear,
        dense=DenseLinear,
        parameters=loader.parameters,
    )
    return network.requires_grad_(False).eval()


def _words(table: Matrix, linear: MakeLinear, *, exact: bool) -> Words:
    """Held once where compiled code computes the logits."""
    if exact or table.scale is None or not native_runs(table.weight.shape[1]):
        return PlainWords(table, linear)
    from realtime.decoder.native.matrix import NativeMatrix  # noqa: PLC0415  (its compiler loads for a second)

    return NativeMatrix(table)


class _Loader:
    def __init__(self, source: TensorSource) -> None:
        self._source = source
        self._names = set(source.names())
        self.parameters = 0

    def norm(self, name: str, width: int) -> NormWeights:
        return NormWeights(
            self.tensor(f"{name}.weight", (width,)).float(), self.tensor(f"{name}.bias", (width,)).float()
        )

    def matrix(self, name: str, rows: int, columns: int, *, bias: bool = True) -> Matrix:
        weight = self.tensor(f"{name}.weight", (rows, columns))
        scale = self.tensor(f"{name}.weight.scale", (rows,)) if weight.dtype == torch.int8 else None
        return Matrix(weight, scale, self.tensor(f"{name}.bias", (rows,)).float() if bias else None)

    def tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        full = f"transcriber.{name}"
        if full not in self._names:
            raise CheckpointError(f"the checkpoint has no tensor {full}; is it the model its config.json describes?")
        tensor = self._source.tensor(full)
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"{full} has shape {tuple(tensor.shape)}; the config says {shape}")
        self.parameters += tensor.numel()
        return tensor.clone()  # the file's mapping must not back the weights
