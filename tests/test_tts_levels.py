"""Trimming, pauses, resampling, and WAV files from strangers."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_bridge import ready_for_playout, resample, trim_silence, with_pause
from tts_bridge.levels import AUDIBLE, is_noise, voiced_span
from tts_bridge.wav import read_wav

RATE_HZ = 24_000


def sine(ms: float, hz: float = 220, level: int = 8_000) -> np.ndarray:
    time_s = np.arange(round(RATE_HZ * ms / 1000)) / RATE_HZ
    return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def silence(ms: float) -> np.ndarray:
    return np.zeros(round(RATE_HZ * ms / 1000), np.int16)


def test_silence_is_trimmed_to_what_is_allowed() -> None:
    trimmed = trim_silence(np.concatenate([silence(300), sine(100), silence(500)]), RATE_HZ)
    start, end = voiced_span(trimmed)
    assert start <= RATE_HZ * 10.2 / 1000
    assert len(trimmed) - end <= RATE_HZ * 100 / 1000
    assert end - start >= RATE_HZ * 99 / 1000


@pytest.mark.parametrize("pause_ms", [0, 30, 100, 220])
@pytest.mark.parametrize("natural_ms", [0, 60, 600])
def test_a_pause_is_as_long_as_asked(pause_ms: float, natural_ms: float) -> None:
    voiced = np.concatenate([sine(99), np.full(24, 8_000, np.int16)])
    shaped = with_pause(np.concatenate([silence(40), voiced, silence(natural_ms)]), RATE_HZ, pause_ms)
    assert len(shaped) == pytest.approx(RATE_HZ * (10 + 100 + pause_ms) / 1000, abs=5)


def test_nothing_audible_is_empty() -> None:
    assert len(trim_silence(np.full(1_000, AUDIBLE - 1, np.int16), RATE_HZ)) == 0
    assert len(with_pause(silence(100), RATE_HZ, 100)) == 0
    assert len(ready_for_playout(silence(0), RATE_HZ, 48_000, 100)) == 0


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_trimming_never_takes_a_sound_away(values: list[int]) -> None:
    samples = np.array(values, np.int16)
    trimmed = trim_silence(samples, RATE_HZ, leading_ms=0, trailing_ms=0)
    loud = [value for value in values if abs(value) >= AUDIBLE]
    assert [value for value in trimmed.tolist() if abs(value) >= AUDIBLE] == loud


@pytest.mark.parametrize("to_hz", [8_000, 16_000, 48_000])
def test_resampling_keeps_tone_level_and_length(to_hz: int) -> None:
    resampled = resample(sine(500, 440), RATE_HZ, to_hz)
    assert len(resampled) == to_hz // 2
    spectrum = np.abs(np.fft.rfft(resampled.astype(float)))
    assert np.argmax(spectrum) * to_hz / len(resampled) == pytest.approx(440, abs=3)
    assert np.abs(resampled[to_hz // 8 : -to_hz // 8].astype(int)).max() == pytest.approx(8_000, rel=0.02)


def test_full_scale_does_not_wrap_round() -> None:
    square = np.where(np.arange(4_800) % 60 < 30, 32_767, -32_768).astype(np.int16)
    steps = np.abs(np.diff(resample(square, RATE_HZ, 48_000).astype(int)))
    assert np.count_nonzero(steps > 60_000) == 0


def test_noise_is_told_from_speech() -> None:
    noise = np.frombuffer(np.random.default_rng(0).bytes(48_000), "<i2").astype(np.int16)
    assert is_noise(noise)
    assert not is_noise(sine(500, 3_000, 30_000))
    assert not is_noise(noise // 16)


def wav(samples: np.ndarray, channels: int = 1, rate_hz: int = 22_050) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def test_wav_round_trip_and_stereo() -> None:
    samples, rate_hz = read_wav(wav(sine(20)))
    assert rate_hz == 22_050 and np.array_equal(samples, sine(20))
    mono, _ = read_wav(wav(np.repeat(sine(20), 2), channels=2))
    assert np.array_equal(mono, sine(20))


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f"])
def test_wav_written_to_a_pipe(size: bytes) -> None:
    blob = bytearray(wav(sine(20)))
    blob[40:44] = size
    samples, _ = read_wav(bytes(blob))
    assert np.array_equal(samples, sine(20))


@given(st.binary(max_size=80), st.integers(0, 60))
def test_wav_garbage_is_refused_with_one_kind_of_error(garbage: bytes, at: int) -> None:
    blob = bytearray(wav(sine(2)))
    blob[at : at + len(garbage)] = garbage
    try:
        samples, rate_hz = read_wav(bytes(blob))
    except ValueError:
        return
    assert samples.dtype == np.int16 and 8_000 <= rate_hz <= 192_000
