"""The order that the protocol promises: the golden sequence passes, every break of it is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_demo.event_order import MAX_PROBLEMS, EventOrder

ITEM = "item_u1"
GOLDEN: list[dict[str, Any]] = [
    {"type": "session.created"},
    {"type": "session.updated"},
    {"type": "input_audio_buffer.speech_started", "item_id": ITEM},
    {"type": "input_audio_buffer.speech_stopped", "item_id": ITEM},
    {"type": "input_audio_buffer.committed", "item_id": ITEM},
    {"type": "conversation.item.added", "item": {"id": ITEM, "role": "user"}},
    {"type": "response.created", "response": {"id": "r"}},
    {"type": "response.output_item.added", "response_id": "r"},
    {"type": "conversation.item.added", "item": {"id": "a", "role": "assistant"}},
    {"type": "response.content_part.added", "response_id": "r"},
    {"type": "output_audio_buffer.started", "response_id": "r"},
    {"type": "response.output_audio_transcript.delta", "response_id": "r"},
    {"type": "response.output_audio.delta", "response_id": "r"},
    {"type": "response.output_audio.done", "response_id": "r"},
    {"type": "response.done", "response": {"id": "r"}},
    {"type": "output_audio_buffer.stopped", "response_id": "r"},
]


def problems(events: list[dict[str, Any]]) -> list[str]:
    order = EventOrder()
    for number, event in enumerate(events):
        order.push({"event_id": f"e{number}", **event})
    return order.problems


def test_the_golden_sequence_has_no_problem() -> None:
    assert problems(GOLDEN) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("session.created", "session.updated"),
        ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"),
        ("input_audio_buffer.speech_stopped", "input_audio_buffer.committed"),
        ("response.created", "response.output_item.added"),
        ("response.output_item.added", "response.content_part.added"),
        ("response.content_part.added", "response.output_audio_transcript.delta"),
        ("response.output_audio.delta", "response.done"),
    ],
)
def test_two_events_the_wrong_way_round_are_named(earlier: str, later: str) -> None:
    kinds = [event["type"] for event in GOLDEN]
    events = list(GOLDEN)
    first, second = kinds.index(earlier), kinds.index(later)
    events[first], events[second] = events[second], events[first]
    assert problems(events)


def test_an_item_added_before_its_commit_is_named() -> None:
    events = [*GOLDEN[:4], GOLDEN[5], GOLDEN[4], *GOLDEN[6:]]
    assert problems(events) == ["conversation.item.added of a spoken item before its input_audio_buffer.committed"]


def test_an_event_without_an_id_is_named() -> None:
    order = EventOrder()
    assert order.push({"type": "session.created"}) == ["session.created has no event_id"]


@given(st.permutations(GOLDEN))
def test_any_order_is_survived_and_problems_are_bounded(events: list[dict[str, Any]]) -> None:
    assert len(problems(events * 20)) <= MAX_PROBLEMS


@given(st.integers(1, 5))
def test_turns_one_after_another_have_no_problem(turns: int) -> None:
    events = GOLDEN[:2]
    for turn in range(turns):
        swap = {ITEM: f"item_{turn}", "r": f"r{turn}"}
        for event in GOLDEN[2:]:
            copy = {key: swap.get(value, value) if isinstance(value, str) else value for key, value in event.items()}
            for part in ("item", "response"):
                if part in copy:
                    copy[part] = {key: swap.get(value, value) for key, value in copy[part].items()}
            events = [*events, copy]
    assert problems(events) == []
