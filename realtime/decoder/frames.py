"""Audio frames waiting to be read by the decoder: adapter embeddings by number. It knows no sequences."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from realtime.decoder.sequence import Symbol
from realtime.errors import EngineError


class FrameStore:
    """Embeddings by symbol. Numbers are never used twice, so a stale symbol is an error and never another frame."""

    def __init__(self, width: int, *, device: str = "cpu") -> None:
        self._width = width
        self._device = device
        self._rows: dict[int, Tensor] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, frames: Tensor) -> list[Symbol]:
        """Keep frames [n, width] and return their symbols (~k), in order. Raises EngineError for another shape."""
        if frames.ndim != 2 or frames.shape[1] != self._width:
            raise EngineError(f"audio frames have shape {tuple(frames.shape)}; [n, {self._width}] is needed")
        kept = frames.detach().to(device=self._device, dtype=torch.float32, copy=True)
        symbols = [~(self._next + k) for k in range(len(kept))]
        self._rows.update(zip(symbols, kept.unbind(0), strict=True))
        self._next += len(kept)
        return symbols

    def drop(self, symbols: Iterable[Symbol]) -> None:
        """Forget frames. Token ids and frames already dropped are ignored."""
        for symbol in symbols:
            self._rows.pop(symbol, None)

    def gather(self, symbols: Iterable[Symbol]) -> Tensor:
        """Embeddings [n, width] float32 of audio symbols. Raises EngineError for a frame that was dropped."""
        try:
            return torch.stack([self._rows[symbol] for symbol in symbols])
        except KeyError as error:
            raise EngineError(f"audio frame {~int(error.args[0])} was dropped before it was computed") from error
