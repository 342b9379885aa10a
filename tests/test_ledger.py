"""I6: the stages sum to the total, whatever was stamped and in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.clock import NS_PER_MS
from realtime.ledger import Ledger, Stage, Thinking

MOMENTS = st.integers(0, 20_000 * NS_PER_MS)


@given(st.dictionaries(st.sampled_from([s for s in Stage if s is not Stage.PACING]), MOMENTS), MOMENTS, MOMENTS)
def test_stages_sum_to_the_total(stamps: dict[Stage, int], origin_ns: int, wait_ns: int) -> None:
    first_ns = origin_ns + wait_ns
    ledger = Ledger(1, 1, origin_ns, 1000.0)
    for stage, at_ns in stamps.items():
        ledger.stamp(stage, at_ns)
    statement = ledger.close(first_ns, Thinking())
    assert abs(sum(statement.stages_ms.values()) - statement.total_ms) < 0.01
    assert all(value >= 0 for value in statement.stages_ms.values())
    assert list(statement.stages_ms) == [stage.value for stage in Stage]
    assert statement.total_ms == round(wait_ns / NS_PER_MS, 3)


def test_a_stage_that_was_over_in_time_costs_nothing() -> None:
    ledger = Ledger(1, 2, 0, 1000.0)
    ledger.stamp(Stage.ENDPOINT_WAIT, 200 * NS_PER_MS)
    ledger.stamp(Stage.FIRST_AUDIO, 300 * NS_PER_MS)
    ledger.commit(500 * NS_PER_MS, 1500.0, "silence", {"endpoint": 0.1})
    statement = ledger.close(510 * NS_PER_MS, Thinking(3, 9, 5, 4))
    assert statement.stages_ms["hold"] == 200 and statement.stages_ms["pacing"] == 10
    assert statement.ttfp_eot_ms == 10 and statement.total_ms == 510
    told = statement.to_json()["thinking"]
    assert told == {"note_tokens": 3, "thought_tokens": 9, "tokens_before_turn_end": 5, "tokens_while_speaking": 4}


def test_a_commit_before_the_answer_is_ready_is_no_hold() -> None:
    ledger = Ledger(1, 1, 0, 0.0)
    ledger.commit(200 * NS_PER_MS, 0.0, "endpoint", {})
    ledger.stamp(Stage.FIRST_AUDIO, 400 * NS_PER_MS)
    statement = ledger.close(420 * NS_PER_MS, Thinking())
    assert statement.stages_ms["hold"] == 0 and statement.ttfp_eot_ms == 220


def test_the_first_stamp_counts() -> None:
    ledger = Ledger(1, 1, 0, 0.0)
    ledger.stamp(Stage.PREFILL, 100 * NS_PER_MS)
    ledger.stamp(Stage.PREFILL, 900 * NS_PER_MS)
    assert ledger.close(1000 * NS_PER_MS, Thinking()).stages_ms["prefill"] == 100
