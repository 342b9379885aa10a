"""The decoder as a mind's memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from realtime.decoder import Decoder
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.mind.memory import KvSequence, Symbol


class DecoderMemory:
    """`realtime.mind.memory.Memory` over a `Decoder`."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def new(self, symbols: Iterable[Symbol] = ()) -> KvSequence:
        return self._decoder.new(list(symbols))

    def fork(self, seq: KvSequence) -> KvSequence:
        return self._decoder.fork(cast(DecoderSequence, seq))

    def extend(self, seq: KvSequence, symbols: Iterable[Symbol]) -> None:
        self._decoder.extend(cast(DecoderSequence, seq), list(symbols))

    def truncate(self, seq: KvSequence, length: int) -> None:
        self._decoder.truncate(cast(DecoderSequence, seq), length)

    def drop(self, seq: KvSequence) -> None:
        self._decoder.drop(cast(DecoderSequence, seq))

    def drop_frames(self, symbols: Iterable[Symbol]) -> None:
        self._decoder.frames.drop(list(symbols))
