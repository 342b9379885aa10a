"""Who speaks: an engine, one of its voices, and how that voice is bent. Drawn once for an example.

From a few voices many speakers are made: another pitch, another length of the vocal tract, another rate, more breath,
another tilt of the spectrum. Knows no engine; each does with it what it can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Talker:
    """Factors are relative to the engine's own voice.

    sex: "man", "woman", or "" where the bent voice could be either (or a child, or nobody).
    pitch, intonation: factors of the fundamental and of its movement around its mean.
    tract: factor of the formants' frequencies; below 1 is a longer vocal tract.
    breath_db: more or less of the noise part; tilt_db: gain at 8 kHz against 0 Hz, linear between.
    """

    family: str
    name: str
    sex: str = ""
    rate: float = 1.0
    pitch: float = 1.0
    intonation: float = 1.0
    tract: float = 1.0
    breath_db: float = 0.0
    tilt_db: float = 0.0

    @property
    def voice(self) -> str:
        return f"{self.family}/{self.name}"


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a voice said: float32 [n] in [-1, 1] at 16 kHz, and a weight for each word (its share of the time).

    word_end_ms: where the engine itself knows them; else empty.
    """

    samples: Samples
    weights: tuple[float, ...] = ()
    word_end_ms: tuple[int, ...] = ()
