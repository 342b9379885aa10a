"""flite: five small American and Scottish voices, one process for each sentence. Knows its command line only."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
import soxr

from training.data import speech_tools
from training.data.voices.talker import Samples, Talker, Utterance
from training.items import SAMPLE_RATE_HZ

MEN = ("kal", "kal16", "awb", "rms")
WOMEN = ("slt",)
_TIMEOUT_S = 60


def read_wav(path: Path) -> tuple[Samples, int]:
    """float32 [n] mono in [-1, 1] and the rate in Hz, of a 16-bit WAV."""
    with wave.open(str(path), "rb") as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        if file.getnchannels() > 1:
            data = data.reshape(-1, file.getnchannels()).mean(axis=1)
        return np.asarray(data, np.float32), file.getframerate()


class FliteEngine:
    """Pitch and tract move together, by resampling; the rate is flite's own duration stretch, put right for that."""

    family = "flite"
    source = "flite"

    def __init__(self) -> None:
        self._program = speech_tools.program("flite")
        self._environment = speech_tools.environment()

    @staticmethod
    def draw(rng: np.random.Generator, sex: str = "") -> Talker:
        woman = sex == "woman" or (not sex and rng.random() < 0.4)
        name = str(rng.choice(WOMEN if woman else MEN))
        shift = float(np.exp(rng.normal(0.0, 0.06)))
        shift = min(max(shift, 0.88), 1.14)
        return Talker("flite", name, "woman" if woman else "man", float(rng.uniform(0.8, 1.25)), shift, 1.0, shift)

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Utterance:
        del rng
        with tempfile.TemporaryDirectory(prefix="flite-") as folder:
            source, target = Path(folder) / "text", Path(folder) / "speech.wav"
            source.write_text(text)
            stretch = talker.tract / talker.rate
            command = [self._program, "-voice", talker.name, "--setf", f"duration_stretch={stretch:.3f}"]
            command += ["-f", str(source), "-o", str(target)]
            subprocess.run(command, env=self._environment, check=True, capture_output=True, timeout=_TIMEOUT_S)  # noqa: S603
            samples, rate_hz = read_wav(target)
        out = soxr.resample(samples, rate_hz * talker.tract, SAMPLE_RATE_HZ, quality="HQ")
        return Utterance(np.asarray(out, np.float32))
