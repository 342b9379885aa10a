"""The clock of a stage: budget over all sittings, sitting of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.sitting import Sitting


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=20), st.floats(1, 200), st.floats(1, 60))
def test_sittings_add_up_to_the_budget(steps: list[float], budget: float, limit: float) -> None:
    clock, spent = Clock(), 0.0
    sitting = Sitting(0.0, budget, limit, clock)
    for step in steps:
        if sitting.is_over:
            sitting = Sitting(sitting.spent_s, budget, limit, clock)  # the next one goes on
        clock.now += step
        spent += step
        assert sitting.spent_s == pytest.approx(spent)
        assert sitting.progress == pytest.approx(min(1.0, spent / budget))
        assert sitting.is_done == (sitting.progress >= 1)
        assert sitting.is_over or sitting.here_s < limit


def test_without_a_budget_nothing_is_left() -> None:
    assert Sitting(0.0, 0.0, 10.0).is_done
