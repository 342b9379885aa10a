"""What lies under a recording, in its pauses and behind it: the same in both, or silence itself would tell an end.

own     as it was recorded
cut     no sound at all in the pauses that were put in and behind the end: a client that sends a file
gated   no sound wherever the voice is quiet: the noise suppression of a browser or a headset
noise   one of the noises that the model learned with, under everything
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from benchmarks.samples import RATE_HZ, Pcm16
from training.data import sounds
from training.data.rooms import rms

SHARES = {"own": 0.35, "cut": 0.2, "gated": 0.15, "noise": 0.3}
SNR_DB = (12.0, 32.0)  # of the whole recording, its pauses included
FADE = RATE_HZ // 50  # 20 ms
# The gate: what lies so far below the loudest tenth of frames is shut out, with so much kept around what is heard.
GATE_DB = (30.0, 45.0)
FRAME = RATE_HZ // 100
HOLD_FRAMES = (4, 12)


def laid(kind: str, pcm: Pcm16, quiet: Sequence[tuple[int, int]], random: np.random.Generator) -> Pcm16:
    """`pcm` (int16 [n], 16 kHz) over the background `kind`; quiet: where pauses and the tail lie, in samples."""
    if kind == "own":
        return pcm
    sound = pcm.astype(np.float32) / np.float32(32768)
    if kind == "cut":
        sound *= _outside(quiet, len(sound))
    elif kind == "gated":
        sound *= _gate(sound, random)
    else:
        noise = sounds.noise(random.choice(sounds.NOISES, p=sounds.NOISE_SHARES), len(sound), random)
        sound += noise * (rms(sound) * 10 ** (-random.uniform(*SNR_DB) / 20) / rms(noise))
    return np.asarray(np.clip(np.rint(sound * 32768), -32768, 32767), np.int16)


def _outside(quiet: Sequence[tuple[int, int]], length: int) -> npt.NDArray[np.float32]:
    """1 outside `quiet`, 0 inside, with ramps of `FADE` inside."""
    gain = np.ones(length, np.float32)
    for begin, end in quiet:
        gain[begin:end] = 0
        head, tail = gain[begin : begin + FADE], gain[max(begin, end - FADE) : end]
        head[:] = np.linspace(1, 0, len(head))
        if end < length:
            tail[:] = np.linspace(0, 1, len(tail))
    return gain


def _gate(sound: npt.NDArray[np.float32], random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Gain 0..1: 0 where the voice is quiet, smooth over a frame."""
    frames = np.square(sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)).mean(axis=1)
    levels = 10 * np.log10(frames + 1e-10)
    is_open = levels > np.percentile(levels, 90) - random.uniform(*GATE_DB)
    is_open = maximum_filter1d(is_open, 2 * int(random.integers(*HOLD_FRAMES)) + 1)
    gain = np.repeat(is_open.astype(np.float32), FRAME)
    gain = np.concatenate([gain, np.zeros(len(sound) - len(gain), np.float32)])
    return np.asarray(uniform_filter1d(gain, FRAME), np.float32)
