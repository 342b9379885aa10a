"""Executes one batch of rows: reserves slots, copies shared blocks on write, runs the network, hands out logits.

It knows tensors and blocks; it does not know why a row is run nor in what order.
"""

from __future__ import annotations

from collections.abc import Sequence as Sequence_

import torch
from torch import Tensor

from realtime.decoder.attention import plan_span
from realtime.decoder.blocks import BlockPool
from realtime.decoder.checkpoint import Weights
from realtime.decoder.frames import FrameStore
from realtime.decoder.kv_cache import KvCache
from realtime.decoder.model import Batch
from realtime.decoder.sequence import Row, Symbol, blocks_needed, is_audio
from realtime.errors import EngineOverloaded


class Runner:
    """One network over one cache. `execute` is a whole step: it happens completely or changes nothing."""

    def __init__(self, weights: Weights, cache: KvCache, pool: BlockPool, frames: FrameStore, device: str) -> None:
        self._weights = weights
        self._cache = cache
        self._pool = pool
        self._frames = frames
        self._device = device

    @torch.inference_mode()
    def execute(self, rows: Sequence_[Row]) -> list[Tensor | None]:
        """Compute the next `count` pending symbols of every row's sequence in one forward pass.

        Returns, per row, logits [vocab] float32 after its last symbol, or None where not wanted.
        Raises EngineOverloaded (too few free blocks), EngineError (a dropped audio frame); nothing changes then.
        """
        if not rows:
            return []
        _check(rows)
        x = self._embed([s for row in rows for s in row.seq.symbols[row.seq.computed : row.seq.computed + row.count]])
        needed = blocks_needed(rows, self._pool)
        if needed > self._pool.free:
            raise EngineOverloaded(f"this step needs {needed} KV blocks and {self._pool.free} are free")
        for row in rows:
            self._cache.copy(row.seq.reserve(self._pool, row.count))
        x = self._weights.network.forward(x, self._batch(rows), self._cache.layers)
        for row in rows:
            row.seq.computed += row.count
        return self._logits(rows, x)

    def _embed(self, symbols: list[Symbol]) -> Tensor:
        """Token embeddings and audio frames in order: [rows, width] float32."""
        audio = [index for index, symbol in enumerate(symbols) if is_audio(symbol)]
        ids = torch.tensor([max(symbol, 0) for symbol in symbols], device=self._device)
        x = self._weights.embedding(ids)
        if audio:
            x[torch.tensor(audio, device=self._device)] = self._frames.gather(symbols[index] for index in audio)
        return x

    def _batch(self, rows: Sequence_[Row]) -> Batch:
        size = self._cache.block_tokens
        positions: list[int] = []
        slots: list[int] = []
        spans = []
        for row in rows:
            seq, start = row.seq, row.seq.computed
            spans.append(plan_span(seq.blocks, size, len(positions), start, row.count, device=self._device))
            new = range(start, start + row.count)
            positions += new
            slots += (seq.blocks[position // size] * size + position % size for position in new)
        return Batch(
            torch.tensor(positions, device=self._device), torch.tensor(slots, device=self._device), tuple(spans)
        )

    def _logits(self, rows: Sequence_[Row], x: Tensor) -> list[Tensor | None]:
        last, end = [], 0
        for row in rows:
            end += row.count
            if row.want_logits:
                last.append(end - 1)
        if not last:
            return [None] * len(rows)
        wanted = iter(self._weights.network.logits(x[last]).unbind(0))
        return [next(wanted) if row.want_logits else None for row in rows]


def _check(rows: Sequence_[Row]) -> None:
    if len({id(row.seq) for row in rows}) != len(rows):
        raise ValueError("a sequence may be in a step only once")
    for row in rows:
        if not row.seq.alive:
            raise ValueError("a dropped sequence cannot be computed")
        if not 1 <= row.count <= row.seq.pending:
            raise ValueError(f"a row asks for {row.count} symbols of {row.seq.pending} pending")
