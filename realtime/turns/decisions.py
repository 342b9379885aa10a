"""What the turn machine takes in and what it decides. Knows nothing of models, queues or the wire.

Every position is a sample of the session's 16 kHz input stream: session time is a sample position, so a
recording replays to the same decisions at any speed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000
SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000

# Level of a frame of digital silence. Quieter than the last bit of 16-bit PCM (-96 dBFS), so it is below every floor.
SILENCE_DBFS = -100.0

# A quarter of a 32 ms frame: as fine as the 10 ms by which speech is usually measured.
BLOCK_SAMPLES = 128


@dataclass(frozen=True, slots=True)
class VoiceFrame:
    """One frame of input as the machine sees it: where it lies, how likely it is voice, how loud it is.

    `at_sample` is the frame's first sample, `samples` its length, `voice_p` a probability in [0, 1],
    `level_dbfs` its RMS level with 0 dBFS = full scale, `blocks_dbfs` the levels of its equal parts in order (none:
    the frame is one part), so that the end of a sound is known more exactly than to a frame.
    """

    at_sample: int
    samples: int
    voice_p: float
    level_dbfs: float
    blocks_dbfs: tuple[float, ...] = ()

    @classmethod
    def heard(cls, pcm: npt.NDArray[np.float32], at_sample: int, voice_p: float) -> VoiceFrame:
        """The frame of `pcm` (float32 mono [-1, 1], shape [samples]), its levels measured here."""
        blocks = len(pcm) // BLOCK_SAMPLES
        levels = (
            tuple(level_dbfs(block) for block in np.split(pcm, blocks)) if blocks * BLOCK_SAMPLES == len(pcm) else ()
        )
        return cls(at_sample, len(pcm), voice_p, level_dbfs(pcm), levels)


def level_dbfs(pcm: npt.NDArray[np.float32]) -> float:
    """RMS level of `pcm` (float32, shape [samples], full scale 1.0) in dBFS, never below `SILENCE_DBFS`."""
    if len(pcm) == 0:
        return SILENCE_DBFS
    power = float(np.dot(pcm, pcm)) / len(pcm)
    return max(SILENCE_DBFS, 10.0 * math.log10(power)) if power > 0.0 else SILENCE_DBFS


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A turn is open. Its audio begins at `from_sample`; voice was first seen at `speech_sample` (>= from_sample)."""

    turn: int
    from_sample: int
    speech_sample: int
    barge_in: bool


@dataclass(frozen=True, slots=True)
class TentativeEnd:
    """The turn may have ended with its last voiced frame, at `speech_end_sample`; `at_sample` is now."""

    turn: int
    attempt: int
    speech_end_sample: int
    at_sample: int
    silence_ms: int


@dataclass(frozen=True, slots=True)
class AskEndpoint:
    """Run the end-of-turn model on [from_sample, to_sample) and bring its answer to `TurnMachine.endpoint_vote`."""

    turn: int
    attempt: int
    from_sample: int
    to_sample: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """Voice came back: attempt `attempt` is void, the turn goes on."""

    turn: int
    attempt: int
    at_sample: int


@dataclass(frozen=True, slots=True)
class Committed:
    """The turn is over: what was held may be heard. `reason` is a `CommitReason`, `votes` those that had come in."""

    turn: int
    attempt: int
    speech_end_sample: int
    at_sample: int
    reason: str
    votes: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discarded:
    """The turn was none: `reason` is "too_short" (a click), "no_words" (a cough, a tone) or "cleared" (the client)."""

    turn: int
    reason: str


Decision = TurnStarted | TentativeEnd | AskEndpoint | Revoked | Committed | Discarded
