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
    """The line of one turn at a time. What two questions have in common is computed once; `forget` gives it back."""

    def __init__(self, decoder: Decoder, dialect: Dialect) -> None:
        self._decoder = decoder
        special = dialect.special
        # A turn without a sound in it, then the line as an answer lane opens it.
        self._prefix = [*dialect.audio_open(), *dialect.audio_close(), *dialect.answering_audio([])]
        self._ends = [*decoder.tokenizer.encode("\n"), special.im_end, special.wait, special.think_end]
        self._seq = decoder.new()

    def prior(self, words: Sequence[Symbol]) -> float | None:
        """Probability (0..1) that the line ends behind the tokens `words`. None if blocks are short."""
        line = [*self._prefix, *words]
        known = self._seq.symbols
        # The last symbol is computed again even where it is known: its logits are not kept.
        most = min(len(known), len(line) - 1)
        common = next((at for at in range(most) if known[at] != line[at]), most)
        self._decoder.truncate(self._seq, common)
        self._decoder.extend(self._seq, line[common:])
        try:
            (logits,) = self._decoder.step([Row(self._seq, self._seq.pending, want_logits=True)])
        except EngineOverloaded:
            self.forget()
            return None
        assert logits is not None, "the row asked for logits"
        return float(torch.softmax(logits[-1], dim=0)[self._ends].sum())

    def forget(self) -> None:
        """Give the blocks back; the next question computes everything."""
        self._decoder.drop(self._seq)
        self._seq = self._decoder.new()
