"""All the voices at hand behind one call: draw a talker, speak a text. Loads an engine when it first speaks.

Knows the engines and what their voices may become; no rooms and no items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy import signal

from training.data.spoken_form import heard
from training.data.voices import espeak, festival, flite, hibari, piper
from training.data.voices.talker import Samples, Talker, Utterance
from training.data.voices.word_times import letters_weight, word_ends
from training.items import SAMPLE_RATE_HZ

DEFAULT_WEIGHTS: Mapping[str, float] = {"hibari": 0.60, "piper": 0.12, "flite": 0.13, "espeak": 0.15}
FAMILIES = ("hibari", "piper", "flite", "espeak", "festival")


class Engine(Protocol):
    """One family's synthesiser."""

    source: str

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Utterance: ...


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken text: float32 [n] at 16 kHz, trimmed to the speech; word_end_ms: one for each word of `heard`."""

    samples: Samples
    word_end_ms: tuple[int, ...]
    talker: Talker
    source: str


class SpeechFailed(Exception):
    """An engine gave no sound for a text. Says which engine; the text stays out of it."""


_ENGINES: dict[str, Callable[[], Engine]] = {
    "hibari": hibari.HibariEngine, "piper": piper.PiperEngine, "flite": flite.FliteEngine,
    "espeak": espeak.EspeakEngine, "festival": festival.FestivalEngine,
}  # fmt: skip
_DRAWS: dict[str, Callable[[np.random.Generator, str], Talker]] = {
    "piper": piper.PiperEngine.draw, "flite": flite.FliteEngine.draw, "espeak": espeak.EspeakEngine.draw,
    "festival": festival.FestivalEngine.draw,
}  # fmt: skip


def draw_hibari(rng: np.random.Generator, sex: str = "") -> Talker:
    """A woman, a man or somebody between; pitch and tract go together as they do in people, with freedom."""
    kind = sex or str(rng.choice(["woman", "man", ""], p=[0.42, 0.42, 0.16]))
    if kind == "woman":
        pitch, tract = np.exp(rng.normal(0.02, 0.13)), np.exp(rng.normal(0.02, 0.055))
        pitch, tract = max(pitch, 0.85), max(tract, 0.94)
    elif kind == "man":
        pitch, tract = np.exp(rng.normal(-0.55, 0.14)), np.exp(rng.normal(-0.15, 0.045))
        pitch, tract = min(pitch, 0.7), min(tract, 0.92)
    else:  # children, and voices that could be either
        pitch, tract = np.exp(rng.uniform(-0.35, 0.4)), np.exp(rng.uniform(-0.12, 0.22))
    return Talker(
        "hibari", "heart", kind,
        rate=float(np.clip(np.exp(rng.normal(0.0, 0.14)), 0.72, 1.4)),
        pitch=float(np.clip(pitch, 0.42, 1.6)), intonation=float(np.clip(rng.normal(1.0, 0.3), 0.3, 1.8)),
        tract=float(np.clip(tract, 0.8, 1.3)), breath_db=float(np.clip(rng.normal(0.0, 4.0), -8, 10)),
        tilt_db=float(rng.normal(0.0, 3.0)),
    )  # fmt: skip


class Voices:
    """The families this run may use, with their weights by examples. Deterministic but for Piper's own noise."""

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        chosen = dict(DEFAULT_WEIGHTS if weights is None else weights)
        unknown = set(chosen) - set(FAMILIES)
        if unknown:
            raise ValueError(f"no voice family {sorted(unknown)}: use some of {', '.join(FAMILIES)}")
        self._names = [name for name, weight in chosen.items() if weight > 0]
        shares = np.array([chosen[name] for name in self._names], float)
        self._shares = shares / shares.sum()
        self._engines: dict[str, Engine] = {}

    def draw(self, rng: np.random.Generator, *, sex: str = "", family: str = "") -> Talker:
        """A talker; `sex` asks for a woman or a man as far as the family has one."""
        family = family or str(rng.choice(self._names, p=self._shares))
        if sex == "woman" and family == "piper":
            family = "hibari" if "hibari" in self._names else self._names[0]
        draw = _DRAWS.get(family, draw_hibari)
        return draw(rng, sex)

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Speech:
        """Raises SpeechFailed where the engine gives nothing."""
        engine = self._engine(talker.family)
        utterance = engine.speak(text, talker, rng)
        words = heard(text).split()
        samples = utterance.samples
        if len(samples) < SAMPLE_RATE_HZ // 20 or not np.isfinite(samples).all() or np.abs(samples).max() < 1e-3:
            raise SpeechFailed(f"{talker.family} gave no sound for a text of {len(words)} words")
        ends = utterance.word_end_ms
        if len(ends) != len(words):
            weights = utterance.weights if len(utterance.weights) == len(words) else tuple(map(letters_weight, words))
            ends = word_ends(samples, weights)
        samples, cut = _trim(samples)
        if talker.tilt_db and talker.family != "hibari":
            samples = _tilt(samples, talker.tilt_db)
        limit = len(samples) * 1000 // SAMPLE_RATE_HZ
        ends = tuple(min(max(end - cut * 1000 // SAMPLE_RATE_HZ, 10), limit) for end in ends)
        return Speech(samples, ends, talker, engine.source)

    def _engine(self, family: str) -> Engine:
        if family not in self._engines:
            self._engines[family] = _ENGINES[family]()
        return self._engines[family]


def _trim(samples: Samples) -> tuple[Samples, int]:
    """Without the silence that the engine puts around; and how many samples were cut at the front."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    margin = SAMPLE_RATE_HZ // 50
    first, last = max(int(loud[0]) - margin, 0), min(int(loud[-1]) + margin, len(samples))
    return samples[first:last], first


def _tilt(samples: Samples, tilt_db: float) -> Samples:
    """A gentle slope of the spectrum by one first-order section."""
    pole = float(np.clip(tilt_db / 24, -0.6, 0.6))
    out = signal.lfilter([1.0, -pole], [1.0], samples).astype(np.float32)
    return np.asarray(out * (np.abs(samples).max() / max(float(np.abs(out).max()), 1e-6)), np.float32)


def other_rate(talker: Talker, rate: float) -> Talker:
    return replace(talker, rate=rate)
