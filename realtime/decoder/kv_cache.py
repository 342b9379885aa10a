"""Keys and values of every layer in preallocated blocks. It knows slots, not whose they are (see blocks.py).

Slot s of a layer holds one position: `kv_heads` keys (after rotation), then `kv_heads` values, each [head_dim].
The memory is reserved at once and committed by the operating system only as it is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from realtime.decoder.sequence import BlockCopy
from realtime.decoder.shape import DecoderShape


class Cache(Protocol):
    """The cache of either network, as its owner sees it."""

    block_tokens: int
    reads_runs: bool
    """Whether consecutive blocks are read faster than scattered ones."""

    def fill(self, value: float) -> None: ...

    def copy(self, copies: Iterable[BlockCopy]) -> None: ...


@dataclass(frozen=True, slots=True)
class LayerCache:
    """One layer's memory, and the two views of it that attention multiplies with.

    slots: [slots, 2 * kv_heads, head_dim]. keys: [kv_heads, head_dim, slots]. values: [kv_heads, slots, head_dim].
    """

    slots: Tensor
    keys: Tensor
    values: Tensor


class KvCache:
    """Args:
    blocks, block_tokens: capacity; positions that fit are blocks * block_tokens.
    dtype: of keys and values.
    """

    reads_runs = True

    def __init__(
        self,
        shape: DecoderShape,
        blocks: int,
        block_tokens: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        self.block_tokens = block_tokens
        self._all = torch.empty(
            (shape.layers, blocks * block_tokens, 2 * shape.kv_heads, shape.head_dim), dtype=dtype, device=device
        )  # never read where it was not written: lengths come from positions
        self.layers = [
            LayerCache(
                slots,
                keys=slots[:, : shape.kv_heads].permute(1, 2, 0),
                values=slots[:, shape.kv_heads :].transpose(0, 1),
            )
            for slots in self._all.unbind(0)
        ]

    def fill(self, value: float) -> None:
        """Overwrite everything. For tests that make unwritten slots loud (NaN)."""
        self._all.fill_(value)

    def copy(self, copies: Iterable[BlockCopy]) -> None:
        """Copy whole blocks, in all layers."""
        size = self.block_tokens
        for copy in copies:
            source, target = copy.source * size, copy.target * size
            self._all[:, target : target + size] = self._all[:, source : source + size]
