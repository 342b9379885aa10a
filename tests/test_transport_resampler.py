"""The resampler: any split gives the same samples to the bit, tones keep their time, what would alias is gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import AudioError
from realtime.transport.resampler import INPUT_RATES_HZ, Resampler


def tone(rate_hz: int, frequency_hz: float, seconds: float = 0.5) -> np.ndarray:
    at = np.arange(int(rate_hz * seconds)) / rate_hz
    return (10_000 * np.sin(2 * np.pi * frequency_hz * at)).astype(np.int16)


@settings(deadline=None, max_examples=60)
@given(
    rate_hz=st.sampled_from(INPUT_RATES_HZ),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_split_gives_the_same_samples(rate_hz: int, cuts: list[int], seed: int) -> None:
    pcm = np.random.default_rng(seed).integers(-32768, 32768, 4000, dtype=np.int16)
    whole = Resampler(rate_hz).push(pcm)
    split = Resampler(rate_hz)
    bounds = sorted(min(cut, len(pcm)) for cut in cuts)
    parts = [split.push(part) for part in np.split(pcm, bounds)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert split.output_samples == len(whole)


@pytest.mark.parametrize("rate_hz", INPUT_RATES_HZ)
def test_output_sample_k_is_at_time_k_over_16000(rate_hz: int) -> None:
    out = Resampler(rate_hz).push(tone(rate_hz, 1000))
    expected = 10_000 * np.sin(2 * np.pi * 1000 * np.arange(len(out)) / 16_000)
    assert np.abs(out - expected)[200:].max() < 15  # -57 dB: no shift, no gain


@pytest.mark.parametrize("rate_hz", INPUT_RATES_HZ)
def test_the_delay_is_what_it_says(rate_hz: int) -> None:
    resampler = Resampler(rate_hz)
    out = sum(len(resampler.push(tone(rate_hz, 440, 0.02))) for _ in range(50))
    assert 0 <= 16_000 - out <= resampler.delay_ms * 16 + 1
    assert resampler.delay_ms <= 1.5


@pytest.mark.parametrize(("rate_hz", "frequency_hz"), [(48_000, 9_000), (48_000, 15_000), (24_000, 10_000)])
def test_what_would_alias_is_gone(rate_hz: int, frequency_hz: float) -> None:
    out = Resampler(rate_hz).push(tone(rate_hz, frequency_hz))
    assert np.abs(out[200:].astype(int)).max() <= 20  # 10,000 at the input: more than 50 dB down


def test_speech_band_passes() -> None:
    for frequency_hz in (100, 1000, 3400, 6500):
        out = Resampler(48_000).push(tone(48_000, frequency_hz))[200:].astype(float)
        assert abs(20 * np.log10(np.sqrt(np.mean(out**2)) / (10_000 / np.sqrt(2)))) < 0.3


def test_full_scale_does_not_wrap() -> None:
    square = np.where(np.arange(9600) // 480 % 2, 32767, -32768).astype(np.int16)
    out = Resampler(48_000).push(square).astype(int)
    middle = out[80::160][2:-2]
    assert (np.abs(middle) > 32_000).all()


def test_bad_audio_is_refused() -> None:
    with pytest.raises(AudioError):
        Resampler(44_100)
    with pytest.raises(AudioError):
        Resampler(48_000).push(np.zeros(10, dtype=np.float32))  # type: ignore[arg-type]
    with pytest.raises(AudioError):
        Resampler(48_000).push(np.zeros((10, 2), dtype=np.int16))
    assert len(Resampler(48_000).push(np.zeros(0, dtype=np.int16))) == 0
