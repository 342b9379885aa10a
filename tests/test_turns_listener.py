"""Listener: the same frames for every split, a bounded ring, and refusal of audio that cannot be used."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import AudioError
from realtime.turns import FRAME_SAMPLES, Listener
from realtime.turns.listener import as_float32, as_int16


def noise(samples: int) -> npt.NDArray[np.int16]:
    return np.random.default_rng(7).integers(-32_768, 32_768, samples, dtype=np.int16)


@given(st.lists(st.integers(0, 3_000), max_size=20), st.booleans())
@settings(deadline=None)
def test_any_split_gives_the_same_frames_and_audio(cuts: list[int], as_float: bool) -> None:
    pcm = noise(20_000)
    listener = Listener()
    frames = []
    for piece in np.split(pcm, np.cumsum(cuts).clip(0, len(pcm)).tolist()):
        at_sample = listener.frame_sample
        new = listener.push(as_float32(piece) if as_float else piece)
        assert listener.frame_sample == at_sample + len(new) * FRAME_SAMPLES
        frames += new
    whole = Listener().push(pcm)
    assert len(frames) == len(pcm) // FRAME_SAMPLES
    np.testing.assert_array_equal(np.stack(frames), np.stack(whole))
    np.testing.assert_array_equal(np.concatenate(frames) * 32_768, pcm[: len(frames) * FRAME_SAMPLES])
    np.testing.assert_array_equal(listener.audio(0, len(pcm)), pcm)
    assert listener.samples == len(pcm)


@given(st.lists(st.integers(0, 40_000), max_size=12))
@settings(deadline=None)
def test_the_ring_keeps_the_last_second_and_forgets_the_rest(lengths: list[int]) -> None:
    pcm = noise(sum(lengths))
    listener = Listener(ring_s=1)
    frames = [frame for piece in np.split(pcm, np.cumsum(lengths)) for frame in listener.push(piece)]
    assert len(frames) == len(pcm) // FRAME_SAMPLES
    if frames:
        np.testing.assert_array_equal(np.concatenate(frames) * 32_768, pcm[: len(frames) * FRAME_SAMPLES])
    oldest = max(0, len(pcm) - 16_000)
    assert listener.oldest_sample == oldest
    np.testing.assert_array_equal(listener.audio(oldest, len(pcm)), pcm[oldest:])


@pytest.mark.parametrize(("begin", "end"), [(-1, 10), (0, 10), (1_000, 32_001), (20_000, 19_000)])
def test_audio_that_is_not_kept_is_refused(begin: int, end: int) -> None:
    listener = Listener(ring_s=1)
    listener.push(noise(32_000))
    with pytest.raises(AudioError):
        listener.audio(begin, end)


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros((10, 2), dtype=np.int16),
        np.zeros(10, dtype=np.float64),
        np.zeros(10, dtype=np.uint8),
        np.array([0.0, np.nan], dtype=np.float32),
        np.array([0.0, -np.inf], dtype=np.float32),
    ],
)
def test_unusable_audio_is_refused_and_changes_nothing(pcm: npt.NDArray[np.generic]) -> None:
    listener = Listener()
    with pytest.raises(AudioError):
        listener.push(pcm)
    assert listener.samples == 0


def test_what_is_louder_than_full_scale_is_clipped() -> None:
    assert as_int16(np.array([-7.0, -1.0, 1.0, 7.0], dtype=np.float32)).tolist() == [-32_768, -32_768, 32_767, 32_767]


def test_frames_and_audio_are_copies() -> None:
    listener = Listener()
    (frame,) = listener.push(noise(512))
    frame[:] = 0
    listener.audio(0, 512)[:] = 0
    np.testing.assert_array_equal(listener.audio(0, 512), noise(512))
