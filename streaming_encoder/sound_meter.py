"""`SoundMeter`: what is heard in one turn besides words. It knows samples, not words or turns.

Samples are pushed as they come and become numbers of 10 ms each (`sound_slots`); `measure` says what they come to, with
samples that may yet be taken back (a tentative end) beside them. It does not matter how the audio was cut.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from streaming_encoder.background import LEAD_SLOTS, Background, background
from streaming_encoder.sound_slots import HOP, SLOTS_PER_S, Slots, joined, latest, slots
from streaming_encoder.sounds import Glide, Tone, claps, glide, tones

LEAD_SAMPLES = LEAD_SLOTS * HOP
# A sound that is asked about stands near the question: of a longer turn the last 30 s are looked at.
LONGEST_SLOTS = 30 * SLOTS_PER_S


class Sounds:
    """What is heard in a turn besides words, worked out when it is asked for.

    A turn is measured at every end that is tried; that a thought asks, and for what, is rare.
    """

    def __init__(self, slots: Slots, lead: npt.NDArray[np.float32], power: npt.NDArray[np.float64]) -> None:
        self._slots, self._lead, self._power = slots, lead, power

    @cached_property
    def tones(self) -> tuple[Tone, ...]:
        """Sounds of one pitch each, in order; empty where there are none, or none for certain."""
        return tones(self._slots)

    @cached_property
    def glide(self) -> Glide | None:
        """A tone that rises or falls."""
        return glide(self._slots)

    @cached_property
    def claps(self) -> int:
        """How many."""
        return claps(self._slots)

    @cached_property
    def background(self) -> Background | None:
        """What is behind the voice; None where the meter is not sure."""
        return background(self._lead, self._power)

    @property
    def stand_out(self) -> bool:
        """There is a sound that is surely no speech. A key that is pressed may sound like one clap."""
        return bool(self.tones) or self.glide is not None or self.claps > 1


class SoundMeter:
    """Gathers the samples of one turn: about 4 kB a second of them."""

    def __init__(self) -> None:
        self._slots: list[Slots] = []
        self._length = 0  # of all of them
        self._rest = np.empty(0, np.float32)  # of a window that is not whole yet
        self._lead = np.empty(0, np.float32)

    def reset(self) -> None:
        """A new turn."""
        self._slots.clear()
        self._length = 0
        self._rest = self._lead = np.empty(0, np.float32)

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """The next float32 [n] samples of the turn, 16 kHz, in [-1, 1]."""
        self._lead = np.concatenate([self._lead, samples[: LEAD_SAMPLES - len(self._lead)]])
        heard, self._rest = _heard(self._rest, samples)
        self._slots.append(heard)
        self._length += len(heard)
        while self._length - len(self._slots[0]) >= LONGEST_SLOTS:
            self._length -= len(self._slots.pop(0))

    def measure(self, power: npt.NDArray[np.float64], tail: npt.NDArray[np.float32]) -> Sounds:
        """What was heard so far, as if `tail`, float32 [n], belonged to the turn. Changes nothing.

        power: mean square of each 10 ms of the turn, tail included.
        """
        heard, _ = _heard(self._rest, tail)
        lead = np.concatenate([self._lead, tail[: LEAD_SAMPLES - len(self._lead)]])
        return Sounds(latest(joined([*self._slots, heard]), LONGEST_SLOTS), lead, power)


def _heard(rest: npt.NDArray[np.float32], samples: npt.NDArray[np.float32]) -> tuple[Slots, npt.NDArray[np.float32]]:
    """The slots that become whole with `samples` behind `rest`, and what is left of them."""
    together = np.concatenate([rest, samples])
    heard = slots(together)
    return heard, together[len(heard) * HOP :]
