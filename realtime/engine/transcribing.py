"""What a session's transcriber hears: which steps of the encoder wait for it, and the words for the mind.

One pass is as long as a step of the decoder, so passes wait until nobody waits for an answer. Each step of the encoder
gets its own pass, in order: the words depend on the audio alone, not on what else the engine had to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import fmean

from realtime.mind.ears import HeardLine, Standing
from realtime.mind.folding import SettledWords
from realtime.mind.readiness import doubt_of
from realtime.transcriber import Transcriber, TranscriberStream
from streaming_encoder import EncoderStream, Heard

# Mean log-probability of settled words' tokens under which their sound is kept: the decoder may hear them better.
LEAST_SURE_WORDS = -0.7
# The last 8 s are always heard, in 50 Hz frames; the decoder reads four of them as one.
LATEST_FOLDED_FRAMES = 400
FRAMES_PER_SYMBOL = 4


class Transcribing:
    """The transcriber of one session, behind its encoder."""

    def __init__(self, transcriber: Transcriber, encoder: EncoderStream) -> None:
        self._encoder = encoder
        self._stream = TranscriberStream(transcriber)
        self._waiting: deque[tuple[Heard, int]] = deque()

    @property
    def is_behind(self) -> bool:
        """There are steps to listen to."""
        return bool(self._waiting)

    def reset(self) -> None:
        """A new turn."""
        self._waiting.clear()
        self._stream.reset()

    def hear(self, steps: list[Heard], heard_ms: int) -> None:
        """Steps to listen to later; `heard_ms` is the audio position behind the last of them."""
        self._waiting.extend((step, heard_ms) for step in steps)

    def listen(self) -> tuple[list[str], int]:
        """One pass: the words that are new and sure, and the audio position they were heard by."""
        step, heard_ms = self._waiting.popleft()
        return self._stream.hear(step), heard_ms

    def settled(self, folded_words: int) -> SettledWords | None:
        """What may be folded behind the first `folded_words` words of the turn: all that is settled and old enough.

        None where that is nothing, or where the transcriber is not sure of it: what is not folded can still be heard.
        """
        words: list[str] = []
        logprobs: list[float] = []
        until = 0
        for run in self._stream.settled:
            if run.until > self._stream.frames - LATEST_FOLDED_FRAMES:
                break
            if len(words) >= folded_words:
                logprobs += run.logprobs
            words += run.words
            until = run.until
        if len(words) <= folded_words or not logprobs or fmean(logprobs) < LEAST_SURE_WORDS:
            return None
        return SettledWords(tuple(words), until // FRAMES_PER_SYMBOL)

    def tail(self) -> tuple[list[Heard], HeardLine | None]:
        """If the turn ended here: the encoder's tail, and the whole line. Nothing may be waiting.

        None where the transcriber hears no words.
        """
        assert not self._waiting, "the line is written over everything that was heard"
        tail = self._encoder.hear_tail()
        line = self._stream.line(tail)
        if not line.words:
            return tail, None
        doubt = doubt_of(line.logprobs)
        return tail, HeardLine(line.words, line.confidence, doubt, line.finish, Standing.CONTESTED)

    def weigh(self, words: Sequence[str]) -> list[float] | None:
        """How likely each of `words` is in the place of the last line's: see `TranscriberStream.weigh`."""
        return self._stream.weigh(words)
