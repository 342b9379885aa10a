"""How much of a stage's time is spent: of its whole budget, and of this sitting. It knows a clock and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable


class Sitting:
    """Begins when it is made.

    Args:
        spent_s: of the budget, in earlier sittings.
        sitting_s: how long this one may last.
    """

    def __init__(
        self, spent_s: float, budget_s: float, sitting_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._before_s = spent_s
        self._budget_s = budget_s
        self._sitting_s = sitting_s
        self._now = now
        self._began_s = now()

    @property
    def here_s(self) -> float:
        """Of this sitting."""
        return self._now() - self._began_s

    @property
    def spent_s(self) -> float:
        """Of the budget, over all sittings."""
        return self._before_s + self.here_s

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, at most 1."""
        return min(1.0, self.spent_s / self._budget_s) if self._budget_s > 0 else 1.0

    @property
    def is_done(self) -> bool:
        """Nothing of the budget is left."""
        return self.progress >= 1

    @property
    def is_over(self) -> bool:
        """Time to save and stop."""
        return self.is_done or self.here_s >= self._sitting_s
