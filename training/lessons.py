"""What one example teaches: answer it, listen to a beginning of it, go on from notes, or go on speaking.

It decides by dice.

It knows examples and the format; no tensors, no files. The lessons are those of thinking while listening and
speaking: a turn cut where a chunk ends, with what was noted by then; a whole turn with or without its notes; an
answer half said.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.format import Format, Sequence
from training.items import SAMPLE_RATE_HZ, Example, Item

EMBEDDING_SAMPLES = 1280
# A word may be noted once it ended this long before the end of what is heard. The encoder has then heard as much again
# of its right context, and the times of words are estimates.
NOTE_LAG_MS = 160
# What is asked of the turn before: by kind, the thought and the answer made of it.
ASKS_BACK = {
    "talk/what_did_i_say": ("The user asks what was said before.", "You said: {heard}."),
    "talk/again": ("I will say my last answer again.", "{answer}"),
}


@dataclass(frozen=True, slots=True)
class Mix:
    """How often a spoken example is taught in which way; the rest of 1 is the whole turn, heard without notes."""

    listening: float = 0.34
    partly_noted: float = 0.2
    wholly_noted: float = 0.12
    misheard: float = 0.3  # of the noted ones: a note is wrong, as the model's own will sometimes be
    second_turn: float = 0.1  # of all: an earlier exchange stands before it
    half_said: float = 0.04  # of those with an answer: the speak lane


@dataclass(frozen=True, slots=True)
class Lesson:
    """A sequence, the clips of its spans in order, and what it is of."""

    sequence: Sequence
    clips: tuple[npt.NDArray[np.int16], ...]
    kind: str


class Teacher:
    """Makes lessons of examples.

    Args:
        chunk_frames: 50 Hz frames of a chunk: where a turn that goes on can end.
    """

    def __init__(self, form: Format, mix: Mix, seed: int, chunk_frames: int = 32) -> None:
        self._form = form
        self._mix = mix
        self._random = random.Random(seed)  # noqa: S311 - dice, no secret
        self._chunk_embeddings = chunk_frames // 4

    def lesson(self, example: Example, before: Example | None = None) -> Lesson:
        """before: an exchange that may stand in front."""
        form, item = self._form, example.item
        sequence = form.begin()
        clips: list[npt.NDArray[np.int16]] = []
        if before is not None and self._may_precede(before, example):
            clips += self._earlier(sequence, before)
            item = _asked_back(item, before.item)
        if example.clip is None:
            form.typed(sequence, item.spoken)
            form.open_typed_answer(sequence)
            self._answer(sequence, item)
            return Lesson(sequence, tuple(clips), f"{item.group}/typed")
        clips.append(example.clip.samples)
        how = self._how(item)
        if how == "listening" and self._listen(sequence, example):
            return Lesson(sequence, tuple(clips), f"{item.group}/listening")
        self._whole(sequence, example, item, how)
        return Lesson(sequence, tuple(clips), f"{item.group}/whole")

    def _how(self, item: Item) -> str:
        mix, dice = self._mix, self._random.random()
        if item.group in ("sound", "voice"):  # few words, and the point is what comes behind them
            dice = dice * 0.5 if dice < 0.3 else 1.0
        if not item.answer:  # only written down: half of them while they are spoken
            return "listening" if dice < 0.5 else "partly" if dice < 0.6 else "whole"
        for how, share in (("listening", mix.listening), ("partly", mix.partly_noted), ("wholly", mix.wholly_noted)):
            if dice < share:
                return how
            dice -= share
        return "whole"

    def _may_precede(self, before: Example, example: Example) -> bool:
        if not before.item.answer or before.item.kind in ASKS_BACK or before.clip is None:
            return False
        wanted = 0.8 if example.item.kind in ASKS_BACK else self._mix.second_turn
        seconds = before.clip.seconds + (example.clip.seconds if example.clip else 0)
        return seconds < 14 and self._random.random() < wanted

    def _earlier(self, sequence: Sequence, before: Example) -> list[npt.NDArray[np.int16]]:
        """An exchange that is over: as it sounded, or as its words."""
        assert before.clip is not None, "asked of spoken ones only"
        form = self._form
        if self._random.random() < 0.7:
            form.spoken(sequence, _embeddings(len(before.clip.samples)))
            form.answered(sequence, before.item.answer)
            return [before.clip.samples]
        form.typed(sequence, before.item.heard)
        form.answered(sequence, before.item.answer)
        return []

    def _listen(self, sequence: Sequence, example: Example) -> bool:
        """A turn that goes on, cut at the end of a chunk. False where it is shorter than one."""
        clip = example.clip
        assert clip is not None
        chunks = len(clip.samples) // (self._chunk_embeddings * EMBEDDING_SAMPLES)
        if not chunks:
            return False
        cut = self._random.randint(1, chunks)
        passes = self._random.choice((1, 1, 1, 2))
        now_ms = cut * self._chunk_ms
        noted = self._noted(example, max(0, cut - passes) * self._chunk_ms)
        fresh = self._noted(example, now_ms)[len(noted) :]
        self._form.open_spoken(sequence, cut * self._chunk_embeddings)
        self._form.listen(sequence, self._misheard(noted), fresh)
        return True

    @property
    def _chunk_ms(self) -> int:
        return self._chunk_embeddings * EMBEDDING_SAMPLES * 1000 // SAMPLE_RATE_HZ

    def _noted(self, example: Example, heard_ms: int) -> list[str]:
        """The words that were over well before `heard_ms`."""
        assert example.clip is not None
        ends = example.clip.word_end_ms
        words = example.item.words
        if len(ends) != len(words):  # `[no speech]` and `[unclear]` have no words
            return []
        return [word for word, end in zip(words, ends, strict=True) if end <= heard_ms - NOTE_LAG_MS]

    def _whole(self, sequence: Sequence, example: Example, item: Item, how: str) -> None:
        form = self._form
        assert example.clip is not None
        form.spoken(sequence, _embeddings(len(example.clip.samples)))
        noted: list[str] = []
        if how == "wholly" and len(example.clip.word_end_ms) == len(item.words):
            noted = list(item.words)
        elif how == "partly":
            length_ms = len(example.clip.samples) * 1000 // SAMPLE_RATE_HZ
            noted = self._noted(example, length_ms - self._random.randint(200, 1500))
        form.open_answer(sequence, self._misheard(noted))
        form.hear_out(sequence, item.words[len(noted) :])
        if item.answer:
            self._answer(sequence, item)

    def _answer(self, sequence: Sequence, item: Item) -> None:
        dice = self._random.random()
        if dice < self._mix.half_said and (said := self._half(item.answer)):
            self._form.think_and_answer(sequence, item, said=said)
            return
        self._form.think_and_answer(sequence, item)

    def _half(self, answer: str) -> str:
        """A beginning of the answer that ends where a clause does."""
        ends = [match.end() for match in re.finditer(r"[.,;:!?](?= )", answer)]
        return answer[: self._random.choice(ends)] if ends else ""

    def _misheard(self, words: Sequence_[str]) -> list[str]:
        """The notes, sometimes with a word that is wrong; what follows is taught all the same."""
        noted = list(words)
        if len(noted) > 2 and self._random.random() < self._mix.misheard:
            at = self._random.randrange(len(noted))
            noted[at] = self._random.choice(
                (_blurred(noted[at], self._random), noted[self._random.randrange(len(noted))])
            )
        return noted


def _blurred(word: str, dice: random.Random) -> str:
    """A word that looks a little like this one."""
    at = dice.randrange(len(word))
    return (word[:at] + dice.choice("aeioustnr") + word[at + 1 :]) if len(word) > 1 else word + dice.choice("nst")


def _asked_back(item: Item, before: Item) -> Item:
    """The item with its answer, where it asks for the turn before; any other as it is."""
    if item.kind not in ASKS_BACK:
        return item
    thought, answer = ASKS_BACK[item.kind]
    answer = answer.format(heard=before.heard, answer=before.answer)
    return Item(item.kind, item.spoken, item.heard, thought, answer, before.heard, item.is_text)


def _embeddings(samples: int) -> int:
    return -(-samples // EMBEDDING_SAMPLES)
