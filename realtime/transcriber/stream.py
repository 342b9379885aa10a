"""`TranscriberStream`: what one speaker's encoder heard in, words out. Owner of everything that depends on the turn.

It knows neither turns' ends nor time. Words that were given out (`hear`) are never taken back: what comes later is
written behind them. `line` tries out how the text goes on if the sound ends here, `weigh` how likely other words are in
its place; both leave the stream as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import torch

from realtime.transcriber.model import Memory
from realtime.transcriber.transcriber import Text, Transcriber
from realtime.transcriber.transcript import (
    Token,
    common_prefix,
    first_doubt,
    last_heard,
    last_word,
    settled,
    still_said,
)
from streaming_encoder import Heard

# Words are noted when two passes agree on them and neither doubts them; the first words of a sentence are often
# understood only with those that follow. After 3 s it is noted all the same. What passes begin with is older still.
DOUBTED_FRAMES = 150
AGREED_BEFORE_FRAMES = 300
# Of what is agreed so much is heard again, to find the place: with less whole sentences are lost, with all of it a pass
# behind 25 s is slower, and the text more often ends where it would begin again.
LOOK_BACK_FRAMES = 200
# A text that ends so long before the one of the last pass has lost the thread: it is written behind that one's words.
SHORTER_FRAMES = 150


@dataclass(frozen=True, slots=True)
class Line:
    """Everything that was said in a turn, as it seems now.

    words: in the form of `wording`. logprobs: natural log of the probability of each token that is no mark.
    finish: probability (0..1) that the speaker is done behind the last word.
    """

    words: tuple[str, ...]
    logprobs: tuple[float, ...]
    finish: float = 0.0

    @property
    def confidence(self) -> float:
        """Mean of `logprobs`; 0, where nothing was said since a segment of the sound ended: words before it stay."""
        return fmean(self.logprobs) if self.logprobs else 0.0


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
        self._asked = Memory(shape, shape.positions)  # for `weigh`: what is written stays
        self.reset()

    def reset(self) -> None:
        """A new turn."""
        self._earlier: list[str] = []  # words of earlier segments of the turn
        self._noted = 0  # words that were given out
        self._agreed: list[Token] = []  # what every pass begins with
        self._kept = 0  # of these, those that this pass need not read again
        self._passed: list[Token] = []  # what the last pass over final frames wrote
        self._lined: list[int] = []  # what the last line wrote
        self._line = Text([]), 0  # its text, and the frames that it was written over
        self._settled: list[Settled] = []
        self._begins_at = 0  # 50 Hz frame of the turn that the segment begins at
        self._latest: torch.Tensor | None = None  # the last final frames, as many as the ending reads
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
        self._line = Text([]), 0
        network, heard = self._transcriber.network, self._heard
        network.hear(step.frames, heard)
        self._keep_latest(step.frames)
        final = heard.count
        text = self._write([self._heard_ids, self._lined], step.ahead).tokens
        said_twice = text[: common_prefix(self._passed, text)]
        sure = first_doubt(said_twice, final - DOUBTED_FRAMES)
        noted = settled(said_twice[: max(sure, len(self._agreed))], len(self._agreed), final)
        agreed = settled(said_twice[: last_word(text)], len(self._agreed), final - AGREED_BEFORE_FRAMES)
        self._agree(text, agreed)
        self._passed = text
        words = [*self._earlier, *self._words(text[:noted])]
        new, self._noted = words[self._noted :], max(self._noted, len(words))
        return new

    @torch.inference_mode()
    def line(self, tail: Sequence[Heard]) -> Line:
        """The whole turn if it ended behind `tail`: steps of the encoder that stand only for this question."""
        behind = (*(step.frames for step in tail), *(step.ahead for step in tail[-1:]))
        text = self._write([self._lined, self._heard_ids], *behind)
        self._lined = [token.id for token in text.tokens]
        self._line = text, self._heard.count + sum(len(frames) for frames in behind)
        logprobs = tuple(token.logprob for token in text.tokens if not token.is_mark)
        finish = torch.sigmoid(torch.tensor(text.ending + self._by_sound(behind)))
        return Line((*self._earlier, *self._words(text.tokens)), logprobs, float(finish))

    @torch.inference_mode()
    def weigh(self, words: Sequence[str]) -> list[float] | None:
        """How likely other words are in the place of the last line's, or those themselves: natural logs, word by word.

        words: in the form of `wording`; those of earlier segments count 0. None where more was heard since, or where
        the line had no words.
        """
        text, frames = self._line
        earlier, rest = len(self._earlier), list(words[len(self._earlier) :])
        if not text.tokens or not rest or list(words[:earlier]) != self._earlier:
            return None
        heard = self._heard
        final, heard.count = heard.count, frames  # what stood only for the line is still there
        likely = self._transcriber.weigh(rest, text, self._written, self._asked, heard)
        heard.count = final
        return None if likely is None else [0.0] * earlier + likely

    def _keep_latest(self, frames: torch.Tensor) -> None:
        ending = self._transcriber.ending
        if ending is not None and ending.frames:
            latest = frames if self._latest is None else torch.cat((self._latest, frames))
            self._latest = latest[-ending.frames :]

    def _by_sound(self, behind: Sequence[torch.Tensor]) -> float:
        """What the last frames tell of the end, those of `behind` among them."""
        ending = self._transcriber.ending
        heard = [*behind] if self._latest is None else [self._latest, *behind]
        return ending.by_sound(torch.cat(heard)) if ending is not None and heard else 0.0

    def _agree(self, text: list[Token], tokens: int) -> None:
        """The first `tokens` of `text` stay: they are not written again, and the sound of the oldest is not heard."""
        if tokens > len(self._agreed):
            until = _end_of(text, tokens, self._heard.count)
            self._settle(text, len(self._agreed), tokens, until)
            self._agreed, self._kept = text[:tokens], tokens
            self._heard.first = max(self._heard.first, max(token.at for token in self._agreed) - LOOK_BACK_FRAMES)

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
        self._heard.first = self._heard.count = 0
        self._agreed, self._passed, self._lined, self._kept = [], [], [], 0

    @property
    def _heard_ids(self) -> list[int]:
        return [token.id for token in self._passed]

    def _write(self, drafts: Sequence[list[int]], *behind: torch.Tensor) -> Text:
        """The text of all final frames and of `behind`, float32 [n, encoder width], which are forgotten again.

        drafts: texts that are probably like it, the likeliest first.
        """
        heard = self._heard
        final = heard.count
        for frames in behind:
            self._transcriber.network.hear(frames, heard)
        text = self._write_behind(self._agreed, drafts)
        if text.tokens and last_heard(text.tokens) < last_heard(self._passed) - SHORTER_FRAMES:
            text = self._write_behind(still_said(self._passed, len(self._agreed)), drafts)
        heard.count = final
        return text

    def _write_behind(self, tokens: list[Token], drafts: Sequence[list[int]]) -> Text:
        guesses = [ids[len(tokens) :] for ids in drafts]
        return self._transcriber.write(tokens, guesses, self._written, self._heard, self._kept)

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
