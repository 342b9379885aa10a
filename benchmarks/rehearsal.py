"""What rehearsing the answer while the user speaks is worth: `python -m benchmarks.rehearsal [--write]`.

Each recording is fed to an engine whose clock is the CPU's (`benchmarks.cpu_rig`). Three runs: with rehearsals,
without them, and with a full second of silence before the end of the turn (as a patient endpoint would wait). Printed:
milliseconds and decoding steps from the tentative end (32 ms of silence) to the first speakable clause, the share of
the core while the user spoke, and how many answers and transcripts equal those after the full wait.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import wave
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.cpu_rig import RATE_HZ, CpuRig, Pcm16
from benchmarks.samples import Sample, make
from realtime.turns.policy import TENTATIVE_SILENCE_MS

FULL_WAIT_MS = 1_000
VOICED_SHARE = 0.02  # of the loudest 10 ms
DATA = Path(__file__).resolve().parent.parent / "docs" / "data" / "rehearsal.json"


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


def ask(rig: CpuRig, sample: Sample, at: Path, silence_ms: int) -> Asked:
    pcm, end = read(at / sample.file)
    until = end + silence_ms * RATE_HZ // 1000
    answered = rig.ask(np.concatenate([pcm, np.zeros(max(0, until - len(pcm)), np.int16)])[:until])
    return Asked(
        sample.file,
        sample.kind,
        answered.transcript,
        answered.answer,
        answered.first_clause_ms,
        answered.steps,
        answered.load,
    )


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
            rig = CpuRig(rehearsal_interval_ms=interval_ms)
            found[name] = [ask(rig, sample, at, silence_ms) for sample in track(samples, f"{name} …")]
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
