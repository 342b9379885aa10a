"""Streaming resampler to 16 kHz with 1.5 ms of delay. It knows samples, not packets, clocks or gaps.

Why not soxr, which is a better filter: its streams work in FFT blocks and hold back 20 ms (LQ) to 37 ms (HQ) of a
48 kHz stream, its only quality without delay (QQ) does not filter at all, and every one of those milliseconds is paid
in each turn (`benchmarks/media.py resampler`). The rates on our wires are all small ratios of 48 kHz, so one short
polyphase filter serves them.

Any split of the input gives the same samples, to the bit: the coefficients are integers, and sums of integer
products below 2**53 are exact in float64 whatever order they are added in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.errors import AudioError

OUTPUT_RATE_HZ = 16_000
INPUT_RATES_HZ = (8_000, 16_000, 24_000, 48_000)

# The filter lives on the 48 kHz grid, the least common multiple of all the rates.
_GRID_RATE_HZ = 48_000
_DECIMATION = _GRID_RATE_HZ // OUTPUT_RATE_HZ
# 1.5 ms each side: a transition band of 1.2 kHz at 60 dB, which is 6.8 to 8 kHz for the wide-band rates.
_HALF_TAPS = 72
_KAISER_BETA = 5.65  # 60 dB of stop band (Kaiser's formula, 0.1102 (A - 8.7))
_TRANSITION_HZ = 1_200
_SCALE = 1 << 20  # coefficient steps of -120 dB, far below 16-bit audio


def _lowpass(rate_hz: int) -> NDArray[np.float64]:
    """Integer-valued coefficients [2 * _HALF_TAPS + 1] on the 48 kHz grid, gain `upsampling` times _SCALE."""
    nyquist_hz = min(rate_hz, OUTPUT_RATE_HZ) / 2
    cutoff = (nyquist_hz - _TRANSITION_HZ / 2) / _GRID_RATE_HZ
    at = np.arange(-_HALF_TAPS, _HALF_TAPS + 1)
    taps = 2 * cutoff * np.sinc(2 * cutoff * at) * np.kaiser(2 * _HALF_TAPS + 1, _KAISER_BETA)
    upsampling = _GRID_RATE_HZ // rate_hz
    # Each phase must pass a constant unchanged, or upsampling would add a whistle at the input rate.
    for phase in range(upsampling):
        taps[phase::upsampling] /= taps[phase::upsampling].sum()
    coefficients: NDArray[np.float64] = np.round(taps * _SCALE)
    return coefficients


class Resampler:
    """One stream of int16 mono audio to 16 kHz; sample k of the output is at the time of k / 16000 s of the input.

    `push(int16 [n]) -> int16 [m]`: every output sample whose filter is complete. Raises AudioError for a rate that is
    not one of INPUT_RATES_HZ or samples that are not one-dimensional int16.
    """

    def __init__(self, input_rate_hz: int) -> None:
        if input_rate_hz not in INPUT_RATES_HZ:
            raise AudioError(f"audio at {input_rate_hz} Hz is not supported, use one of {INPUT_RATES_HZ}", param="rate")
        self.input_rate_hz = input_rate_hz
        self.input_samples = 0
        self.output_samples = 0
        if input_rate_hz == OUTPUT_RATE_HZ:
            self._phases: list[NDArray[np.float64]] = []
            self.delay_ms = 0.0
            return
        self._up = _GRID_RATE_HZ // input_rate_hz
        taps = _lowpass(input_rate_hz)
        # Phase p is used by outputs that fall p grid steps after an input sample; reversed for a forward dot product.
        self._phases = [taps[phase :: self._up][::-1].copy() for phase in range(self._up)]
        self.delay_ms = _HALF_TAPS * 1000 / _GRID_RATE_HZ
        self._history = np.zeros(2 * _HALF_TAPS // self._up + 1, dtype=np.float64)
        # Input position of _history[0]: the zeros stand for what was before the stream began.
        self._history_at = -len(self._history)

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]:
        if pcm.ndim != 1 or pcm.dtype != np.int16:
            raise AudioError(f"expected int16 samples in one dimension, got {pcm.dtype} in {pcm.ndim}")
        self.input_samples += len(pcm)
        if not self._phases:
            self.output_samples += len(pcm)
            return pcm
        known = np.concatenate([self._history, pcm])
        # Output k needs the grid up to 3k + _HALF_TAPS, that is, inputs up to floor of it / up.
        last_grid = (self.input_samples - 1) * self._up + (self._up - 1)
        end = max(self.output_samples, (last_grid - _HALF_TAPS) // _DECIMATION + 1)
        out = self._filter(known, self.output_samples, end)
        self.output_samples = end
        first_needed = -((_HALF_TAPS - end * _DECIMATION) // self._up)  # ceil((3 end - half) / up)
        drop = min(max(0, first_needed - self._history_at - 1), len(known))
        self._history = known[drop:]
        self._history_at += drop
        return out

    def _filter(self, known: NDArray[np.float64], begin: int, end: int) -> NDArray[np.int16]:
        """Outputs [begin, end) from `known`, whose first sample has the input position _history_at."""
        grid = np.arange(begin, end, dtype=np.int64) * _DECIMATION + _HALF_TAPS
        newest, phase = np.divmod(grid, self._up)
        sums = np.empty(end - begin, dtype=np.float64)
        for p, taps in enumerate(self._phases):
            mine = phase == p
            if mine.any():
                windows = np.lib.stride_tricks.sliding_window_view(known, len(taps))
                sums[mine] = windows[newest[mine] - self._history_at - (len(taps) - 1)] @ taps
        return np.clip(np.round(sums / _SCALE), -32768, 32767).astype(np.int16)
