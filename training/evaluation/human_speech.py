"""People reading, for development: the recordings of Debian's pocketsphinx-testdata, where they are installed.

Five sentences read for LibriVox and five commands of a card game, with the times of their words. Never trained on.
"""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.evaluation.trial import Trial
from training.items import SAMPLE_RATE_HZ, Clip, Example, Item

RECORDINGS = Path("/usr/share/pocketsphinx/test/data")
# Made by `python -m benchmarks.word_times`: forced alignment of the known texts.
WORD_TIMES = Path(__file__).resolve().parents[2] / "benchmarks" / "word_times.json"
GROUPS = ("librivox", "cards")
PEOPLE = "people"


def people() -> list[Trial]:
    """A trial for each recording that is on this machine: written down only, no answer. Empty without the package."""
    trials = []
    for name, entry in json.loads(WORD_TIMES.read_text()).items():
        group = name.partition("/")[0]
        file = RECORDINGS / name
        if group in GROUPS and file.is_file():
            item = Item(f"{PEOPLE}/{group}", entry["text"], entry["text"])
            ends = tuple(end for _, _, end in entry["words"])
            trials.append(Trial(PEOPLE, Example(item, Clip(read_wav(file), ends, f"{PEOPLE}/{group}", "pocketsphinx"))))
    return trials


def read_wav(file: Path) -> npt.NDArray[np.int16]:
    """int16 [n] of a mono 16 kHz WAV. Raises ValueError for another."""
    with wave.open(str(file)) as recording:
        shape = recording.getframerate(), recording.getnchannels(), recording.getsampwidth()
        if shape != (SAMPLE_RATE_HZ, 1, 2):
            raise ValueError(f"{file}: {shape[0]} Hz, {shape[1]} channels; 16 kHz mono with 16 bits is needed")
        return np.frombuffer(recording.readframes(recording.getnframes()), "<i2").astype(np.int16)
