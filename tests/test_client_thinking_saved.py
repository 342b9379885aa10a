"""What thinking ahead saved: the counterfactual is the measured turn with its hidden work behind the commit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_demo.thinking_saved import WORK, hidden

MS = st.floats(0, 2000)


@given(tentative=MS, work=st.lists(MS, min_size=len(WORK), max_size=len(WORK)), committed=MS, pacing=st.floats(0, 20))
def test_work_begun_at_the_commit_would_have_been_ready_that_much_later(
    tentative: float, work: list[float], committed: float, pacing: float
) -> None:
    """A timeline laid out by hand: tentative end, work, commit; the ledger as the server writes it of that."""
    commit, ready = tentative + committed, tentative + sum(work)
    first_frame = max(commit, ready) + pacing
    stages = {"arrival": 3.0, "endpoint_wait": tentative, **dict(zip(WORK, work, strict=True))}
    stages |= {"hold": max(0.0, commit - ready), "pacing": pacing, "client": 2.0}
    measured = first_frame
    counterfactual = commit + sum(work) + pacing
    assert measured + hidden(stages, first_frame - commit) == pytest.approx(counterfactual, abs=1e-6)


def test_a_server_that_does_not_say_when_it_committed_saved_nothing_that_we_know_of() -> None:
    assert hidden({"endpoint_wait": 200.0, "thought": 300.0}, None) == 0.0
