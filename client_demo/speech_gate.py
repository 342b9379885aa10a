"""Where the speech is in samples that we hold, by energy alone. It knows nothing of files, wires or models.

The gate is deliberately simple: it must be the same for every server that is measured, and anyone can repeat it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]

FULL_SCALE = 32768.0
SILENCE_DBFS = -120.0  # what digital silence is called, so that levels stay finite

# A question: 10 ms is finer than the 20 ms packets in which it leaves, so the gate adds no error of its own.
GATE_FRAME_MS = 10
# -45 dBFS is above the noise floor of a quiet room; 35 dB under the loudest frame keeps weak final consonants of a
# loud recording in and its breath and reverberation out. Where the room itself is louder than that, speech is what
# rises above it: the background is the level that one frame in twenty stays under, at most -45 dBFS, because a
# recording without a pause has no background to tell. The strictest of the three decides.
GATE_FLOOR_DBFS = -45.0
GATE_BELOW_PEAK_DB = 35.0
GATE_BACKGROUND_PERCENTILE = 5
GATE_ABOVE_BACKGROUND_DB = 10.0
GATE_BACKGROUND_CEILING_DBFS = -45.0
# An answer: a packet with speech in it. Comfort noise and codec residue of silence lie 10 dB and more below this.
PACKET_SPEECH_DBFS = -50.0
PACKET_MS = 20


def level_dbfs(pcm: Pcm) -> float:
    """RMS level of `pcm` (int16 [n]) in dB relative to full scale; `SILENCE_DBFS` for silence or nothing."""
    if pcm.size == 0:
        return SILENCE_DBFS
    mean_square = float(np.mean(np.square(pcm.astype(np.float64)))) / (FULL_SCALE * FULL_SCALE)
    return max(SILENCE_DBFS, 10.0 * float(np.log10(mean_square))) if mean_square > 0 else SILENCE_DBFS


def frame_levels_dbfs(pcm: Pcm, sample_rate_hz: int, frame_ms: int = GATE_FRAME_MS) -> npt.NDArray[np.float64]:
    """RMS level of each whole or started frame of `pcm` (int16 [n]): float64 [ceil(n / frame)]."""
    frame = sample_rate_hz * frame_ms // 1000
    count = -(-pcm.size // frame)
    if count == 0:
        return np.empty(0, dtype=np.float64)
    padded = np.zeros(count * frame, dtype=np.float64)
    padded[: pcm.size] = pcm
    mean_square = np.mean(np.square(padded.reshape(count, frame)), axis=1) / (FULL_SCALE * FULL_SCALE)
    levels = 10.0 * np.log10(np.maximum(mean_square, 10.0 ** (SILENCE_DBFS / 10.0)))
    return np.asarray(levels, dtype=np.float64)


def voiced_ends(pcm: Pcm, sample_rate_hz: int) -> npt.NDArray[np.int64]:
    """Sample positions at which a voiced 10 ms frame of `pcm` (int16 [n]) ends, rising: int64 [voiced frames].

    The last one is the end of speech. A frame is voiced when its RMS level passes the strictest of
    `GATE_FLOOR_DBFS`, the loudest frame's level less `GATE_BELOW_PEAK_DB`, and the background's level and
    `GATE_ABOVE_BACKGROUND_DB`.
    """
    levels = frame_levels_dbfs(pcm, sample_rate_hz)
    if levels.size == 0:
        return np.empty(0, dtype=np.int64)
    background = min(float(np.percentile(levels, GATE_BACKGROUND_PERCENTILE)), GATE_BACKGROUND_CEILING_DBFS)
    gate = max(GATE_FLOOR_DBFS, float(levels.max()) - GATE_BELOW_PEAK_DB, background + GATE_ABOVE_BACKGROUND_DB)
    frame = sample_rate_hz * GATE_FRAME_MS // 1000
    ends = (np.flatnonzero(levels > gate) + 1) * frame
    return np.minimum(ends, pcm.size).astype(np.int64)


def has_speech(pcm: Pcm, sample_rate_hz: int) -> bool:
    """Whether one 20 ms frame of a received packet (int16 [n]) is louder than `PACKET_SPEECH_DBFS`."""
    return bool(np.any(frame_levels_dbfs(pcm, sample_rate_hz, PACKET_MS) > PACKET_SPEECH_DBFS))
