"""festival: the family that is never trained on. Two voices (a diphone man, an HMM woman); evaluation only."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soxr

from training.data import speech_tools
from training.data.voices.flite import read_wav
from training.data.voices.talker import Talker, Utterance
from training.items import SAMPLE_RATE_HZ

MEN = ("kal_diphone",)
WOMEN = ("cmu_us_slt_arctic_hts",)
_TIMEOUT_S = 120


class FestivalEngine:
    """`text2wave` for each sentence: slow (a second or so), which an evaluation can afford."""

    family = "festival"
    source = "festival"

    def __init__(self) -> None:
        self._program = speech_tools.program("text2wave")

    @staticmethod
    def draw(rng: np.random.Generator, sex: str = "") -> Talker:
        woman = sex == "woman" or (not sex and rng.random() < 0.5)
        name = str(rng.choice(WOMEN if woman else MEN))
        return Talker("festival", name, "woman" if woman else "man", float(rng.uniform(0.9, 1.15)))

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Utterance:
        del rng
        with tempfile.TemporaryDirectory(prefix="festival-") as folder:
            source, target = Path(folder) / "text", Path(folder) / "speech.wav"
            source.write_text(text)
            prepare = f"(begin (voice_{talker.name}) (Parameter.set 'Duration_Stretch {1 / talker.rate:.3f}))"
            command = [self._program, "-eval", prepare, str(source), "-o", str(target)]
            environment = speech_tools.environment()
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=_TIMEOUT_S)  # noqa: S603
            samples, rate_hz = read_wav(target)
        out = soxr.resample(samples, rate_hz, SAMPLE_RATE_HZ, quality="HQ")
        return Utterance(np.asarray(out, np.float32))
