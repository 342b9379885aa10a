"""The ledger's arithmetic: whatever the stamps, the stages sum to what the stopwatch measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_demo.ledger import STAGES, ClientStamps, ServerLedger, join, rebase, server_only

MS = 1_000_000
INNER = [name for name in STAGES if name not in ("arrival", "client")]
durations = st.integers(0, 5_000 * MS)
stages = st.dictionaries(st.sampled_from(INNER), st.floats(0, 5_000), min_size=1)


@given(stages, st.floats(-3_000, 3_000))
def test_rebasing_moves_the_sum_by_exactly_the_shift(held: dict[str, float], shift_ms: float) -> None:
    moved = rebase(held, shift_ms)
    assert list(moved) == list(held)
    assert sum(moved.values()) == pytest.approx(sum(held.values()) + shift_ms, abs=1e-6)
    if sum(held.values()) + shift_ms >= 0 and "endpoint_wait" not in held:
        assert min(moved.values()) >= -1e-6


@given(
    left=st.integers(0, 10**15),
    ends_differ=st.integers(-400 * MS, 400 * MS),
    out=durations,
    inner=st.lists(durations, min_size=3, max_size=3),
    back=durations,
)
def test_a_shared_clock_gives_each_leg_its_own_time_and_no_residual(
    left: int, ends_differ: int, out: int, inner: list[int], back: int
) -> None:
    arrival_ns = left + ends_differ + out
    first_ns = arrival_ns + sum(inner)
    names = ("endpoint_wait", "thought", "pacing")
    server = ServerLedger(
        stages_ms={name: value / MS for name, value in zip(names, inner, strict=True)},
        total_ms=sum(inner) / MS,
        arrival_ns=arrival_ns,
        first_frame_ns=first_ns,
    )
    ledger = join(server, ClientStamps(left, left + ends_differ, first_ns + back), same_machine=True)
    assert ledger.clock == "shared"
    assert ledger.stages_ms["arrival"] == pytest.approx(out / MS)
    assert ledger.stages_ms["client"] == pytest.approx(back / MS)
    assert ledger.total_ms == pytest.approx((first_ns + back - left) / MS)
    assert ledger.residual_ms == pytest.approx(0, abs=1e-3)
    assert sum(ledger.stages_ms.values()) == pytest.approx(ledger.total_ms, abs=1e-3)


@given(
    inner=st.lists(durations, min_size=2, max_size=2), unseen=durations, ends_differ=st.integers(-400 * MS, 400 * MS)
)
def test_without_a_shared_clock_both_legs_get_half_of_what_the_server_cannot_see(
    inner: list[int], unseen: int, ends_differ: int
) -> None:
    server = ServerLedger({"endpoint_wait": inner[0] / MS, "thought": inner[1] / MS}, sum(inner) / MS)
    stamps = ClientStamps(0, ends_differ, sum(inner) + unseen + ends_differ)
    ledger = join(server, stamps, same_machine=False)
    assert ledger.clock == "split"
    assert ledger.stages_ms["arrival"] == ledger.stages_ms["client"] == pytest.approx(unseen / 2 / MS, abs=1e-3)
    assert ledger.residual_ms == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("lost_ms", [0.0, 4.0, 6.0, -6.0])
def test_stages_that_do_not_sum_are_reported_not_hidden(lost_ms: float) -> None:
    server = ServerLedger({"endpoint_wait": 100.0, "thought": 50.0 - lost_ms}, 150.0)
    ledger = join(server, ClientStamps(0, 0, 160 * MS), same_machine=False)
    assert ledger.residual_ms == pytest.approx(lost_ms) == ledger.server_residual_ms
    assert ledger.balanced is (abs(lost_ms) <= 5)
    clocked = ServerLedger(server.stages_ms, 150.0, arrival_ns=3 * MS, first_frame_ns=153 * MS)
    assert join(clocked, ClientStamps(0, 0, 160 * MS), same_machine=True).residual_ms == pytest.approx(lost_ms)


@pytest.mark.parametrize(
    ("arrival_ns", "first_frame_ns"), [(None, 5), (5, None), (10**15, 10**15 + 1), (-(10**12), 0), (50 * MS, 40 * MS)]
)
def test_stamps_of_another_clock_are_not_believed(arrival_ns: int | None, first_frame_ns: int | None) -> None:
    server = ServerLedger({"thought": 10.0}, 10.0, arrival_ns=arrival_ns, first_frame_ns=first_frame_ns)
    assert join(server, ClientStamps(0, 0, 20 * MS), same_machine=True).clock == "split"


def test_stages_come_in_the_order_in_which_they_pass() -> None:
    server = ServerLedger({"pacing": 1.0, "new_stage": 2.0, "encode": 3.0}, 6.0)
    ledger = join(server, ClientStamps(0, 0, 6 * MS), same_machine=False)
    assert list(ledger.stages_ms) == ["arrival", "encode", "pacing", "new_stage", "client"]
    assert list(server_only(server).stages_ms) == ["encode", "pacing", "new_stage"]
