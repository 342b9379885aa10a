"""Monotonic time, and a fake of it for tests and replay. Knows nothing of wall-clock time on purpose.

On Linux `time.monotonic_ns` reads CLOCK_MONOTONIC, one clock for every process of the machine, so stamps
from the server and from its engine process may be subtracted from each other.
"""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """Anything that can say how many nanoseconds have passed since some fixed moment."""

    def now_ns(self) -> int: ...


class MonotonicClock:
    """The real clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()


class FakeClock:
    """A clock that only moves when it is told to."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def advance_ms(self, milliseconds: float) -> None:
        """Move forward by `milliseconds` (never backwards: that would not be monotonic)."""
        if milliseconds < 0:
            raise ValueError(f"a monotonic clock cannot move by {milliseconds} ms")
        self._now_ns += round(milliseconds * NS_PER_MS)
