"""The decoder network in compiled CPU code: the memory that `step.py` works on, and the way in. No owners of blocks.

Weights are packed into one piece of memory in the order in which a step reads them.
"""

from __future__ import annotations

import mmap
import weakref
from collections.abc import Iterable
from collections.abc import Sequence as Sequence_
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realtime.decoder.linear import Matrix
from realtime.decoder.model import LayerWeights, rotation_table
from realtime.decoder.native import step
from realtime.decoder.native.assistant import Assistant
from realtime.decoder.native.matrix import aligned, packed_bytes
from realtime.decoder.native.multiply import KIND, OUTPUTS
from realtime.decoder.native.products import unpacked
from realtime.decoder.sequence import BlockCopy, Row
from realtime.decoder.shape import DecoderShape

_MATRICES = 4  # of a layer: qkv, o, gate_up, down


class NativeCache:
    """Keys and values of every layer, as `native/attention.py` reads them: by units of 16 positions.

    Not read where it was not written; the operating system commits it only as it is written.
    """

    reads_runs = False

    def __init__(self, shape: DecoderShape, blocks: int, block_tokens: int) -> None:
        self.block_tokens = block_tokens
        self.head_pad = _filled(shape.head_dim, step.HEAD_MULTIPLE)
        unit_floats = step.UNIT * shape.kv_heads * (shape.head_dim + self.head_pad)
        units = blocks * block_tokens // step.UNIT
        self.memory = _small_pages(shape.layers * units * unit_floats * 4).view(np.float32)
        self.layer_floats = units * unit_floats
        self._blocks = self.memory.reshape(shape.layers, blocks, block_tokens // step.UNIT * unit_floats)

    def fill(self, value: float) -> None:
        """Overwrite everything. For tests that make unwritten slots loud (NaN)."""
        self.memory.fill(value)

    def copy(self, copies: Iterable[BlockCopy]) -> None:
        """Copy whole blocks, in all layers."""
        for copy in copies:
            self._blocks[:, copy.target] = self._blocks[:, copy.source]


class NativeNetwork:
    """A decoder whose step is compiled code. Bit for bit, a row depends on its own positions alone.

    assistant: takes a part of each product while its core is idle; None is one thread.
    """

    def __init__(
        self,
        shape: DecoderShape,
        layers: Iterable[LayerWeights],
        final_norm: Tensor,
        head: Matrix,
        assistant: Assistant | None = None,
    ) -> None:
        self.shape = shape
        self._assistant = assistant
        if assistant is not None:
            weakref.finalize(self, assistant.settle).atexit = False
        biases: list[NDArray[np.float32]] = []
        norms = []
        self._weights = aligned(_weight_bytes(shape))
        ends = [0]

        def add(matrix: Matrix) -> None:
            packed = packed_bytes(matrix)
            self._weights[ends[-1] : ends[-1] + len(packed)] = packed
            ends.append(ends[-1] + len(packed))

        for layer in layers:
            norms += [layer.norm, layer.mlp_norm]
            for matrix in (layer.qkv, layer.o, layer.gate_up, layer.down):
                add(matrix)
            bias = torch.zeros(0) if layer.qkv.bias is None else layer.qkv.bias
            biases.append(bias.float().numpy())
        self._head_at = ends[-1]
        add(head)
        self._norms = np.stack([norm.float().numpy() for norm in (*norms, final_norm)])
        self._bias = np.stack(biases)
        self._eps = np.array([shape.norm_eps], np.float32)
        at = self._weights.ctypes.data + np.array(ends)
        norm_at = self._norms.ctypes.data + self._norms.strides[0] * np.arange(len(self._norms))
        self._layers = np.array(
            [
                [norm_at[2 * n], at[_MATRICES * n], at[_MATRICES * n + 1],
                 norm_at[2 * n + 1], at[_MATRICES * n + 2], at[_MATRICES * n + 3]]
                for n in range(shape.layers)
            ],
            np.int64,
        )  # fmt: skip
        self._final_norm, self._head = int(norm_at[-1]), int(at[-2])
        rotation = rotation_table(shape)
        self._cos, self._sin = rotation.real.contiguous().numpy(), rotation.imag.contiguous().numpy()
        self._width = _filled(shape.width, OUTPUTS)
        self._make_room(8)
        self._logits = self._room_for_logits(1)

    def head_rows(self, ids: Tensor) -> Tensor:
        """Rows of the head's matrix: float32 [n, width]. ids: int64 [n]. What a tied embedding table consists of."""
        weight, scale = unpacked(self._weights[self._head_at :], self.shape.width, ids.numpy(), KIND)
        return torch.from_numpy(weight.astype(np.float32) * scale[:, None])

    def new_cache(self, blocks: int, block_tokens: int) -> NativeCache:
        """The memory for keys and values of `blocks` blocks."""
        return NativeCache(self.shape, blocks, block_tokens)

    def compute(self, x: Tensor, rows: Sequence_[Row], wanted: list[int], cache: NativeCache) -> Tensor:
        """Run embedded rows x [n, width] float32, the next positions of every row's sequence, through all layers.

        Returns logits [len(wanted), vocab] float32 of the positions numbered `wanted`.
        """
        shape = self.shape
        if len(x) > len(self._x):
            self._make_room(1 << (len(x) - 1).bit_length())
        self._x[: len(x), : shape.width] = x.numpy()
        positions, slots, spans, tables = self._places(rows, cache.block_tokens)
        sizes = (
            shape.width, shape.heads, shape.kv_heads, shape.head_dim, cache.head_pad, shape.mlp_width,
            cache.layer_floats,
        )  # fmt: skip
        eps = self._eps.ctypes.data
        with nullcontext(0) if self._assistant is None else self._assistant.step() as board:
            step.run_layers(
                board, sizes, self._layers, self._bias, eps, self._cos, self._sin, self._x, positions, slots, spans,
                tables, cache.memory, self._work,
            )  # fmt: skip
            if not wanted:
                return torch.empty((0, shape.vocab_size))
            if len(wanted) > self._logits.shape[1]:
                self._settle()
                self._logits = self._room_for_logits(1 << (len(wanted) - 1).bit_length())
            chosen = np.array(wanted, np.int64)
            which = step.head_logits(
                board, shape.width, shape.vocab_size, self._final_norm, self._head, eps, self._x, chosen, self._work,
                self._logits,
            )  # fmt: skip
        return torch.from_numpy(self._logits[which, : len(wanted), : shape.vocab_size].copy())

    def _room_for_logits(self, rows: int) -> NDArray[np.float32]:
        return np.empty((2, rows, _filled(self.shape.vocab_size, OUTPUTS)), np.float32)

    def _settle(self) -> None:
        """Before memory that a step wrote to goes."""
        if self._assistant is not None:
            self._assistant.settle()

    def _places(self, rows: Sequence_[Row], block_tokens: int) -> tuple[NDArray[np.int64], ...]:
        """Positions and slots of all new positions; first row and count, and the units, of every sequence."""
        positions, slots, spans, tables = [], [], [], []
        units = block_tokens // step.UNIT
        first = 0
        for row in rows:
            blocks = np.array(row.seq.blocks, np.int64)
            position = np.arange(row.seq.computed, row.seq.computed + row.positions)
            positions.append(position)
            slots.append(blocks[position // block_tokens] * block_tokens + position % block_tokens)
            tables.append((blocks[:, None] * units + np.arange(units)).reshape(-1))
            spans.append((first, row.positions))
            first += row.positions
        table = np.zeros((len(rows), max(len(units_) for units_ in tables)), np.int64)
        for index, units_ in enumerate(tables):
            table[index, : len(units_)] = units_
        return np.concatenate(positions), np.concatenate(slots), np.array(spans, np.int64), table

    def _make_room(self, rows: int) -> None:
        """Memory for a step of `rows` rows; it grows to the largest step and stays."""
        self._settle()
        shape = self.shape
        attention = shape.heads * shape.head_dim
        inputs = max(shape.width, attention, shape.mlp_width)
        outputs = max(attention + 2 * shape.kv_heads * shape.head_dim, 2 * shape.mlp_width)
        head_pad = _filled(shape.head_dim, step.HEAD_MULTIPLE)
        self._x = np.zeros((rows, self._width), np.float32)
        self._work = (
            np.empty((rows, inputs), KIND.activation),  # levels
            np.empty(rows, np.float32),  # their scales
            np.empty(rows, np.int32),  # their sums
            np.empty((2, rows, _filled(outputs, OUTPUTS)), np.float32),  # wide, made alone and together
            np.empty((rows, self._width), np.float32),  # delta
            np.empty((shape.kv_heads, rows * shape.group, shape.head_dim), np.float32),  # queries
            np.empty((rows, attention), np.float32),  # mixed
            np.empty((step.MOST_QUERIES, _filled(shape.max_position, 64)), np.float32),  # scores
            np.empty(shape.width, np.float32),  # normed
            np.empty((step.MOST_QUERIES + 1, head_pad), np.float32),  # tile, and its sums
            np.empty(step.MOST_QUERIES, np.int64),  # lengths
        )


def _weight_bytes(shape: DecoderShape) -> int:
    """Size of all packed matrices."""
    attention = shape.heads * shape.head_dim
    matrices = [
        (attention + 2 * shape.kv_heads * shape.head_dim, shape.width), (shape.width, attention),
        (2 * shape.mlp_width, shape.width), (shape.width, shape.mlp_width),
    ]  # fmt: skip
    sizes = [_filled(rows, OUTPUTS) // OUTPUTS * KIND.block_bytes(inputs) for rows, inputs in matrices]
    head = _filled(shape.vocab_size, OUTPUTS) // OUTPUTS * KIND.block_bytes(shape.width)
    return shape.layers * sum(sizes) + head


def _small_pages(size: int) -> NDArray[np.uint8]:
    """`size` bytes, page by page as they are written. NumPy asks for huge pages, and then one block of the cache, which
    is a few KiB in each layer, commits 2 MiB in each."""
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # on a page's border
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def _filled(count: int, multiple: int) -> int:
    """The next multiple."""
    return -(-count // multiple) * multiple
