"""What is measured of a voice beside its words: level, pitch, voicing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_encoder.prosody import HIGHEST_HZ, LOWEST_HZ, WIDTH, Prosody

RATE_HZ, FRAME = 16_000, 1280
PROSODY = Prosody(FRAME, RATE_HZ)


def voice(hz: float, level: float, frames: int = 4, seed: int = 0) -> torch.Tensor:
    """A buzz of ten harmonics that fall off as a voice's do: float32 [frames * FRAME]."""
    random = np.random.default_rng(seed)
    at = np.arange(frames * FRAME) / RATE_HZ
    harmonics = [np.sin(2 * np.pi * hz * k * at + random.uniform(0, 6.28)) / k for k in range(1, 11) if hz * k < 7000]
    sound = np.sum(harmonics, 0)
    return torch.from_numpy((level * sound / np.abs(sound).max()).astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(hz=st.floats(75, 380), level=st.floats(0.01, 0.9), seed=st.integers(0, 9))
def test_the_pitch_of_a_voice_is_found_whatever_its_level(hz: float, level: float, seed: int) -> None:
    _, octaves, voicing = PROSODY.measure(voice(hz, level, seed=seed))
    found = 100 * 2 ** octaves.numpy()
    np.testing.assert_allclose(found, hz, rtol=0.03)
    assert (voicing > 0.8).all()


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(0.01, 1.0))
def test_level_is_in_decibels_of_full_scale(gain: float) -> None:
    sound = voice(140, 0.9)
    there = PROSODY.measure(sound)[0]
    np.testing.assert_allclose(PROSODY.measure(gain * sound)[0] - there, 20 * np.log10(gain), atol=1e-3)
    assert PROSODY.measure(torch.ones(FRAME))[0].item() == pytest.approx(0.0, abs=1e-4)


def test_silence_and_noise_have_no_voice() -> None:
    silent = PROSODY(torch.zeros(2 * FRAME))
    assert torch.isfinite(silent).all()
    assert silent[:, -1].abs().max() == 0
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(20 * FRAME).astype(np.float32) * 0.1)
    assert PROSODY.measure(noise)[2].max() < 0.3


def test_frames_do_not_know_of_each_other() -> None:
    sound = voice(200, 0.5, frames=6)
    whole = PROSODY(sound)
    assert whole.shape == (6, WIDTH)
    pieces = torch.cat([PROSODY(piece) for piece in sound.split(2 * FRAME)])
    torch.testing.assert_close(whole, pieces)
    torch.testing.assert_close(PROSODY(torch.stack([sound, sound]))[1], whole)


def test_outside_its_range_the_nearest_bump_answers() -> None:
    very_quiet = PROSODY(voice(200, 1e-5))
    assert int(very_quiet[0, :14].argmax()) == 0
    assert float(very_quiet[0, 0]) == pytest.approx(1.0)


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(0, 2**32 - 1))
def test_every_number_is_between_nothing_and_one(samples: int) -> None:
    random = np.random.default_rng(samples)
    sound = torch.from_numpy((random.standard_normal(3 * FRAME) * 10 ** random.uniform(-6, 0)).astype(np.float32))
    found = PROSODY(sound.clamp(-1, 1))
    assert found.min() >= 0
    assert found.max() <= 1
    octaves = PROSODY.measure(sound)[1]
    assert octaves.min() >= np.log2(LOWEST_HZ / 100) - 0.05
    assert octaves.max() <= np.log2(HIGHEST_HZ / 100) + 0.05
