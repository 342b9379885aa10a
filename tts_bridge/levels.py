"""Silence and rate of a piece of speech: where it is voiced, trimming, pauses, resampling. Pure functions on int16.

Knows nothing of text or of voices.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.int16]

# −46 dBFS. Synthetic voices are silent below −60 dBFS between words; the quietest fricative is above −45.
AUDIBLE = round(32_768 * 10 ** (-46 / 20))

# The onset of an f or th rises slowly, so a little of what precedes the threshold belongs to the word.
LEADING_MS = 10

# Short enough not to dull a consonant, long enough not to click.
EDGE_FADE_MS = 2


def samples_of(milliseconds: float, sample_rate_hz: int) -> int:
    return round(milliseconds * sample_rate_hz / 1000)


def voiced_span(samples: Samples) -> tuple[int, int]:
    """First audible sample and one past the last, or (0, 0) where nothing is audible. `samples` is int16 [n]."""
    # −32768 has no positive int16, hence two comparisons and no abs().
    audible = np.flatnonzero((samples >= AUDIBLE) | (samples <= -AUDIBLE))
    if not len(audible):
        return 0, 0
    return int(audible[0]), int(audible[-1]) + 1


def is_noise(samples: Samples) -> bool:
    """Whether int16 [n] is loud white noise: what a compressed or text file sounds like when it is taken for PCM.

    Speech crosses zero in about a tenth of its samples, and in half of them only where an s or f is, which is quiet.
    """
    if len(samples) < 2:
        return False
    loudness = float(np.sqrt(np.mean(np.square(samples, dtype=np.float32))))
    crossings = float(np.mean(np.signbit(samples[1:]) != np.signbit(samples[:-1])))
    return loudness > 32_768 * 0.2 and crossings > 0.35


def trim_silence(
    samples: Samples, sample_rate_hz: int, *, leading_ms: float = LEADING_MS, trailing_ms: float = 100
) -> Samples:
    """At most `leading_ms` before the first and `trailing_ms` after the last audible sample; [0] if none is audible."""
    start, end = voiced_span(samples)
    if end == 0:
        return samples[:0]
    start = max(0, start - samples_of(leading_ms, sample_rate_hz))
    end = min(len(samples), end + samples_of(trailing_ms, sample_rate_hz))
    return samples[start:end]


def with_pause(samples: Samples, sample_rate_hz: int, pause_ms: float) -> Samples:
    """The same speech followed by exactly `pause_ms` of near silence, without a click at either edge. int16 [n]."""
    trimmed = trim_silence(samples, sample_rate_hz, trailing_ms=pause_ms)
    if not len(trimmed):
        return trimmed
    _, end = voiced_span(trimmed)
    missing = max(0, end + samples_of(pause_ms, sample_rate_hz) - len(trimmed))
    faded = trimmed.astype(np.float32)
    edge = min(samples_of(EDGE_FADE_MS, sample_rate_hz), len(faded))
    ramp = np.linspace(0.0, 1.0, edge, dtype=np.float32)
    faded[:edge] *= ramp
    if pause_ms >= EDGE_FADE_MS:
        faded[len(faded) - edge :] *= ramp[::-1]
    return np.concatenate([faded.round().astype(np.int16), np.zeros(missing, np.int16)])


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """One finished piece of speech at another rate: int16 [n] in, int16 [n · to_hz / from_hz] out.

    For whole clauses only: a stream that is cut in pieces needs a resampler with memory.
    """
    if from_hz == to_hz or not len(samples):
        return samples
    resampled: Samples = np.asarray(soxr.resample(samples, from_hz, to_hz, quality="HQ"), dtype=np.int16)
    return resampled


@lru_cache(maxsize=16)
def fade_out(length: int) -> npt.NDArray[np.float32]:
    """A ramp from just under 1 to 0, float32 [length]."""
    ramp = np.linspace(1.0, 0.0, length + 1, dtype=np.float32)[1:]
    ramp.flags.writeable = False
    return ramp


def ready_for_playout(samples: Samples, from_hz: int, to_hz: int, pause_ms: float) -> Samples:
    """A voice's clause as the playout wants it: at its rate, with the clause's own pause behind it. int16 [n]."""
    return with_pause(resample(samples, from_hz, to_hz), to_hz, pause_ms)
