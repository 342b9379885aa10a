"""Executes one batch of rows: reserves slots, copies shared blocks on write, runs the network, hands out logits.

It knows tensors and blocks; it does not know why a row is run nor in what order.
"""

from __future__ import annotations

from collections.abc import Sequence as Sequence_

import torch
from torch import Tensor

from realtime.decoder.blocks import BlockPool
from realtime.decoder.checkpoint import Weights
from realtime.decoder.frames import FrameStore
from realtime.decoder.kv_cache import Cache
from realtime.decoder.sequence import Row, Symbol, blocks_needed, is_audio
from realtime.errors import EngineOverloaded, LimitError


class Runner:
    """One network over one cache. `execute` is a whole step: it happens completely or changes nothing."""

    def __init__(self, weights: Weights, cache: Cache, pool: BlockPool, frames: FrameStore, device: str) -> None:
        self._weights = weights
        self._cache = cache
        self._pool = pool
        self._frames = frames
        self._device = device

    @torch.inference_mode()
    def execute(self, rows: Sequence_[Row]) -> list[Tensor | None]:
        """Compute the next `count` pending symbols of every row's sequence, and its guess, in one forward pass.

        Returns, per row, logits [1 + len(guess), vocab] float32 after its last symbol and after every guessed one, or
        None where not wanted. Guessed symbols do not count as computed; they are the sequence's `ahead` from now on.
        Raises EngineOverloaded (too few free blocks), EngineError (a dropped audio frame), LimitError (a guess beyond
        the model's last position); nothing changes then.
        """
        if not rows:
            return []
        self._check(rows)
        x = self._embed([symbol for row in rows for symbol in _symbols(row)])
        needed = blocks_needed(rows, self._pool)
        if needed > self._pool.free:
            raise EngineOverloaded(f"this step needs {needed} KV blocks and {self._pool.free} are free")
        for row in rows:
            self._cache.copy(row.seq.reserve(self._pool, row.positions))
        logits = self._weights.network.compute(x, rows, _wanted(rows), self._cache)
        for row in rows:
            row.seq.ran(row.count, row.guess)
        parts = iter(logits.split_with_sizes([1 + len(row.guess) for row in rows if row.want_logits]))
        return [next(parts) if row.want_logits else None for row in rows]

    def _check(self, rows: Sequence_[Row]) -> None:
        if len({id(row.seq) for row in rows}) != len(rows):
            raise ValueError("a sequence may be in a step only once")
        shape = self._weights.network.shape
        for row in rows:
            if not row.seq.alive:
                raise ValueError("a dropped sequence cannot be computed")
            if not 1 <= row.count <= row.seq.pending:
                raise ValueError(f"a row asks for {row.count} symbols of {row.seq.pending} pending")
            if not row.guess:
                continue
            if not row.want_logits or row.count != row.seq.pending:
                raise ValueError("a guess needs want_logits and stands behind the last pending symbol")
            if max(row.guess) >= shape.vocab_size:
                raise ValueError(f"token id {max(row.guess)} is not in the vocabulary of {shape.vocab_size}")
            if len(row.seq) + len(row.guess) > shape.max_position:
                raise LimitError(f"a guess beyond the model's {shape.max_position} positions cannot be computed")

    def _embed(self, symbols: list[Symbol]) -> Tensor:
        """Token embeddings and audio frames in order: [rows, width] float32."""
        audio = [index for index, symbol in enumerate(symbols) if is_audio(symbol)]
        ids = torch.tensor([max(symbol, 0) for symbol in symbols], device=self._device)
        x = self._weights.embedding(ids)
        if audio:
            x[torch.tensor(audio, device=self._device)] = self._frames.gather(symbols[index] for index in audio)
        return x


def _symbols(row: Row) -> list[Symbol]:
    """The symbols that a pass computes for `row`."""
    start = row.seq.computed
    return [*row.seq.symbols[start : start + row.count], *row.guess]


def _wanted(rows: Sequence_[Row]) -> list[int]:
    """Numbers of the positions that want logits, among all positions of the pass."""
    wanted: list[int] = []
    end = 0
    for row in rows:
        end += row.positions
        if row.want_logits:
            wanted += range(end - 1 - len(row.guess), end)
    return wanted
