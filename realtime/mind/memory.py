"""What the mind asks of the decoder's memory. It knows token ids and lanes, not tensors or weights.

`realtime.decoder.Decoder` is one `Memory`; a test may be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

Symbol = int
"""A token id (>= 0) or an audio frame (< 0: ~k is frame k of the frame store)."""


class KvSequence(Protocol):
    """A run of symbols whose first `computed` have keys and values in the cache."""

    @property
    def symbols(self) -> Sequence[Symbol]: ...

    @property
    def computed(self) -> int: ...

    @property
    def pending(self) -> int: ...


class Memory(Protocol):
    """Ownership of sequences in the KV cache (see `realtime.decoder.blocks`)."""

    def new(self, symbols: Iterable[Symbol] = ()) -> KvSequence: ...

    def fork(self, seq: KvSequence) -> KvSequence: ...

    def extend(self, seq: KvSequence, symbols: Iterable[Symbol]) -> None: ...

    def truncate(self, seq: KvSequence, length: int) -> None: ...

    def drop(self, seq: KvSequence) -> None: ...

    def drop_frames(self, symbols: Iterable[Symbol]) -> None: ...


def common_prefix(ours: Sequence[Symbol], theirs: Sequence[Symbol]) -> int:
    """How many symbols the two begin with in common."""
    for at, (our, their) in enumerate(zip(ours, theirs, strict=False)):
        if our != their:
            return at
    return min(len(ours), len(theirs))


class Detokenizer(Protocol):
    """Token ids in, text out, never half a character."""

    def push(self, token_id: int) -> str: ...

    def flush(self) -> str: ...
