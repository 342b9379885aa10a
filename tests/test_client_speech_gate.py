"""The energy gate: the end of speech is where the sound ends, to 10 ms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_demo.speech_gate import SILENCE_DBFS, has_speech, level_dbfs, voiced_ends

RATE = 24_000


def tone(samples: int, dbfs: float) -> np.ndarray:
    amplitude = 10 ** (dbfs / 20) * np.sqrt(2) * 32768
    return (amplitude * np.sin(2 * np.pi * 500 * np.arange(samples) / RATE)).astype(np.int16)


@given(lead=st.integers(0, RATE), length=st.integers(RATE // 50, RATE), tail=st.integers(0, RATE))
def test_the_last_voiced_frame_ends_where_the_sound_ends(lead: int, length: int, tail: int) -> None:
    pcm = np.concatenate([np.zeros(lead, np.int16), tone(length, -20), np.zeros(tail, np.int16)])
    ends = voiced_ends(pcm, RATE)
    assert abs(int(ends[-1]) - (lead + length)) <= RATE // 100
    assert ends[-1] <= pcm.size and np.all(np.diff(ends) > 0)


@pytest.mark.parametrize(("tail_dbfs", "heard"), [(-40, True), (-50, False), (-60, False)])
def test_a_quiet_tail_is_speech_only_above_the_floor(tail_dbfs: float, heard: bool) -> None:
    before = RATE // 5
    pcm = np.concatenate([np.zeros(before, np.int16), tone(RATE, -20), tone(RATE, tail_dbfs)])
    assert (int(voiced_ends(pcm, RATE)[-1]) > before + RATE + RATE // 50) is heard


@given(room_dbfs=st.floats(-70, -46), seed=st.integers(0, 1000))
def test_a_noisy_room_is_no_speech(room_dbfs: float, seed: int) -> None:
    noise = 32768 * 10 ** (room_dbfs / 20) * np.random.default_rng(seed).standard_normal(3 * RATE)
    pcm = np.concatenate([np.zeros(RATE, np.int16), tone(RATE, -20), np.zeros(RATE, np.int16)]) + noise
    assert abs(int(voiced_ends(np.rint(pcm).astype(np.int16), RATE)[-1]) - 2 * RATE) <= RATE // 50


def test_the_gate_rises_with_the_loudest_frame() -> None:
    pcm = np.concatenate([tone(RATE, -4), tone(RATE, -41)])
    assert int(voiced_ends(pcm, RATE)[-1]) <= RATE + RATE // 100


@pytest.mark.parametrize("pcm", [np.empty(0, np.int16), np.zeros(RATE, np.int16), tone(RATE, -60)])
def test_silence_has_no_end_of_speech(pcm: np.ndarray) -> None:
    assert voiced_ends(pcm, RATE).size == 0
    assert not has_speech(pcm, RATE)


def test_a_packet_has_speech_if_one_of_its_frames_has() -> None:
    assert has_speech(np.concatenate([np.zeros(RATE, np.int16), tone(RATE // 50, -30)]), RATE)


def test_levels_are_relative_to_full_scale() -> None:
    assert level_dbfs(tone(RATE, -20)) == pytest.approx(-20, abs=0.1)
    assert level_dbfs(np.zeros(10, np.int16)) == SILENCE_DBFS
