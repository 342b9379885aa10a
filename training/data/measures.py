"""What can be measured in a rendered voice: pitch, level, rate. Pure; the labels of questions about the voice.

Knows signals as float32 [n] at 16 kHz.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from training.data.voices.word_times import speech_frames
from training.items import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.float32]

_WINDOW = 640  # 40 ms: three periods of 75 Hz
_HOP = 320
_LOWEST_HZ, _HIGHEST_HZ = 65, 450
_VOICED = 0.55  # normalised autocorrelation at the best lag


def pitch_hz(samples: Samples) -> float:
    """Median fundamental of the voiced frames; 0 where there are fewer than five."""
    if len(samples) < _WINDOW * 2:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.einsum("ij,ij->i", frames, frames)
    frames = frames[power > 0.05 * np.percentile(power, 95)]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(_WINDOW).astype(np.float32)
    size = 2 * _WINDOW
    spectrum = fft.rfft(frames, size, axis=1)
    correlation = fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :_WINDOW]
    window = fft.irfft(np.abs(fft.rfft(np.hanning(_WINDOW), size)) ** 2, size)[:_WINDOW]
    # Divided by the window's own correlation, so that a long lag is not at a disadvantage (Boersma 1993).
    normal = correlation / (correlation[:, :1] + 1e-12) / (window / window[0] + 1e-3)
    low, high = SAMPLE_RATE_HZ // _HIGHEST_HZ, SAMPLE_RATE_HZ // _LOWEST_HZ
    lags = normal[:, low:high]
    best = lags.max(axis=1, keepdims=True)
    # The shortest lag that is nearly as good: twice the period fits as well as the period.
    lag = low + np.argmax(lags >= 0.92 * best, axis=1)
    for _ in range(8):  # climb to the local top
        after, before = (
            np.take_along_axis(normal, lag[:, None] + 1, 1)[:, 0],
            np.take_along_axis(normal, lag[:, None], 1)[:, 0],
        )
        lag = np.where((after > before) & (lag < high - 1), lag + 1, lag)
    voiced = best[:, 0] > _VOICED
    if voiced.sum() < 5:
        return 0.0
    return float(np.median(SAMPLE_RATE_HZ / lag[voiced]))


def speech_seconds(samples: Samples) -> float:
    """Time with speech in it, pauses left out."""
    return float(speech_frames(samples)[0].sum()) / 100


def level_dbfs(samples: Samples) -> float:
    """RMS of the frames with speech, in dB against full scale."""
    loud, count = speech_frames(samples)
    if not loud.any():
        return -90.0
    frames = samples[: count * 160].reshape(count, 160)[loud]
    return float(10 * np.log10(np.mean(frames**2) + 1e-10))


def syllables(words: str) -> int:
    """About how many: groups of vowels, a silent final e left out. Enough for a rate of speech."""
    total = 0
    for word in words.split():
        groups, inside = 0, False
        for letter in word:
            vowel = letter in "aeiouy"
            groups += vowel and not inside
            inside = vowel
        if word.endswith("e") and not word.endswith("le") and groups > 1:
            groups -= 1
        total += max(groups, 1)
    return total
