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
from realtime.mind.memory import Symbol, common_prefix

# Words are prepared in steps as short as a rehearsal's: what comes next is likely to be the end of the turn.
PREPARED_ROWS = 16


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
        self._known: tuple[list[Symbol], float] | None = None  # the last line that was prepared whole, and its answer

    def prepare(self, words: Sequence[Symbol]) -> None:
        """Compute what a question about `words`, or about words that go on with them, will need; or most of it.

        What is known behind them stays.
        """
        line = [*self._prefix, *words]
        seq = self._seq
        if seq.symbols[: len(line)] != line:
            self._lay(line, common_prefix(seq.symbols, line))
        count = min(len(line) - seq.computed, PREPARED_ROWS)
        if count <= 0:
            return
        is_whole = count == seq.pending
        computed = self._compute([Row(seq, count, want_logits=is_whole)])
        if computed is not None and computed[0] is not None:
            self._known = line, self._end_of(computed[0])

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
        if listening is None and self._known is not None and self._known[0] == line:
            return self._known[1], None
        # The last symbol is computed again even where it is known: its logits are not kept.
        self._lay(line, min(common_prefix(self._seq.symbols, line), len(line) - 1))
        rows = [Row(self._seq, self._seq.pending, want_logits=True)]
        if listening is not None:
            rows.append(Row(listening, listening.pending, want_logits=True, guess=tuple(unnoted)))
        computed = self._compute(rows)
        if computed is None:
            return None, None
        ends, *heard = computed
        assert ends is not None, "the row asked for logits"
        prior = self._end_of(ends)
        return prior, self._unheard(heard[0], unnoted) if heard and heard[0] is not None else None

    def _end_of(self, logits: torch.Tensor) -> float:
        """Probability of an end behind the last row of `logits` [n, vocab]."""
        return float(torch.softmax(logits[-1], dim=0)[self._ends].sum())

    def _lay(self, line: Sequence[Symbol], known: int) -> None:
        """The line to be computed, of which the first `known` symbols stand."""
        self._decoder.truncate(self._seq, known)
        self._decoder.extend(self._seq, line[known:])

    def _compute(self, rows: list[Row]) -> list[torch.Tensor | None] | None:
        """None where blocks are short."""
        try:
            return self._decoder.step(rows)
        except EngineOverloaded:
            self.forget()
            return None

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
        self._seq, self._known = self._decoder.new(), None
