"""What an evaluation asks: people's recordings, held-out texts in synthetic voices, sounds, silence, small talk.

It knows where trials come from and no model. Held-out texts and how they sound come from `training.data.generator`, so
no trial's argument occurs in training; the family `festival` is never trained on at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np

from training.data.mixture import Mixture
from training.data.scenes import VOICE_CLASSES
from training.data.speech_tools import SpeechToolMissing
from training.data.voices.cast import SpeechFailed
from training.evaluation.balance import TooFewError, balanced
from training.evaluation.human_speech import PEOPLE, people
from training.evaluation.small_talk import LINES, Line
from training.evaluation.trial import Trial
from training.items import SAMPLE_RATE_HZ, Clip, Example, Item

if TYPE_CHECKING:
    from training.data.generator import Generator

UNSEEN_FAMILY = "festival"
RECORDINGS = "recordings"
SOUNDS = "sounds"  # the set of trials that are of no one family
TALK_FAMILIES = ("hibari", UNSEEN_FAMILY)
# How loud a spoken line of the checklist is, and the silence around it.
_PEAK, _SILENCE_S, _FLOOR = 0.4, 0.3, 1e-3
# From one stream of examples to the next.
_BATCH_SEED = 1000


@dataclass(frozen=True, slots=True)
class Amounts:
    """Trials of each family: skills, sentences to write down, small talk; and in all: of recorded people (where the
    mixture has them), questions about sounds and about voices, turns without speech or without any to understand.

    Of the voices as many of each question and of either answer. talk: whether the checklist of small talk is spoken.
    """

    families: tuple[str, ...] = ("hibari", "piper", "flite", "espeak")
    skills: int = 18
    sentences: int = 12
    unseen_skills: int = 24
    unseen_sentences: int = 24
    people: int = 24
    sounds: int = 48
    voices: int = 96
    nothing: int = 12
    talk: bool = True


QUICK = Amounts(
    families=("hibari",), skills=10, sentences=6, unseen_skills=6, unseen_sentences=6, people=6, sounds=10, voices=16,
    nothing=4,
)  # fmt: skip
Part = tuple[str, Callable[[], list[Trial]]]


def gather(amounts: Amounts, seed: int, mixture: Mixture) -> tuple[list[Trial], list[str]]:
    """All trials, the same for the same seed; and what could not be had, in words."""
    trials: list[Trial] = []
    missing: list[str] = []
    for name, make in _parts(amounts, seed, mixture):
        try:
            made = make()
        except (SpeechToolMissing, SpeechFailed, ImportError, TooFewError) as error:
            missing.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
            continue
        if not made:
            missing.append(f"{name}: nothing there")
        trials += made
    return trials, missing


def _parts(amounts: Amounts, seed: int, mixture: Mixture) -> Iterator[Part]:
    yield PEOPLE, people
    plan = [(family, amounts.skills, amounts.sentences) for family in amounts.families]
    plan.append((UNSEEN_FAMILY, amounts.unseen_skills, amounts.unseen_sentences))
    for family, skills, sentences in plan:
        held = HeldOut(seed, mixture, family)
        yield from held.parts({"skill": skills, "transcribe": sentences})
    unclear = amounts.nothing // 2
    wanted = {"sound": amounts.sounds, "voice": amounts.voices, "none": amounts.nothing - unclear, "unclear": unclear}
    yield from HeldOut(seed, mixture, "", SOUNDS).parts(wanted)
    if mixture.people:
        yield from HeldOut(seed, mixture, "", RECORDINGS).parts({"people": amounts.people})
    if amounts.talk:
        for family in TALK_FAMILIES:
            yield f"small talk, {family}", partial(checklist, family, seed)


class HeldOut:
    """Held-out examples in the voices of one family, or for "" in those of the mixture. Loads them when first asked.

    name: of the set of trials; the family's by default.
    """

    def __init__(self, seed: int, mixture: Mixture, family: str, name: str = "") -> None:
        self._seed, self._mixture, self._family = seed, mixture, family
        self._name = name or family

    @cached_property
    def _generator(self) -> Generator:
        return self._of_seed(self._seed)

    def _of_seed(self, seed: int) -> Generator:
        from training.data.generator import Generator  # noqa: PLC0415 - voices load where they are used
        from training.data.voices import Voices  # noqa: PLC0415

        return Generator(seed, self._mixture, Voices({self._family: 1.0}) if self._family else None)

    def parts(self, wanted: Mapping[str, int]) -> Iterator[Part]:
        """What makes so many trials of each kind; kinds of which none is wanted are left out."""
        for kind, count in wanted.items():
            if count:
                yield f"{kind}, {self._name}", partial(self.trials, kind, count)

    def trials(self, kind: str, count: int) -> list[Trial]:
        """`count` trials of one kind; about the voice as many of each question and of either answer."""
        if kind == "voice":
            examples = balanced(_voices(count), partial(self._voice_batch, count), _voice)
        else:
            examples = self._generator.held_out(count, kind, self._family)
        return [Trial(self._name, example) for example in examples]

    def _voice_batch(self, count: int, batch: int) -> list[Example]:
        generator = self._of_seed(self._seed + _BATCH_SEED * batch) if batch else self._generator
        return generator.held_out(count, "voice", self._family)


def _voices(count: int) -> Counter[tuple[str, str]]:
    """How many of `count` questions have which answer."""
    sides = zip(*VOICE_CLASSES.values(), strict=True)
    answers = [answer for side in sides for answer in zip(VOICE_CLASSES, side, strict=True)]
    return Counter(islice(cycle(answers), count))


def _voice(example: Example) -> tuple[str, str]:
    """What is asked of the voice, and what is true of it."""
    what = example.item.kind.partition("/")[2]
    return what, example.labels.get(what, "")


def checklist(family: str, seed: int) -> list[Trial]:
    """The lines of small talk in a voice of `family`; a new talker for each."""
    from training.data.voices import Voices  # noqa: PLC0415

    voices, rng = Voices({family: 1.0}), np.random.default_rng([seed, len(family)])

    def spoken(item: Item) -> Example:
        talker = voices.draw(rng, family=family)
        speech = voices.speak(item.spoken, talker, rng)
        silence = int(_SILENCE_S * SAMPLE_RATE_HZ)
        samples = np.pad(speech.samples * (_PEAK / np.abs(speech.samples).max()), silence)
        samples += _FLOOR * rng.standard_normal(len(samples)).astype(np.float32)
        ends = tuple(end + silence * 1000 // SAMPLE_RATE_HZ for end in speech.word_end_ms)
        clip = Clip((samples * 32767).clip(-32768, 32767).astype(np.int16), ends, talker.voice, speech.source)
        return Example(item, clip)

    def trial(line: Line) -> Trial:
        before = spoken(line.item_before) if line.before else None
        return Trial(family, spoken(line.item), before, line.accepts)

    return [trial(line) for line in LINES]


def evenly(trials: Sequence[Trial], count: int) -> list[Trial]:
    """`count` of them, spread over the whole list."""
    if count >= len(trials):
        return list(trials)
    return [trials[index] for index in np.linspace(0, len(trials) - 1, count).round().astype(int)]
