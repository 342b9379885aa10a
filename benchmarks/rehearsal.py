"""What rehearsing the answer while the user speaks is worth: `python -m benchmarks.rehearsal [--write]`.

Each recording is fed to the engine in this process, on a clock that moves by the CPU time of every step and by the
audio in between: what it would take on a core of its own, whatever else the machine does. Three runs: with rehearsals,
without them, and with a full second of silence before the end of the turn (as a patient endpoint would wait). Printed:
milliseconds and decoding steps from the tentative end (32 ms of silence) to the first speakable clause, the share of
the core while the user spoke, and how many answers and transcripts equal those after the full wait.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import wave
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.samples import Sample, make
from realtime.clock import FakeClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.loader import load_engine
from realtime.settings import EMBEDDED_MODEL, EngineSettings
from realtime.turns.policy import TENTATIVE_SILENCE_MS
from tts_bridge import Segmenter

RATE_HZ = m.INPUT_SAMPLE_RATE_HZ
HOP = 512
FULL_WAIT_MS = 1_000
THINK_MS = 3_000
VOICED_SHARE = 0.02  # of the loudest 10 ms
DATA = Path(__file__).resolve().parent.parent / "docs" / "data" / "rehearsal.json"

Pcm16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Asked:
    """One recording: times in ms of CPU, `load` the share of the core while its speaker spoke."""

    file: str
    kind: str
    transcript: str
    answer: str
    first_clause_ms: float
    steps: int
    load: float


class Rig:
    """An engine whose clock is the CPU's. A session for each recording."""

    def __init__(self, *, rehearsal_interval_ms: int) -> None:
        settings = EngineSettings()
        self._clock = FakeClock()
        config = EngineConfig(
            str(EMBEDDED_MODEL),
            settings.threads or 1,
            settings.kv_tokens,
            exact=False,
            chunk_frames=settings.chunk_frames,
            right_context_ms=None,
            note_interval_ms=settings.note_interval_ms,
            nice=0,
            rehearsal_interval_ms=rehearsal_interval_ms,
        )
        self._core: EngineCore = load_engine(config, self._clock)[0]

    def ask(self, sample: Sample, at: Path, silence_ms: int) -> Asked:
        pcm, end = read(at / sample.file)
        until = end + silence_ms * RATE_HZ // 1000
        pcm = np.concatenate([pcm, np.zeros(max(0, until - len(pcm)), np.int16)])
        self._core.handle(m.OpenSession(session="s"))
        self._core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
        busy_ms = 0.0
        for begin in range(0, until, HOP):
            arrives_ns = self._clock.now_ns() + HOP * 1_000_000_000 // RATE_HZ
            audio = pcm[begin : min(begin + HOP, until)].tobytes()
            busy_ms += self._spend(m.Audio(session="s", turn=1, at_sample=begin, pcm=audio))
            while self._clock.now_ns() < arrives_ns:
                before_ns = self._clock.now_ns()
                self._said: list[m.FromEngine] = []
                busy_ms += self._spend(None)
                if not self._core.has_work:
                    self._clock.advance_ms(max(0.0, (arrives_ns - self._clock.now_ns()) / 1e6))
                if self._clock.now_ns() == before_ns:
                    break
        asked = self._answer(sample, until, busy_ms / (until * 1000 / RATE_HZ))
        self._core.handle(m.CloseSession(session="s"))
        return asked

    def _answer(self, sample: Sample, until: int, load: float) -> Asked:
        began_ns, first_ms, steps, segmenter = self._clock.now_ns(), None, 0, Segmenter()
        answer = transcript = ""
        self._spend(m.EndTurn(session="s", turn=1, attempt=1, at_sample=until, think_ms=THINK_MS, max_tokens=64))
        steps_to_first = 0
        while self._core.has_work:
            self._said = []
            self._spend(None)
            steps += 1
            for message in self._said:
                spoken = isinstance(message, m.Done)
                if isinstance(message, m.Transcript):
                    transcript = message.text
                if isinstance(message, m.Answer):
                    answer += message.text
                    spoken = bool(segmenter.push(message.text))
                if spoken and first_ms is None:
                    first_ms, steps_to_first = (self._clock.now_ns() - began_ns) / 1e6, steps
        assert first_ms is not None, "an attempt ends with Done"
        return Asked(sample.file, sample.kind, transcript, answer, first_ms, steps_to_first, load)

    def _spend(self, message: m.ToEngine | None) -> float:
        """One message or one step; the clock moves by what it took. Returns that, in ms."""
        began_ns = time.process_time_ns()
        if message is None:
            self._said = self._core.step()
        else:
            self._core.handle(message)
        spent_ms = (time.process_time_ns() - began_ns) / 1e6
        self._clock.advance_ms(spent_ms)
        return spent_ms


def read(path: Path) -> tuple[Pcm16, int]:
    """(samples int16, where the speech ends)."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    blocks = np.abs(pcm[: len(pcm) // 160 * 160].astype(np.float32)).reshape(-1, 160).mean(axis=1)
    return pcm, (int(np.flatnonzero(blocks > VOICED_SHARE * blocks.max())[-1]) + 1) * 160


def row(name: str, runs: list[Asked], waited: list[Asked]) -> tuple[str, ...]:
    times = [asked.first_clause_ms for asked in runs]
    same = sum(a.answer == b.answer for a, b in zip(runs, waited, strict=True))
    heard = sum(a.transcript == b.transcript for a, b in zip(runs, waited, strict=True))
    return (
        name,
        f"{median(times):.0f} / {float(np.percentile(times, 95)):.0f}",
        f"{median(asked.steps for asked in runs):.0f}",
        f"{100 * median(asked.load for asked in runs):.0f} %",
        f"{same} of {len(runs)}",
        f"{heard} of {len(runs)}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {DATA.name}")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        at = Path(directory)
        samples = make(at, variants=0, long=False)
        plans = {
            "rehearsed": (240, TENTATIVE_SILENCE_MS),
            "not rehearsed": (0, TENTATIVE_SILENCE_MS),
            "waited": (0, FULL_WAIT_MS),
        }
        found: dict[str, list[Asked]] = {}
        for name, (interval_ms, silence_ms) in plans.items():
            rig = Rig(rehearsal_interval_ms=interval_ms)
            found[name] = [rig.ask(sample, at, silence_ms) for sample in track(samples, f"{name} …")]
    table = Table("", "first clause ms p50 / p95", "steps", "core while listening", "same answer", "same words")
    for kind in ("synthetic", "human"):
        chosen = {name: [asked for asked in runs if asked.kind == kind] for name, runs in found.items()}
        for name, runs in chosen.items():
            table.add_row(*row(f"{kind}, {name}", runs, chosen["waited"]))
    Console().print(table)
    if arguments.write:
        DATA.parent.mkdir(parents=True, exist_ok=True)
        DATA.write_text(json.dumps({name: [asdict(asked) for asked in runs] for name, runs in found.items()}, indent=1))


if __name__ == "__main__":
    main()
