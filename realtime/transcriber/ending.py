"""Whether the speaker is done, read from what the transcriber heard last: one linear layer. It knows no words.

Two things are read: the transcriber's hidden row behind the last word, which holds that word and those before it, and
the encoder's last frames, which hold how they were said. What the network makes of it itself, a full stop or none, is
about sentences on paper; this was fitted to ends of turns, and to pauses inside turns (`benchmarks.turn_ending`).

transcriber.ending.weight [width], transcriber.ending.bias [1], both optional; with them, optional as well,
transcriber.ending.sound [stretches, encoder width].
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from realtime.decoder.checkpoint import TensorSource
from realtime.errors import CheckpointError

WEIGHT, BIAS, SOUND = "transcriber.ending.weight", "transcriber.ending.bias", "transcriber.ending.sound"
STRETCH_FRAMES = 8  # 160 ms: about a vowel


@dataclass(frozen=True)
class Ending:
    """weight: float32 [width]; bias: float32 [1]; sound: float32 [stretches, encoder width], None where not read."""

    weight: Tensor
    bias: Tensor
    sound: Tensor | None = None

    @property
    def frames(self) -> int:
        """How many 50 Hz frames of the sound are read."""
        return 0 if self.sound is None else len(self.sound) * STRETCH_FRAMES

    def by_words(self, row: Tensor) -> float:
        """Log-odds that the turn is over behind the word of `row`, float32 [width], a row behind the last norm."""
        return float(row @ self.weight + self.bias)

    def by_sound(self, latest: Tensor) -> float:
        """What the sound adds to them. latest: float32 [n, encoder width], the frames heard last, the newest last."""
        if self.sound is None:
            return 0.0
        heard = stretches(latest, len(self.sound))
        return float((heard * self.sound[len(self.sound) - len(heard) :]).sum())


def stretches(latest: Tensor, most: int) -> Tensor:
    """Means over the last frames, stretch by stretch: [k, width] of [n, width], k at most `most`, whole ones only."""
    count = min(most, len(latest) // STRETCH_FRAMES)
    return latest[len(latest) - count * STRETCH_FRAMES :].reshape(count, STRETCH_FRAMES, latest.shape[1]).mean(1)


def load_ending(source: TensorSource, width: int, encoder_width: int) -> Ending | None:
    """None where the checkpoint has none. Raises CheckpointError where it is of another size."""
    names = set(source.names())
    if not {WEIGHT, BIAS} & names:
        return None
    weight, bias = source.tensor(WEIGHT), source.tensor(BIAS)
    if tuple(weight.shape) != (width,) or tuple(bias.shape) != (1,):
        raise CheckpointError(f"{WEIGHT} and its bias have shapes {tuple(weight.shape)} and {tuple(bias.shape)}")
    sound = source.tensor(SOUND).float().clone() if SOUND in names else None
    if sound is not None and (sound.ndim != 2 or sound.shape[1] != encoder_width):
        raise CheckpointError(f"{SOUND} has shape {tuple(sound.shape)}, not [stretches, {encoder_width}]")
    return Ending(weight.float().clone(), bias.float().clone(), sound)
