"""hibari as many speakers: its network predicts a spectrum and a pitch, which are bent before they become sound.

Because source and filter are apart, pitch and vocal tract move independently, at no cost and without artefacts of
resampling. Knows hibari's interface; no rooms, no items.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr

from training.data.voices.talker import Samples, Talker, Utterance
from training.items import SAMPLE_RATE_HZ

_RATE_HZ = 24_000
_VOICED_HZ = 40.0


class HibariEngine:
    """The voice "heart", loaded once in a process, one thread."""

    family = "hibari"
    source = "hibari"

    def __init__(self) -> None:
        from hibari import Hibari, dsp  # noqa: PLC0415 — a mixture without it needs no package

        self._tts: Any = Hibari(voice="heart", threads=1)
        self._dsp: Any = dsp

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Utterance:
        pieces: list[Samples] = []
        weights: list[float] = []
        for phonemes in self._tts.phonemize(text):
            pieces.append(self._piece(self._tts.ids(phonemes), talker, rng))
            weights += [_weight(group) for group in phonemes.split() if any(c.isalpha() for c in group)]
        wave = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        return Utterance(_to_16k(wave), tuple(weights))

    def _piece(self, ids: list[int], talker: Talker, rng: np.random.Generator) -> Samples:
        if len(ids) < 3:
            return np.zeros(0, np.float32)
        feed = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([talker.rate], np.float32)}
        spectrum = [part[0] for part in self._tts.sess.run(None, feed)]
        wave: Samples = self._dsp.synth(*bend(spectrum, talker), rng)
        return wave


def _weight(group: str) -> float:
    """A phoneme group's share of the time: long vowels and diphthongs (capitals in this alphabet) count more."""
    marks = sum(c in "ˈˌ.,!?;:" for c in group)
    return 0.5 + len(group) - marks + 0.5 * sum(c in "AIOQWYæɑɔiuɜː" for c in group) + 0.3 * ("ˈ" in group)


def bend(spectrum: list[Any], talker: Talker) -> list[Any]:
    """Another speaker. Five parts are [bins, frames] (log magnitudes and phases), the sixth is f0 [frames] in Hz."""
    lh, th, ln, lr, phi, f0 = spectrum
    voiced = f0 > _VOICED_HZ
    if voiced.any() and (talker.pitch != 1.0 or talker.intonation != 1.0):
        log = np.log(np.maximum(f0, _VOICED_HZ))
        mean = log[voiced].mean()
        moved = np.exp(mean + (log - mean) * talker.intonation) * talker.pitch
        f0 = np.where(voiced, np.clip(moved, 55.0, 500.0), 0.0).astype(np.float32)
    bins = len(lh)
    if talker.tract != 1.0:
        # The envelope at frequency f is taken from f / tract; what lies above the band's end repeats its edge.
        place = np.minimum(np.arange(bins, dtype=np.float32) / talker.tract, bins - 1.001)
        low = place.astype(np.int32)
        part = (place - low)[:, None].astype(np.float32)
        lh, ln, lr = (a[low] + (a[low + 1] - a[low]) * part for a in (lh, ln, lr))
        nearest = np.rint(place).astype(np.int32)
        th, phi = th[nearest], phi[nearest]
    gain = np.linspace(0.0, talker.tilt_db * (_RATE_HZ / 2) / 8000, bins, dtype=np.float32)[:, None] / 8.686
    if talker.tilt_db != 0.0:
        lh, ln, lr = lh + gain, ln + gain, lr + gain
    if talker.breath_db != 0.0:
        ln = ln + np.float32(talker.breath_db / 8.686)
    if talker.pitch != 1.0:
        # The free-phase part carries traces of the old pitch; with another one it is turned down.
        lr = lr - np.float32(min(1.2, 3.0 * abs(np.log(talker.pitch))))
    return [lh, th, ln, lr, phi, f0]


def _to_16k(wave: Samples) -> Samples:
    return np.asarray(soxr.resample(wave, _RATE_HZ, SAMPLE_RATE_HZ, quality="HQ"), np.float32)
