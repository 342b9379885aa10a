"""Who runs in a step: order, budget, no starvation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.decoder.scheduler import Grant, Service, WorkItem, schedule

classes = st.sampled_from(Service)
queues = st.lists(st.tuples(classes, st.integers(0, 90) | st.just(1)), max_size=12).map(
    lambda items: [WorkItem(key, priority, pending) for key, (priority, pending) in enumerate(items)]
)


@given(queues, st.integers(1, 64))
def test_a_step_is_sound(work: list[WorkItem], budget: int) -> None:
    grants = schedule(work, budget)
    by_key = {item.key: item for item in work}
    assert len({grant.key for grant in grants}) == len(grants)
    assert all(1 <= grant.count <= by_key[grant.key].pending for grant in grants)
    # most urgent first
    order = [by_key[grant.key].priority for grant in grants]
    assert order == sorted(order)
    # every decoding lane rides
    assert {item.key for item in work if item.pending == 1} <= {grant.key for grant in grants}
    # prefill keeps to the budget, and what is less urgent to a quarter of it
    decoding = sum(item.pending == 1 for item in work)
    prefill = [grant for grant in grants if by_key[grant.key].pending > 1]
    assert sum(grant.count for grant in prefill) <= max(1, budget - decoding)
    waiting = [item for item in work if item.pending]
    if waiting:
        urgent = min(item.priority for item in waiting)
        assert any(by_key[grant.key].priority == urgent for grant in grants)
        beside = sum(grant.count for grant in prefill if by_key[grant.key].priority > urgent)
        assert beside <= max(1, budget // 4)


@given(queues, st.integers(1, 64))
def test_everything_is_served_in_the_end(work: list[WorkItem], budget: int) -> None:
    pending = {item.key: item for item in work}
    for _ in range(sum(item.pending for item in work)):
        grants = schedule(pending.values(), budget)
        if not grants:
            break
        for grant in grants:
            item = pending[grant.key]
            pending[grant.key] = WorkItem(item.key, item.priority, item.pending - grant.count)
    assert all(item.pending == 0 for item in pending.values())


@given(classes, st.integers(2, 500), st.integers(1, 64))
def test_a_lone_lane_gets_the_whole_budget(priority: Service, pending: int, budget: int) -> None:
    assert schedule([WorkItem("lane", priority, pending)], budget) == [Grant("lane", min(pending, budget))]


@given(st.integers(1, 6), st.integers(8, 64))
def test_a_low_class_moves_on_beside_endless_urgent_decoding(lanes: int, budget: int) -> None:
    work = [WorkItem(n, Service.FIRST_CLAUSE, 1) for n in range(lanes)] + [WorkItem("note", Service.NOTE, 30)]
    grants = {grant.key: grant.count for grant in schedule(work, budget)}
    assert 1 <= grants["note"] <= budget // 4


def test_a_class_shares_its_budget_evenly_and_leftovers_go_to_the_longer() -> None:
    work = [WorkItem("long", Service.NOTE, 100), WorkItem("short", Service.NOTE, 4), WorkItem("mid", Service.NOTE, 40)]
    assert schedule(work, 32) == [Grant("short", 4), Grant("mid", 14), Grant("long", 14)]


def test_nothing_pending_is_an_empty_step() -> None:
    assert schedule([], 32) == []
    assert schedule([WorkItem("idle", Service.NOTE, 0)], 32) == []
