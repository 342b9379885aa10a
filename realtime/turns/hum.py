"""Hums: "mm", "mm-hm", the sounds of somebody who listens. A voice with closed lips; nothing is said in them.

The nose lets little out above its first formant near 250 Hz (Stevens, Acoustic Phonetics), while every vowel has a
second one above 600 Hz that is less than 25 dB weaker. Of the recordings' voiced frames this takes one in ten for a hum
(nasals, and vowels that fade), which delays a barge-in by a frame or two; no file's longest run of others is shorter
than ten.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from realtime.turns.decisions import SAMPLE_RATE_HZ

CUTOFF_HZ = 600.0
LEAST_ABOVE_DB = -25.0


def is_hum(frame: npt.NDArray[np.float32]) -> bool:
    """Whether a voiced frame (float32 [n], 16 kHz) has next to nothing above `CUTOFF_HZ`."""
    power = np.square(np.abs(np.fft.rfft(frame * np.hanning(len(frame)))))
    above = float(power[round(CUTOFF_HZ * len(frame) / SAMPLE_RATE_HZ) :].sum())
    return above < 10 ** (LEAST_ABOVE_DB / 10) * float(power.sum())
