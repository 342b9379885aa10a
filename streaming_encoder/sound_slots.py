"""The spectrum of each 10 ms in a few numbers: how loud, how tonal, at what pitch, in which bands. It has no weights.

What `streaming_encoder.sounds` finds beeps, claps and tones in. The windows lie on a fixed grid from the turn's first
sample on, and each number depends on the samples of its own window only, so it does not matter how the audio was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

RATE_HZ = 16_000
HOP = 160
SLOTS_PER_S = RATE_HZ // HOP
# 32 ms: two partials a third apart are told apart from 250 Hz up, and a gap of 120 ms between two beeps is seen.
WINDOW = 512
BIN_HZ = RATE_HZ / WINDOW
# Where the strongest partial is looked for, 187 to 3344 Hz: below lie hum and a man's voice, above an s.
_LOWEST_BIN, _HIGHEST_BIN = 6, 108
_PEAK_BINS = 2  # to either side: the main lobe of a Hann window
# In a room the octave of a tone may be louder than the tone. Then a partial stands an octave below the strongest, with
# at least this share of its power, and most of what is around it: that one is the tone.
_OCTAVE_SHARE, _OCTAVE_STANDS_OUT = 0.05, 0.8
# Edges of the bands, in bins: 125, 500, 1000, 2000, 4000 and 8000 Hz.
_BAND_EDGES = (4, 16, 32, 64, 128, 257)
BANDS = len(_BAND_EDGES) - 1
_FLOOR = 1e-12
_HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
_SCALE = np.float32(2.0 / (WINDOW * 0.375 * WINDOW))  # the powers of all bins add up to the mean square


@dataclass(frozen=True, slots=True)
class Slots:
    """n windows, one every 10 ms, float32.

    hz: [n], of the strongest partial. tonal: [n], its share in the power above 125 Hz, together with its octave, 0..1.
    tone_db: [n], its level. level_db: [n], of everything above 125 Hz. bands_db: [n, BANDS], mean density of each band.
    """

    hz: Floats
    tonal: Floats
    tone_db: Floats
    level_db: Floats
    bands_db: Floats

    def __len__(self) -> int:
        return len(self.hz)


def joined(parts: Sequence[Slots]) -> Slots:
    """One behind the other; at least one."""
    if len(parts) == 1:
        return parts[0]
    return Slots(*(np.concatenate([getattr(part, name) for part in parts]) for name in Slots.__slots__))


def latest(of: Slots, count: int) -> Slots:
    """The last `count`, or all where there are fewer."""
    return Slots(*(getattr(of, name)[-count:] for name in Slots.__slots__))


def slots(samples: Floats) -> Slots:
    """Of float32 [m] samples in [-1, 1]: as many whole windows as lie in them, one every HOP."""
    if len(samples) < WINDOW:
        none = np.empty(0, np.float32)
        return Slots(none, none, none, none, np.empty((0, BANDS), np.float32))
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.fft.rfft(windows * _HANN)
    power = (spectrum.real**2 + spectrum.imag**2) * _SCALE  # [n, WINDOW / 2 + 1]
    rows = np.arange(len(power))
    sums = np.zeros((len(power), power.shape[1] + 1))
    np.cumsum(power, 1, out=sums[:, 1:])

    def within(at: npt.NDArray[np.intp], bins: int) -> npt.NDArray[np.float64]:
        """Power of the bins `at` and `bins` to either side."""
        found: npt.NDArray[np.float64] = sums[rows, at + bins + 1] - sums[rows, np.maximum(at - bins, 0)]
        return found

    peak = _LOWEST_BIN + power[:, _LOWEST_BIN:_HIGHEST_BIN].argmax(1)
    first = within(peak, _PEAK_BINS)
    half = (peak + 1) // 2
    below = within(half, _PEAK_BINS)
    stands_out = below > _OCTAVE_STANDS_OUT * within(half, 2 * _PEAK_BINS)
    is_octave = (half > _LOWEST_BIN) & (below > _OCTAVE_SHARE * first) & stands_out
    # An octave's bin is twice the rounded one: one bin more to either side.
    other = np.where(is_octave, below, within(2 * peak, _PEAK_BINS + 1))
    # The top of the parabola through three log bins, which for a Hann window is within 2 Hz.
    low, mid, high = (np.log(power[rows, peak + by] + _FLOOR**2) for by in (-1, 0, 1))
    bend = np.minimum(low - 2 * mid + high, -_FLOOR)
    hz = (peak + np.clip(0.5 * (low - high) / bend, -0.5, 0.5)) * BIN_HZ
    total = sums[:, -1] - sums[:, _BAND_EDGES[0]]
    bands = np.diff(sums[:, _BAND_EDGES]) / np.diff(_BAND_EDGES)
    return Slots(
        hz=np.asarray(np.where(is_octave, hz / 2, hz), np.float32),
        tonal=np.asarray((first + other) / (total + _FLOOR), np.float32),
        tone_db=_db(first + np.where(is_octave, below, 0.0)),
        level_db=_db(total),
        bands_db=_db(bands),
    )


def _db(power: npt.NDArray[np.float64]) -> Floats:
    return np.asarray(10.0 * np.log10(np.maximum(power, 0.0) + _FLOOR), np.float32)
