"""`TranscriberStream`: what one speaker's encoder heard in, words out. Owner of everything that depends on the turn.

It knows neither turns' ends nor time. Words that were given out (`hear`) are never taken back: what comes later is
written behind them. `line` tries out how the text goes on if the sound ends here, and leaves the stream as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from realtime.transcriber.model import Memory
from realtime.transcriber.transcriber import Text, Transcriber
from realtime.transcriber.transcript import Token, common_prefix, first_doubt, settled
from streaming_encoder import Heard

# Words are noted when two passes agree on them and neither doubts them; the first words of a sentence are often
# understood only with those that follow. After 3 s it is noted all the same. What passes begin with is older still.
DOUBTED_FRAMES = 150
AGREED_BEFORE_FRAMES = 400
KEPT_TEXTS = 2


@dataclass(frozen=True, slots=True)
class Line:
    """Everything that was said in a turn, as it seems now.

    words: in the form of `wording`. logprobs: natural log of the probability of each token that is no mark.
    finish: probability (0..1) of a mark that ends a sentence behind the last word.
    """

    words: tuple[str, ...]
    logprobs: tuple[float, ...]
    finish: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """Words of a turn that will not change any more. Every later line begins with those of all runs, in order.

    words: whole words, in the form of `wording`. until: 50 Hz frame of the turn that they end at. logprobs: as `Line`.
    """

    words: tuple[str, ...]
    until: int
    logprobs: tuple[float, ...]


class TranscriberStream:
    """One turn after the other over a shared `Transcriber`."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        shape = transcriber.network.shape
        self._heard = Memory(shape, transcriber.most_frames)
        self._written = Memory(shape, shape.positions)
        self.reset()

    def reset(self) -> None:
        """A new turn."""
        self._earlier: list[str] = []  # words of earlier segments of the turn
        self._noted = 0  # words that were given out
        self._agreed: list[Token] = []  # what every pass begins with
        self._kept = 0  # of these, those that this pass need not read again
        self._passed: list[Token] = []  # what the last pass over final frames wrote
        self._texts: list[list[int]] = []  # what the last passes wrote, the newest first
        self._settled: list[Settled] = []
        self._begins_at = 0  # 50 Hz frame of the turn that the segment begins at
        self._begin_segment()

    @property
    def settled(self) -> Sequence[Settled]:
        """What will not change any more, one run after the other."""
        return self._settled

    @property
    def frames(self) -> int:
        """50 Hz frames of the turn that are final and were heard."""
        return self._begins_at + self._heard.count

    @torch.inference_mode()
    def hear(self, step: Heard) -> list[str]:
        """Hear one step of the encoder; returns the words that are new and sure."""
        if step.begins_segment and self._heard.count:
            self._end_segment()
        network, heard = self._transcriber.network, self._heard
        network.hear(step.frames, heard)
        final = heard.count
        text = self._write(step.ahead).tokens
        said_twice = text[: common_prefix(self._passed, text)]
        sure = first_doubt(said_twice, final - DOUBTED_FRAMES)
        noted = settled(said_twice[: max(sure, len(self._agreed))], len(self._agreed), final)
        agreed = settled(said_twice, len(self._agreed), final - AGREED_BEFORE_FRAMES)
        self._settle(text, len(self._agreed), agreed, _end_of(text, agreed, final))
        self._passed, self._agreed, self._kept = text, text[:agreed], agreed
        words = [*self._earlier, *self._words(text[:noted])]
        new, self._noted = words[self._noted :], max(self._noted, len(words))
        return new

    @torch.inference_mode()
    def line(self, tail: Sequence[Heard]) -> Line:
        """The whole turn if it ended behind `tail`: steps of the encoder that stand only for this question."""
        text = self._write(*(step.frames for step in tail), *(step.ahead for step in tail[-1:]))
        logprobs = tuple(token.logprob for token in text.tokens if not token.is_mark)
        return Line((*self._earlier, *self._words(text.tokens)), logprobs, text.finish)

    def _end_segment(self) -> None:
        """What was written of the segment stays as it is."""
        heard, agreed = self._heard.count, len(self._agreed)
        rest = [token for token in self._passed[agreed:] if token.at < heard]  # what is later will be heard again
        whole = [*self._agreed, *rest]
        for begin, end in pairwise([agreed, *_word_ends(whole, agreed)]):
            self._settle(whole, begin, end, _end_of(whole, end, heard))
        self._earlier += self._words(whole)
        self._begins_at += heard
        self._begin_segment()

    def _settle(self, text: Sequence[Token], begin: int, end: int, until: int) -> None:
        """The tokens from `begin` to `end` of the segment's text are settled, and end at frame `until` of it."""
        words = self._words(text[:end])[len(self._words(text[:begin])) :]
        if words:
            logprobs = tuple(token.logprob for token in text[begin:end] if not token.is_mark)
            self._settled.append(Settled(tuple(words), self._begins_at + until, logprobs))

    def _begin_segment(self) -> None:
        self._heard.count = 0
        self._agreed, self._passed, self._texts, self._kept = [], [], [], 0

    def _write(self, *behind: torch.Tensor) -> Text:
        """The text of all final frames and of `behind`, float32 [n, encoder width], which are forgotten again."""
        heard = self._heard
        final = heard.count
        for frames in behind:
            self._transcriber.network.hear(frames, heard)
        drafts = [ids[len(self._agreed) :] for ids in self._texts]
        text = self._transcriber.write(self._agreed, drafts, self._written, heard, self._kept)
        heard.count = final
        self._texts = [[token.id for token in text.tokens], *self._texts][:KEPT_TEXTS]
        return text

    def _words(self, text: Sequence[Token]) -> list[str]:
        return self._transcriber.words(text)


def _end_of(text: Sequence[Token], tokens: int, heard: int) -> int:
    """Frame at which the first `tokens` of a text are over: half-way from the last word to the next one."""
    said = max((token.at for token in text[:tokens] if not token.is_mark), default=0)
    following = next((token.at for token in text[tokens:] if not token.is_mark), heard)
    return max(said, (said + following) // 2)


def _word_ends(text: Sequence[Token], begin: int) -> list[int]:
    """Where the words behind token `begin` end. Marks and numbers go with what follows them, as in `settled`."""
    ends = []
    for end in range(begin + 1, len(text)):
        if text[end].begins and not text[end].is_mark:
            at = end
            while at > begin and text[at - 1].is_mark:
                at -= 1
            if at > begin and not text[at - 1].is_number:
                ends.append(at)
    return [*ends, len(text)]
