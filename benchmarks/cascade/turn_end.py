"""Where a standard cascade takes a turn to end: Silero VAD and a fixed silence, as Pipecat's `SileroVADAnalyzer`.

Sans-I/O: probabilities in, ends out. Pipecat's defaults: a frame is voice from a confidence of 0.7 on, speech begins
after 0.2 s of voice and ends after 0.2 s without, both rounded to whole frames of 32 ms (6 frames, 192 ms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FRAME_MS = 32
CONFIDENCE = 0.7
START_S = 0.2
STOP_S = 0.2
START_FRAMES = round(START_S * 1000 / FRAME_MS)
STOP_FRAMES = round(STOP_S * 1000 / FRAME_MS)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech as the cascade saw it, in frames: from the first voiced one to the one that ended the wait for more."""

    begin: int
    stop: int

    @property
    def stop_ms(self) -> int:
        return self.stop * FRAME_MS


def stretches(probabilities: Sequence[float]) -> list[Stretch]:
    """Every stretch of speech that ends in `probabilities`, one per 32 ms frame. The last one ends the turn; each
    one before it is an end in the middle of the sentence, at which the cascade would have answered."""
    found: list[Stretch] = []
    begin: int | None = None
    run = 0  # frames in a row that speak for the other state
    for index, probability in enumerate(probabilities):
        voiced = probability >= CONFIDENCE
        run = run + 1 if voiced == (begin is None) else 0
        if begin is None and run >= START_FRAMES:
            begin, run = index + 1 - run, 0
        elif begin is not None and run >= STOP_FRAMES:
            found.append(Stretch(begin, index + 1))
            begin, run = None, 0
    return found
