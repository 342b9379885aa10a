"""How high a voice is: where its intonation moves, however its audio was cut, and only where there is a voice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_encoder.pitch_meter import HOP, LEAST_WINDOWS, RATE_HZ, WINDOW, PitchMeter

NOTHING = np.empty(0, np.float32)


def intoned(hz: float, octaves: float, seconds: float = 3.0, seed: int = 0) -> npt.NDArray[np.float32]:
    """A voice whose pitch goes up and down by so much, a third of a second each way; two formants, and some breath."""
    random = np.random.default_rng(seed)
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    pitch = hz * 2 ** (octaves * np.sin(2 * np.pi * 1.5 * at))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    sound = np.zeros(len(at))
    for k in range(1, 40):
        resonance = sum(1 / (1 + ((pitch * k - formant) / 90) ** 2) for formant in (500, 1500))
        sound += (resonance + 0.05) * np.sin(k * phase + random.uniform(0, 6.28)) * (pitch * k < 7000)
    sound += 0.03 * np.abs(sound).max() * random.standard_normal(len(at))
    return np.asarray(0.3 * sound / np.abs(sound).max(), np.float32)


def median_hz(samples: npt.NDArray[np.float32]) -> float:
    meter = PitchMeter()
    meter.push(samples)
    found = meter.measure(NOTHING)
    assert found is not None
    return found


@settings(max_examples=40, deadline=None)
@given(hz=st.floats(85, 260), octaves=st.floats(0, 0.25), seed=st.integers(0, 9))
def test_a_voice_that_moves_is_heard_where_it_is(hz: float, octaves: float, seed: int) -> None:
    assert median_hz(intoned(hz, octaves, seed=seed)) == pytest.approx(hz, rel=0.06)


@pytest.mark.parametrize("period", [62.5, 75.5, 80.5, 120.5])
def test_a_period_between_two_samples_is_not_taken_for_twice_as_long(period: float) -> None:
    assert median_hz(intoned(RATE_HZ / period, 0.0)) == pytest.approx(RATE_HZ / period, rel=0.01)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 32_000), max_size=6), tail=st.integers(0, 32_000))
def test_neither_cuts_nor_a_tail_change_what_is_measured(cuts: list[int], tail: int) -> None:
    sound = intoned(140, 0.2, 2.0)
    meter = PitchMeter()
    for part in np.split(sound[:tail], [cut for cut in sorted(cuts) if cut < tail]):
        meter.push(part)
        meter.measure(sound[:5000])  # what may be taken back leaves nothing
    assert meter.measure(sound[tail:]) == median_hz(sound)


def test_noise_silence_and_too_little_have_no_pitch() -> None:
    enough = WINDOW + (LEAST_WINDOWS - 1) * HOP
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32) * np.float32(0.1)
    for samples in (NOTHING, np.zeros(20_000, np.float32), noise, intoned(120, 0.0)[: enough - 1]):
        meter = PitchMeter()
        meter.push(samples)
        assert meter.measure(NOTHING) is None
    assert median_hz(intoned(120, 0.0)[:enough]) == pytest.approx(120, rel=0.05)


def test_a_voice_in_a_long_silence_is_still_heard() -> None:
    hiss = np.random.default_rng(1).standard_normal(60 * RATE_HZ).astype(np.float32) * np.float32(1e-4)
    hiss[RATE_HZ : 3 * RATE_HZ] += intoned(100, 0.2, 2.0)
    assert median_hz(hiss) == pytest.approx(100, rel=0.05)


def test_a_new_turn_begins_with_nothing() -> None:
    meter = PitchMeter()
    meter.push(intoned(240, 0.1))
    meter.reset()
    meter.push(intoned(110, 0.1))
    assert meter.measure(NOTHING) == median_hz(intoned(110, 0.1))
