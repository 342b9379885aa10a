"""`VoiceMeter`: what has been measured of the voice of one turn, and of what else is heard in it. It knows no words.

Steps of the encoder are pushed as they come; `measure` says what they come to, with steps that may yet be taken back
(a tentative end) beside them. Only sums over frames go in, so it does not matter how the audio was cut.

What is speech, and its level, is decided as the training data decide it (`training.data.measures`), so that a number
measured here means what it meant in a lesson; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from streaming_encoder.pitch_meter import PitchMeter
from streaming_encoder.sound_meter import SoundMeter, Sounds

SLOTS = 8  # of 10 ms in a frame of 80 ms
SLOT_S = 0.01
# Quieter than the loudest 10 ms by this much, or than the floor: no speech. Weak fricatives are about -35 dB.
BELOW_PEAK_DB = 38.0
FLOOR_DB = -75.0
PAUSE_SLOTS = 8  # a stop consonant's closure is shorter than 80 ms
_POWER_FLOOR = 1e-10


@dataclass(frozen=True, slots=True)
class VoiceFrames:
    """What is measured of n frames of 80 ms, float32.

    power: [n, 8], mean square of each 10 ms. samples: [n * 1280], the sound itself.
    """

    power: torch.Tensor
    samples: torch.Tensor


@dataclass(frozen=True, slots=True)
class Voice:
    """The voice of a turn. pitch_hz: median; None where too little is voiced. level_dbfs: RMS of what is speech.

    sounds: what is heard besides.
    """

    pitch_hz: float | None
    level_dbfs: float
    speech_s: float
    sounds: Sounds = field(compare=False)


class VoiceMeter:
    """Gathers the frames of one turn."""

    def __init__(self) -> None:
        self._frames: list[VoiceFrames] = []
        self._pitch = PitchMeter()
        self._sounds = SoundMeter()

    def reset(self) -> None:
        """A new turn."""
        self._frames.clear()
        self._pitch.reset()
        self._sounds.reset()

    def push(self, frames: VoiceFrames) -> None:
        """The next frames of the turn."""
        self._frames.append(replace(frames, samples=torch.empty(0)))  # the sound itself is not kept
        samples = frames.samples.cpu().numpy()
        self._pitch.push(samples)
        self._sounds.push(samples)

    def measure(self, tail: Iterable[VoiceFrames] = ()) -> Voice | None:
        """The voice so far, as if `tail` belonged to the turn; None where nobody spoke. Changes nothing."""
        ahead = list(tail)
        frames = [*self._frames, *ahead]
        if not frames:
            return None
        power = torch.cat([of.power for of in frames]).cpu().numpy().astype(np.float64)
        loud = _speech(power.reshape(-1))
        if not loud.any():
            return None
        samples = _samples(ahead)
        return Voice(
            pitch_hz=self._pitch.measure(samples),
            level_dbfs=float(10.0 * np.log10(power.reshape(-1)[loud].mean() + _POWER_FLOOR)),
            speech_s=float(loud.sum()) * SLOT_S,
            sounds=self._sounds.measure(power.reshape(-1), samples),
        )


def _samples(frames: list[VoiceFrames]) -> npt.NDArray[np.float32]:
    """The sound of some frames, float32 [n]."""
    return np.concatenate([np.empty(0, np.float32), *(of.samples.cpu().numpy() for of in frames)])


def _speech(power: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which 10 ms are speech: loud ones, and what lies between two of them for no longer than a stop's closure."""
    level = 10.0 * np.log10(power + _POWER_FLOOR)
    loud: npt.NDArray[np.bool_] = level > max(float(level.max()) - BELOW_PEAK_DB, FLOOR_DB)
    at = np.flatnonzero(loud)
    apart = np.diff(at)
    for pause in np.flatnonzero((apart > 1) & (apart <= PAUSE_SLOTS + 1)):
        loud[at[pause] : at[pause + 1]] = True
    return loud
