"""Do these words end a line, and were they all said? Asked of the decoder. It knows tokens; no turns, no sessions.

What is heard always seems to end where the sound does. Behind the same words alone the decoder says how often a line
ended there in what it has read: "what is nine multiplied by" never did.

And where the speaker pauses, a model of questions likes to complete the question by itself. A listening pass over the
same sound was trained never to run ahead of it: at most the last word is missing from its notes when the turn is over.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from realtime.decoder import Decoder, Row
from realtime.decoder.sequence import Sequence as DecoderSequence
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
        self._wait = special.wait
        self._seq = decoder.new()

    def prior(self, words: Sequence[Symbol]) -> float | None:
        """Probability (0..1) that the line ends behind the tokens `words`. None if blocks are short."""
        return self.ask(words)[0]

    def ask(
        self, words: Sequence[Symbol], listening: DecoderSequence | None = None, unnoted: Sequence[Symbol] = ()
    ) -> tuple[float | None, int | None]:
        """The probability of `prior`, and how many of the line's last words a listener would not have noted yet.

        listening: a note lane's prefix over all the audio, not yet computed; unnoted: the words of the line behind the
        notes in it. Both questions are one step. The second answer is None where it was not asked, where blocks are
        short, and where a listener would have noted another word.
        """
        line = [*self._prefix, *words]
        known = self._seq.symbols
        # The last symbol is computed again even where it is known: its logits are not kept.
        most = min(len(known), len(line) - 1)
        common = next((at for at in range(most) if known[at] != line[at]), most)
        self._decoder.truncate(self._seq, common)
        self._decoder.extend(self._seq, line[common:])
        rows = [Row(self._seq, self._seq.pending, want_logits=True)]
        if listening is not None:
            rows.append(Row(listening, listening.pending, want_logits=True, guess=tuple(unnoted)))
        try:
            ends, *heard = self._decoder.step(rows)
        except EngineOverloaded:
            self.forget()
            return None, None
        assert ends is not None, "the row asked for logits"
        prior = float(torch.softmax(ends[-1], dim=0)[self._ends].sum())
        return prior, self._unheard(heard[0], unnoted) if heard and heard[0] is not None else None

    def _unheard(self, logits: torch.Tensor, words: Sequence[Symbol]) -> int | None:
        """Words behind the point where a listener waits for more sound."""
        chosen = logits.argmax(dim=1).tolist()
        agreed = next((at for at, word in enumerate(words) if chosen[at] != word), len(words))
        if agreed < len(words) and chosen[agreed] != self._wait:
            return None
        return len(self._decoder.tokenizer.decode(words[agreed:]).split())

    def forget(self) -> None:
        """Give the blocks back; the next question computes everything."""
        self._decoder.drop(self._seq)
        self._seq = self._decoder.new()
