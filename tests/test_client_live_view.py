"""A turn on the terminal while it happens; one line a thing where it is no terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from client_demo.live_view import LiveView, answer_marked

EVENTS: list[dict[str, Any]] = [
    {"type": "input_audio_buffer.speech_started"},
    {"type": "forethought.note", "delta": "okay where", "audio_ms": 1280},
    {"type": "forethought.thought", "attempt": 1, "delta": "void"},
    {"type": "forethought.turn", "attempt": 1, "state": "revoked"},
    {"type": "conversation.item.input_audio_transcription.completed", "transcript": "okay [where] is it"},
    {"type": "forethought.thought", "attempt": 2, "delta": "a country"},
    {"type": "response.output_audio_transcript.delta", "delta": "It is "},
    {"type": "forethought.heard", "text": "It is"},
    {"type": "response.output_audio_transcript.delta", "delta": "in Asia."},
    {"type": "error", "error": {"message": "a [small] error"}},
    {"type": "response.done", "response": {"status": "cancelled"}},
]


@pytest.mark.parametrize("terminal", [True, False])
def test_everything_is_shown_and_markup_in_words_is_no_style(terminal: bool) -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, force_terminal=terminal, color_system=None, width=100))
    for event in EVENTS:
        view.event(event)
    view.close()
    shown = out.getvalue()
    for text in ("okay where", "1280 ms", "okay [where] is it", "a country", "It is in Asia.", "cancelled", "[small]"):
        assert text in shown
    assert terminal or "void" not in shown


def test_each_line_is_printed_once_to_a_pipe() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, width=100))
    for event in EVENTS:
        view.event(event)
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["listening", "note", "you", "server", "thought", "answer"]


@given(st.text(max_size=60), st.integers(0, 60))
def test_marking_never_changes_the_answer(answer: str, length: int) -> None:
    for heard in (answer[:length], "two words", answer.upper()):
        (first, _), (rest, _) = answer_marked(answer, heard)
        assert first + rest == answer
    assert answer_marked(answer, answer.strip())[0][0].strip() in answer
    assert answer_marked("one two three", "one two")[0][0] == "one two"
