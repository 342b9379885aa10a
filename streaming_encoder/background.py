"""What is behind a voice: quiet, noise, music or a hum. Heard where nobody speaks yet, at the beginning of the turn.

Knows a turn's first samples and how loud it becomes; no state.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from streaming_encoder.sound_slots import HOP, RATE_HZ

Background = Literal["quiet", "noise", "music", "hum"]

# The lead of a turn that is listened to, and what is too short to be told: a period of a hum is 20 ms.
LEAD_SLOTS, LEAST_SLOTS = 26, 16
# Somebody speaks from where it stays this much louder than the lead's middle, 8 of the next 10 slots.
SPEECH_DB = 12.0
# Against the loud part of the turn. A quiet room is 40 dB down or more, and one that is heard 25 dB at most; in between
# it is a matter of taste.
QUIET_DB, HEARD_DB = -38.0, -28.0
# 100 ms are five periods of 50 Hz and six of 60 Hz: a hum is the same again, whichever it is.
HUM_LAG, HUM_CORRELATION = RATE_HZ // 10, 0.95
# Notes stand above what is between them; noise has no such lines. Of the spectrum from 150 to 2000 Hz, less its course.
MUSIC_DB, MUSIC_BAND_HZ = 6.0, (150.0, 2000.0)
_WINDOW, _WINDOW_HOP, _COURSE_BINS = 2048, 512, 12
_FLOOR = 1e-14


def background(lead: npt.NDArray[np.float32], power: npt.NDArray[np.float64]) -> Background | None:
    """Of the first float32 [m] samples of a turn, and the mean square [n] of each of its 10 ms. None where unsure."""
    level = 10.0 * np.log10(power + 1e-12)
    length = min(_silence(level), len(lead) // HOP)
    if length < LEAST_SLOTS:
        return None
    lead = lead[: length * HOP]
    behind = 10.0 * float(np.log10(np.mean(lead.astype(np.float64) ** 2) + 1e-12))
    behind -= float(np.percentile(level, 90))
    if behind <= QUIET_DB:
        return "quiet"
    if behind < HEARD_DB:
        return None
    if _repeats(lead) > HUM_CORRELATION:
        return "hum"
    return "music" if _lines_db(lead) > MUSIC_DB else "noise"


def _silence(level: npt.NDArray[np.float64]) -> int:
    """How many slots of the lead pass before somebody speaks."""
    lead = level[:LEAD_SLOTS]
    if len(lead) < LEAST_SLOTS:
        return 0
    loud = level[: LEAD_SLOTS + 10] > np.median(lead[:LEAST_SLOTS]) + SPEECH_DB
    for slot in np.flatnonzero(loud[:LEAD_SLOTS]):
        if loud[slot : slot + 10].sum() >= 8:
            return int(slot)
    return len(lead)


def _repeats(lead: npt.NDArray[np.float32]) -> float:
    """Correlation with itself 100 ms later, -1..1."""
    early, late = lead[:-HUM_LAG].astype(np.float64), lead[HUM_LAG:].astype(np.float64)
    return float(early @ late / np.sqrt((early @ early) * (late @ late) + _FLOOR))


def _lines_db(lead: npt.NDArray[np.float32]) -> float:
    """How far a spectrum's bins lie from the median around each."""
    windows = np.lib.stride_tricks.sliding_window_view(lead, _WINDOW)[::_WINDOW_HOP]
    power = np.mean(np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))) ** 2, 0)
    low, high = (round(hz * _WINDOW / RATE_HZ) for hz in MUSIC_BAND_HZ)
    level = 10.0 * np.log10(power[low:high] + _FLOOR)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(level, _COURSE_BINS, "edge"), 2 * _COURSE_BINS + 1)
    return float(np.std(level - np.median(around, 1)))
