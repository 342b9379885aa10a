"""Where each word ends, estimated from the sound: shares of the voiced time, pauses left out. Pure."""

from __future__ import annotations

import numpy as np

from training.data.voices.talker import Samples
from training.items import SAMPLE_RATE_HZ

_FRAME_MS = 10
_FRAME_SAMPLES = SAMPLE_RATE_HZ * _FRAME_MS // 1000
_BELOW_PEAK_DB = 38.0  # quieter than the loudest frame by this much: no speech. Weak fricatives are about −35 dB
_PAUSE_FRAMES = 8  # a stop consonant's closure is shorter than 80 ms


def letters_weight(word: str) -> float:
    """A word's share of the time where its phonemes are not known; short words are not as short as their letters."""
    return 1.5 + len(word.replace("'", ""))


def speech_frames(samples: Samples) -> tuple[np.ndarray, int]:
    """bool [frames] of 10 ms: speech, with closures filled and pauses left; and the count of frames."""
    count = len(samples) // _FRAME_SAMPLES
    if count == 0:
        return np.zeros(0, bool), 0
    frames = samples[: count * _FRAME_SAMPLES].reshape(count, _FRAME_SAMPLES)
    power = np.einsum("ij,ij->i", frames, frames) / _FRAME_SAMPLES
    level = 10 * np.log10(power + 1e-10)
    loud = level > max(float(level.max()) - _BELOW_PEAK_DB, -75.0)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.view(np.int8), [0]))))
    starts, ends = edges[::2], edges[1::2]
    for end, start in zip(ends[:-1], starts[1:], strict=True):
        if start - end <= _PAUSE_FRAMES:
            loud[end:start] = True
    return loud, count


def word_ends(samples: Samples, weights: tuple[float, ...]) -> tuple[int, ...]:
    """ms from the first sample at which each word ends; non-decreasing, one for each weight."""
    if not weights:
        return ()
    loud, count = speech_frames(samples)
    if not loud.any():
        end = len(samples) * 1000 // SAMPLE_RATE_HZ
        return tuple(int(end * share) for share in np.cumsum(weights) / sum(weights))
    spoken = np.cumsum(loud)
    wanted = np.cumsum(weights) / sum(weights) * spoken[-1]
    frames = np.searchsorted(spoken, np.maximum(wanted - 1e-6, 1.0))
    return tuple(int(min(frame, count - 1) + 1) * _FRAME_MS for frame in frames)
