"""`PitchMeter`: how high the voice of one turn is. It knows samples, not words or turns.

Windows of 40 ms on a fixed grid, each read alone: the peak of the normalised autocorrelation, divided by that of the
Hann window and with a price on every octave further down (Boersma 1993, without its path search). The adapter's numbers
(`prosody`) come of 80 ms, in which an intonation may move by a tenth: the period then fits badly, a fraction of it
nearly as well, and a man is taken for a woman. They stay as the adapter was taught them; what is said of a voice is
measured here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
WINDOW, HOP = 640, 320  # 40 ms: three periods of 75 Hz; every 20 ms
LOWEST_HZ, HIGHEST_HZ = 65, 450
# What a period twice as long must be better by. On clips of known pitch 0.005 to 0.02 were as good; 0.05 was not.
OCTAVE_COST = 0.01
# Falling from the one to the other. Above them are harmonics so fine that half a sample beside the period costs more.
PASS_HZ = (2000.0, 3000.0)
LEAST_PERIODICITY = 0.55
LEAST_WINDOWS = 5
# Of the windows that are not silent, those count that are no more than 13 dB below the loud ones.
BELOW_PEAK_DB, BELOW_LOUD_DB, LOUD_PERCENTILE = 38.0, 13.0, 95.0
_FLOOR = 1e-12

Samples = npt.NDArray[np.float32]

_HANN = np.hanning(WINDOW).astype(np.float32)
_SHORTEST, _LONGEST = RATE_HZ // HIGHEST_HZ, RATE_HZ // LOWEST_HZ  # periods, in samples
_GAIN = np.clip((PASS_HZ[1] - np.fft.rfftfreq(2 * WINDOW, 1 / RATE_HZ)) / (PASS_HZ[1] - PASS_HZ[0]), 0, 1)


def _correlation(windows: npt.NDArray[np.float32], gain: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of each with itself, at lags of 0 and of every period and one more at either end: [n, 1 + periods + 2]."""
    spectrum = np.fft.rfft(windows, 2 * WINDOW)
    whole = np.fft.irfft((spectrum.real**2 + spectrum.imag**2) * gain, 2 * WINDOW)
    found: npt.NDArray[np.float64] = np.concatenate([whole[:, :1], whole[:, _SHORTEST - 1 : _LONGEST + 2]], 1)
    return found


_OF_HANN = _correlation(_HANN[None], np.ones_like(_GAIN))[0]
_PRICE = OCTAVE_COST * np.log2(np.arange(_SHORTEST, _LONGEST + 1) / _SHORTEST)


@dataclass(frozen=True, slots=True)
class Windows:
    """What was found in n windows, each [n]: mean square, pitch, and the periodicity at it, 0..1 (0: no peak)."""

    power: npt.NDArray[np.float64]
    hz: npt.NDArray[np.float64]
    periodicity: npt.NDArray[np.float64]


class PitchMeter:
    """Gathers the windows of one turn: 24 bytes for each 20 ms."""

    def __init__(self) -> None:
        self._windows: list[Windows] = []
        self._rest = np.empty(0, np.float32)  # of windows that are not whole yet

    def reset(self) -> None:
        """A new turn."""
        self._windows.clear()
        self._rest = np.empty(0, np.float32)

    def push(self, samples: Samples) -> None:
        """The next float32 [n] samples of the turn, 16 kHz, in [-1, 1]."""
        windows, self._rest = _read(self._rest, samples)
        self._windows.append(windows)

    def measure(self, tail: Samples) -> float | None:
        """Median pitch in Hz as if `tail` belonged to the turn; None where too little is voiced. Changes nothing."""
        of = [*self._windows, _read(self._rest, tail)[0]]
        power = np.concatenate([windows.power for windows in of])
        hz = np.concatenate([windows.hz for windows in of])
        periodicity = np.concatenate([windows.periodicity for windows in of])
        if not len(power):
            return None
        loud = np.percentile(power[power >= power.max() * 10 ** (-BELOW_PEAK_DB / 10)], LOUD_PERCENTILE)
        voiced = (periodicity > LEAST_PERIODICITY) & (power > loud * 10 ** (-BELOW_LOUD_DB / 10))
        return float(np.median(hz[voiced])) if voiced.sum() >= LEAST_WINDOWS else None


def _read(rest: Samples, samples: Samples) -> tuple[Windows, Samples]:
    """The windows that `samples` make whole behind `rest`, and what is left for the next."""
    samples = np.concatenate([rest, samples])
    if len(samples) < WINDOW:
        nothing = np.empty(0)
        return Windows(nothing, nothing, nothing), samples
    cut = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    return _measured(cut), samples[len(cut) * HOP :]


def _measured(cut: npt.NDArray[np.float32]) -> Windows:
    """Of windows [n, 640]."""
    level = cut - cut.mean(1, keepdims=True)
    found = _correlation(level * _HANN, _GAIN)
    # Divided by the window's own correlation, so that a long period is not at a disadvantage.
    relative = found / (found[:, :1] + _FLOOR) / (_OF_HANN / _OF_HANN[0])
    before, inner, after = relative[:, 1:-2], relative[:, 2:-1], relative[:, 3:]  # [n, periods]
    is_peak = (inner >= before) & (inner >= after)
    # A peak lies between two samples: on the parabola through three of them.
    bend = np.where(is_peak, np.minimum(before - 2 * inner + after, -_FLOOR), -1.0)
    aside = 0.5 * (before - after) / bend  # of a peak, -0.5..0.5 samples
    height = np.where(is_peak, inner - 0.25 * (before - after) * aside, -np.inf)  # of the peaks
    best = (height - _PRICE).argmax(1)[:, None]
    found_height, found_aside = np.take_along_axis(height, best, 1)[:, 0], np.take_along_axis(aside, best, 1)[:, 0]
    periodicity = np.maximum(found_height, 0.0)
    hz = RATE_HZ / (best[:, 0] + _SHORTEST + np.where(periodicity > 0, found_aside, 0.0))
    power = np.einsum("ij,ij->i", level, level, dtype=np.float64) / WINDOW
    return Windows(power, hz, periodicity)
