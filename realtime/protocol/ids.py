"""Names for events, items, responses and sessions. It knows nothing of what they name.

The protocol never asks the system for randomness: an `IdSource` is passed in, so a session replays to the same bytes.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Protocol


class IdSource(Protocol):
    """Gives names that never repeat within its life."""

    def new(self, prefix: str) -> str: ...


class RandomIds:
    """`item_9f86d081884c7d659a2f`: 80 random bits, so names do not collide between sessions and cannot be guessed.

    The hosted API refuses item ids longer than 32 characters; these stay below.
    """

    def new(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(10)}"


class SeededIds:
    """As `RandomIds`, and the same names again from the same seed: for sessions that are recorded.

    A keyed hash of a counter: without the seed (at least 16 random bytes) they cannot be guessed.
    """

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def new(self, prefix: str) -> str:
        self._count += 1
        digest = hashlib.blake2b(self._count.to_bytes(8, "big"), key=self._seed, digest_size=10)
        return f"{prefix}_{digest.hexdigest()}"


class CountedIds:
    """`item_1`, `item_2`, `event_1` …: the deterministic source for tests."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        count = self._counts.get(prefix, 0) + 1
        self._counts[prefix] = count
        return f"{prefix}_{count}"
