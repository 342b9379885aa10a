"""An endless stream of examples, the same for the same seed: each is drawn from (seed, its number) alone.

So workers share the numbers between them, a run resumes at any of them, and nothing depends on what came before.
Knows the mixture, the voices and the makers of texts; no shards, no network, no tokens.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from training.data import rooms, scenes
from training.data.corpus import Corpus
from training.data.mixture import FULL, Mixture, from_toml
from training.data.people import People
from training.data.split import is_evaluation
from training.data.texts import facts, skills_numbers, skills_words, talk, transcribe
from training.data.texts.draft import Draft, Maker
from training.data.voices import Voices
from training.data.voices.cast import SpeechFailed
from training.items import SAMPLE_RATE_HZ, Example, Item

logger = logging.getLogger(__name__)

TEXTS_VARIABLE = "FORETHOUGHT_TEXTS"
_TEXT_KINDS = ("skill", "talk", "fact")
_TEXT_SHARES = (0.5, 0.25, 0.25)
_BABBLERS = 6
LONGEST_S = 20.0  # a turn; longer ones are drawn anew


class Generator:
    """Examples number `first`, `first + step`, … of a stream.

    Two of the same seed, mixture and corpus give the same examples, wherever they run (Piper's own noise excepted).
    """

    def __init__(
        self, seed: int, mixture: Mixture, voices: Voices | None = None, *, first: int = 0, step: int = 1
    ) -> None:
        self._seed, self._mixture = seed, mixture
        self._voices = voices or Voices(mixture.voices)
        self._next, self._step = first, step
        self._corpus = Corpus.load(mixture.texts) if mixture.texts else None
        self._people = People(mixture.people) if mixture.kinds.get("people", 0) > 0 else None
        self._makers: dict[str, dict[str, Maker]] = {
            "skill": skills_numbers.MAKERS | skills_words.makers(self._corpus),
            "talk": talk.MAKERS,
            "fact": facts.makers(self._corpus),
            "transcribe": transcribe.makers(self._corpus),
        }
        self._shares = {"transcribe": transcribe.WEIGHTS, "fact": facts.WEIGHTS}

    @property
    def position(self) -> int:
        """The number of the next example: pass it as `first` to go on from here."""
        return self._next

    def batch(self, n: int) -> list[Example]:
        """The next n examples."""
        out = []
        for _ in range(n):
            out.append(self.example(self._next))
            self._next += self._step
        return out

    def example(self, number: int) -> Example:
        """Example `number` of the stream; independent of every other."""
        for attempt in range(20):
            rng = np.random.default_rng((self._seed, number, attempt))
            kind = self._mixture.draw(rng)
            try:
                example = self._make(rng, kind, evaluation=False)
            except SpeechFailed as error:
                logger.debug("speech_failed %s", error)
                continue
            if example.clip is None or example.clip.seconds <= LONGEST_S:
                return example
        raise RuntimeError(
            f"20 tries gave no example {number} of seed {self._seed}: are all its texts longer than {LONGEST_S} s?"
        )

    def held_out(self, n: int, kind: str, family: str = "", *, noisy: bool = False) -> list[Example]:
        """n examples for evaluation whose arguments or sentences never occur in training, in a voice of `family`."""
        out: list[Example] = []
        attempt = 0
        while len(out) < n:
            rng = np.random.default_rng((self._seed, 7_777_777, len(out), attempt))
            attempt += 1
            try:
                example = self._make(rng, kind, evaluation=True, family=family, room=None if noisy else rooms.CLEAN)
            except SpeechFailed:
                continue
            if example.clip is None or example.clip.seconds <= LONGEST_S:
                out.append(example)
        return out

    def text(self, rng: np.random.Generator, kind: str, *, evaluation: bool = False) -> Draft:
        """A text of a kind, on the wanted side of the split."""
        makers = self._makers[kind]
        for _ in range(2000):
            name = self._draw_maker(rng, kind, tuple(makers))
            draft = makers[name](rng)
            if is_evaluation(draft.argument) == evaluation and draft.item.heard:
                return draft
        raise RuntimeError(f"no {kind} text on the {'evaluation' if evaluation else 'training'} side in 2000 tries")

    def _draw_maker(self, rng: np.random.Generator, kind: str, names: tuple[str, ...]) -> str:
        own = self._shares.get(kind)
        if own is None or kind in self._mixture.inner:
            return self._mixture.draw_inner(rng, kind, names)
        weights = np.array([own.get(name, 1.0) for name in names])
        return names[int(rng.choice(len(names), p=weights / weights.sum()))]

    def _make(
        self, rng: np.random.Generator, kind: str, *, evaluation: bool, family: str = "", room: rooms.Room | None = None
    ) -> Example:
        voices = self._voices
        match kind:
            case "text":
                inner = str(rng.choice(_TEXT_KINDS, p=_TEXT_SHARES))
                return Example(_typed(self.text(rng, inner, evaluation=evaluation).item, rng), None)
            case "people" if self._people is not None:
                return self._people.draw(rng, evaluation=evaluation, noisy=self._mixture.noisy if room is None else 0.0)
            case "none":
                return scenes.nothing(rng)
            case "unclear":
                spoken = self.text(
                    rng, "talk" if rng.random() < 0.5 else "transcribe", evaluation=evaluation
                ).item.spoken
                return scenes.drowned(rng, voices, spoken, voices.draw(rng, family=family), self._babble())
            case "voice":
                what = self._mixture.draw_inner(rng, "voice", tuple(scenes.VOICE_CLASSES))
                return scenes.voice_scene(rng, voices, what, evaluation, self._free_sentence(evaluation), family)
            case "sound":
                what = self._mixture.draw_inner(rng, "sound", scenes.SOUND_KINDS)
                return scenes.sound_scene(
                    rng, voices, what, evaluation, self._babble(), voices.draw(rng, family=family)
                )
            case _:
                item = self.text(rng, kind, evaluation=evaluation).item
                where = room or rooms.draw(rng, noisy=self._mixture.noisy)
                babble = self._babble() if where.snr_db is not None and where.noise == "babble" else None
                return scenes.speak(item, voices.draw(rng, family=family), voices, rng, where, babble=babble)

    def _free_sentence(self, evaluation: bool) -> Callable[[np.random.Generator], str]:
        def sentence(rng: np.random.Generator) -> str:
            while True:
                item = self.text(rng, "transcribe", evaluation=evaluation).item
                if 3 <= len(item.words) <= 14:
                    return item.spoken

        return sentence

    @functools.cached_property
    def _babble_bank(self) -> scenes.Samples:
        """Some people talking over each other, from this stream's seed: the same for every example and worker."""
        rng = np.random.default_rng((self._seed, 4_242))
        lanes = []
        for _ in range(_BABBLERS):
            said = [
                self._voices.speak(self.text(rng, "transcribe").item.spoken, self._voices.draw(rng), rng).samples
                for _ in range(3)
            ]
            lanes.append(np.resize(np.concatenate(said), 12 * SAMPLE_RATE_HZ))
        return np.asarray(sum(lane / rooms.rms(lane) for lane in lanes), np.float32)

    def _babble(self) -> scenes.Samples | None:
        try:
            return self._babble_bank
        except SpeechFailed:
            return None


def _typed(item: Item, rng: np.random.Generator) -> Item:
    """As people type it: as written, or without capitals and marks."""
    spoken = item.spoken
    if rng.random() < 0.35:
        spoken = spoken.lower() if rng.random() < 0.5 else item.heard
    return Item(item.kind, spoken, item.heard, item.thought, item.answer, item.key, is_text=True)


def from_table(table: Mapping[str, Any], seed: int, root: Path = Path()) -> Generator:
    """From a recipe's [data] section: its `mixture` table, or the section itself where it has none."""
    return Generator(seed, from_toml(table.get("mixture", {}), root))


def held_out(
    seed: int, n: int, kind: str, voice_family: str = "", *, mixture: Mixture | None = None, noisy: bool = False
) -> list[Example]:
    """Evaluation examples; see `Generator.held_out`. `festival` is a family that no training mixture may name.

    Without a mixture: the full one, with the corpus file that FORETHOUGHT_TEXTS names, if it names one.
    """
    if mixture is None:
        named = os.environ.get(TEXTS_VARIABLE, "")
        mixture = replace(FULL, texts=Path(named) if named else None)
    voices = Voices({voice_family: 1.0}) if voice_family else None
    return Generator(seed, mixture, voices).held_out(n, kind, voice_family, noisy=noisy)
