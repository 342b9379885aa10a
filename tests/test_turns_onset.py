"""Onset: where sound that is no voice began, what counts as background, and how far a turn reaches back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.turns.decisions import level_dbfs
from realtime.turns.onset import Onset

FRAME = 512
FRAME_MS = 32


class Room:
    """Feeds an Onset stretches of sound, given by their level."""

    def __init__(self) -> None:
        self.onset = Onset()
        self.at_sample = 0

    def hear(self, duration_ms: int, level: float, *, background: bool = False) -> int:
        """How many frames stood out."""
        stood_out = 0
        for _ in range(duration_ms // FRAME_MS):
            stood_out += self.onset.push(self.at_sample, FRAME, level, background=background)
            self.at_sample += FRAME
        return stood_out

    def reach_ms(self) -> int | None:
        """How far before speech that begins now the turn should begin."""
        start = self.onset.start_before(self.at_sample)
        return None if start is None else (self.at_sample - start) // 16


def test_silence_leads_to_nothing() -> None:
    room = Room()
    assert room.hear(10_016, -100.0) == 0
    assert room.reach_ms() is None


@pytest.mark.parametrize("level", [-15.0, -30.0, -45.0])
def test_steady_noise_is_background(level: float) -> None:
    rng = np.random.default_rng(3)
    room = Room()
    noise = (rng.standard_normal(FRAME * 400) * 10 ** (level / 20)).astype(np.float32)
    stood_out = [room.onset.push(i, FRAME, level_dbfs(noise[i : i + FRAME])) for i in range(0, len(noise), FRAME)]
    room.at_sample = len(noise)
    assert not any(stood_out)
    assert room.reach_ms() is None


def test_noise_that_begins_becomes_background_within_3_s() -> None:
    room = Room()
    room.hear(3_200, -80.0)
    room.hear(3_008, -30.0)
    assert room.hear(6_400, -30.0) == 0
    assert room.reach_ms() is None
    assert room.hear(160, -12.0) > 0, "what stands out of the noise is still sound"


def test_beeps_are_one_cluster() -> None:
    room = Room()
    room.hear(1_600, -90.0)
    for _ in range(6):
        room.hear(160, -15.0)
        room.hear(256, -90.0)
    assert room.reach_ms() == 6 * (160 + 256) + 200


def test_a_long_tone_reaches_back_to_its_start() -> None:
    room = Room()
    room.hear(1_600, -90.0)
    room.hear(1_600, -15.0)
    room.hear(320, -90.0)
    assert room.reach_ms() == 1_600 + 320 + 200


def test_sound_that_ended_more_than_a_second_ago_is_another_matter() -> None:
    room = Room()
    room.hear(640, -90.0)
    room.hear(160, -15.0)
    room.hear(1_024, -90.0)
    assert room.reach_ms() is None


def test_the_reach_is_limited() -> None:
    room = Room()
    for _ in range(40):
        room.hear(160, -15.0)
        room.hear(320, -90.0)
    assert room.reach_ms() == 5_000


def test_the_agents_echo_and_forgotten_sound_are_not_reached_for() -> None:
    room = Room()
    room.hear(640, -90.0)
    assert room.hear(640, -15.0, background=True) == 0
    assert room.reach_ms() is None
    room.hear(160, -15.0)
    room.hear(64, -90.0)
    room.onset.forget()
    assert room.reach_ms() is None


@given(st.lists(st.floats(-100, 0), max_size=300))
def test_the_start_lies_between_the_reach_and_the_speech(levels: list[float]) -> None:
    room = Room()
    for level in levels:
        room.hear(FRAME_MS, level)
    reach_ms = room.reach_ms()
    assert reach_ms is None or 0 < reach_ms <= min(5_000, room.at_sample // 16)
    assert -60.0 <= room.onset.floor_dbfs <= 0.0
