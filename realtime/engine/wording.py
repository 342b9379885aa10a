"""Do these words end a line? Asked of the decoder without the sound. It knows tokens; nothing of turns or sessions.

What is heard always seems to end where the sound does. Behind the same words alone the decoder says how often a line
ended there in what it has read: "what is nine multiplied by" never did.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from realtime.decoder import Decoder, Row
from realtime.errors import EngineOverloaded
from realtime.mind import Dialect
from realtime.mind.memory import Symbol


class Wording:
    """Asks about one line at a time; keeps nothing, so that no block is held between two questions."""

    def __init__(self, decoder: Decoder, dialect: Dialect) -> None:
        self._decoder = decoder
        special = dialect.special
        # A turn without a sound in it, then the line as an answer lane opens it.
        self._prefix = [*dialect.audio_open(), *dialect.audio_close(), *dialect.answering_audio([])]
        self._ends = [*decoder.tokenizer.encode("\n"), special.im_end, special.wait, special.think_end]

    def prior(self, words: Sequence[Symbol]) -> float | None:
        """Probability (0..1) that the line ends behind the tokens `words`. None if blocks are short."""
        seq = self._decoder.new([*self._prefix, *words])
        try:
            (logits,) = self._decoder.step([Row(seq, seq.pending, want_logits=True)])
        except EngineOverloaded:
            return None
        finally:
            self._decoder.drop(seq)
        assert logits is not None, "the row asked for logits"
        return float(torch.softmax(logits[-1], dim=0)[self._ends].sum())
