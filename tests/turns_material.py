"""Recordings for tests and benchmarks of turn-taking, and what can be done to them. Synthetic and human voices.

The human ones are Debian's pocketsphinx-testdata; without the package their sets are empty.
"""

from __future__ import annotations

import itertools
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from realtime.turns.decisions import SAMPLES_PER_MS, level_dbfs
from realtime.turns.listener import as_float32

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "models"
SAMPLES = MODELS / "embedded" / "samples"
POCKETSPHINX = Path("/usr/share/pocketsphinx/test/data")
MISSING = "Debian's pocketsphinx-testdata is not installed (apt-get install pocketsphinx-testdata)"

Pcm16 = npt.NDArray[np.int16]

SETS: dict[str, list[Path]] = {
    "seed samples (synthetic)": sorted(SAMPLES.glob("*.wav")),
    "librivox (human, read)": sorted(POCKETSPHINX.glob("librivox/*.wav")),
    "cards (human, short)": sorted(POCKETSPHINX.glob("cards/*.wav")),
    "commands and digits (human)": sorted([*POCKETSPHINX.glob("*.raw"), *POCKETSPHINX.glob("tidigits/*.raw")]),
}
HUMAN = [path for name, paths in SETS.items() if "human" in name for path in paths]


def load(path: Path) -> Pcm16:
    """Mono 16 kHz samples of a .wav, or of a .raw of little-endian int16."""
    if path.suffix == ".raw":
        return np.fromfile(path, dtype="<i2")
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2), path
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def quiet(pcm: Pcm16, duration_ms: int) -> Pcm16:
    """`duration_ms` of white noise as loud as the quietest 20 ms of `pcm`: a pause in the same room. Seeded."""
    blocks = pcm[: len(pcm) // 320 * 320].astype(np.float64).reshape(-1, 320)
    level = float(np.sqrt(np.square(blocks).mean(axis=1).min()))
    noise = np.random.default_rng(len(pcm)).standard_normal(duration_ms * SAMPLES_PER_MS)
    return np.rint(noise * level).astype(np.int16)


def natural_pauses(pcm: Pcm16, first_sample: int, last_sample: int, shortest_ms: int = 80) -> list[tuple[int, int]]:
    """[begin, end) of each stretch within the given bounds that is a pause.

    Quiet is 35 dB below the loudest 10 ms: for recordings with a background as quiet as that.
    """
    hop = 10 * SAMPLES_PER_MS
    audio = as_float32(pcm)
    levels = np.array([level_dbfs(audio[i : i + hop]) for i in range(0, len(audio) - hop + 1, hop)])
    loud = [int(i) for i in np.flatnonzero(levels > levels.max() - 35)]
    loud = [i for i in loud if first_sample <= i * hop < last_sample]
    return [((a + 1) * hop, b * hop) for a, b in itertools.pairwise(loud) if (b - a - 1) * 10 >= shortest_ms]


def quietest_places(pcm: Pcm16, first_sample: int, last_sample: int, count: int = 2) -> list[tuple[int, int]]:
    """The `count` quietest 20 ms within the bounds, 300 ms apart and away from both ends, as pauses of no length.

    For fluent recordings without pauses: a speaker who stops between two words, or even inside one.
    """
    hop, apart = 20 * SAMPLES_PER_MS, 300 * SAMPLES_PER_MS
    audio = as_float32(pcm)
    places = sorted(
        range(first_sample + apart, last_sample - apart, hop), key=lambda at: level_dbfs(audio[at : at + hop])
    )
    chosen: list[int] = []
    for at in places:
        if len(chosen) < count and all(abs(at - other) >= apart for other in chosen):
            chosen.append(at)
    return [(at + hop // 2, at + hop // 2) for at in sorted(chosen)]


def with_pauses(pcm: Pcm16, pauses: Sequence[tuple[int, int]], pause_ms: int) -> Pcm16:
    """`pcm` with each of `pauses` made `pause_ms` long (those that are longer stay as they are)."""
    pieces = []
    done = 0
    for begin, end in pauses:
        middle = (begin + end) // 2
        missing_ms = pause_ms - (end - begin) // SAMPLES_PER_MS
        pieces += [pcm[done:middle], quiet(pcm, max(0, missing_ms))]
        done = middle
    return np.concatenate([*pieces, pcm[done:]])
