"""How well the transcriber hears people, how far behind its notes are, and what a pass costs.

    python -m benchmarks.transcriber MODEL [--threads 1] [--sentences] [--plans 32:320 16:320 …]

MODEL is a checkpoint directory with a transcriber. For every chunk (50 Hz frames) and right context (ms), over the
sentences of people and the seed samples: word error rate of the final line; share of the words noted before the end and
errors among the notes; milliseconds from the end of a word, where it was noted as it was said, to the audio position of
its note; CPU ms, median and largest, of the encoder's step, of a pass, of the tail's encoding and of the final line.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.encoder import machine
from benchmarks.samples import Source, path_of, sources
from client_demo.correctness import word_errors
from realtime.transcriber import Transcriber, TranscriberStream, load_transcriber
from realtime.transcriber.wording import spoken_words
from streaming_encoder import AudioModel, EncoderStream, load_audio_model
from tests.turns_material import Pcm16, load

RATE_HZ = 16_000
HOP = 512  # samples of a push: 32 ms
PLANS = ["64:320", "64:160", "64:0", "32:320", "32:160", "32:0", "16:320", "16:160", "16:0"]


@dataclass(slots=True)
class Costs:
    """CPU ms of every call, by what it does."""

    encoded: list[float] = field(default_factory=list)
    passes: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)
    lines: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Taken:
    """One recording as it was taken down. notes: (word, audio position in ms by which it was noted)."""

    source: Source
    words: tuple[str, ...]
    notes: tuple[tuple[str, int], ...]

    @property
    def said(self) -> list[str]:
        return spoken_words(self.source.text)

    @property
    def errors(self) -> int:
        return word_errors(self.said, self.words)

    def lags_ms(self) -> Iterator[int]:
        """Of the notes that say what was said, in order."""
        if len(self.said) != len(self.source.words):
            return
        for (_, _, end_ms), said, (noted, at_ms) in zip(self.source.words, self.said, self.notes, strict=False):
            if said == noted:
                yield at_ms - end_ms


def take_down(
    model: AudioModel, transcriber: Transcriber, plan: tuple[int, int], source: Source, costs: Costs
) -> Taken:
    """Hear one recording in pushes of 32 ms."""
    pcm: Pcm16 = load(path_of(source.name))
    encoder, stream = EncoderStream(model, *plan), TranscriberStream(transcriber)
    notes: list[tuple[str, int]] = []
    for start in range(0, len(pcm), HOP):
        steps = _timed(costs.encoded, lambda start=start: encoder.hear(pcm[start : start + HOP]))
        if not steps:
            costs.encoded.pop()
        for step in steps:
            words = _timed(costs.passes, lambda step=step: stream.hear(step))
            notes += [(word, encoder.samples * 1000 // RATE_HZ) for word in words]
    tail = _timed(costs.tails, encoder.hear_tail)
    line = _timed(costs.lines, lambda: stream.line(tail))
    return Taken(source, line.words, tuple(notes))


def _timed(into: list[float], call):  # type: ignore[no-untyped-def]
    begun = time.process_time()
    result = call()
    into.append(1000 * (time.process_time() - begun))
    return result


def _cost(values: Sequence[float]) -> str:
    return f"{median(values):.0f} / {max(values):.0f}" if values else "–"


def report(console: Console, rows: list[tuple[str, str, list[Taken], Costs]]) -> None:
    table = Table("chunk:right", "voices", "WER %", "noted %", "notes' WER %", "lag ms p50 / p95", "encoder", "pass",
                  "tail", "final line")  # fmt: skip
    for plan, kind, taken, costs in rows:
        words = sum(len(t.said) for t in taken)
        noted = sum(len(t.notes) for t in taken)
        # Of notes that stop somewhere the rest of the sentence is no error.
        wrong = sum(
            min(word_errors(t.said[:n], [w for w, _ in t.notes]) for n in range(len(t.said) + 1)) for t in taken
        )
        lags = [lag for t in taken for lag in t.lags_ms()]
        lag = f"{median(lags):.0f} / {np.percentile(lags, 95):.0f}" if lags else "–"
        table.add_row(
            plan, kind, f"{100 * sum(t.errors for t in taken) / words:.1f}", f"{100 * noted / words:.0f}",
            f"{100 * wrong / max(1, noted):.1f}", lag, _cost(costs.encoded), _cost(costs.passes), _cost(costs.tails),
            _cost(costs.lines),
        )  # fmt: skip
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plans", nargs="+", default=PLANS, help="chunk in frames : right context in ms")
    parser.add_argument("--sentences", action="store_true", help="print every line with its errors")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, transcriber = load_audio_model(arguments.model), load_transcriber(arguments.model)
    if transcriber is None:
        parser.error(f"{arguments.model} has no transcriber; python -m training.with_transcriber makes one that has")
    console = Console(width=150)
    console.print(machine(arguments.threads))
    recordings = [source for source in sources() if source.group != "commands"]
    rows = []
    for name in arguments.plans:
        chunk, right = map(int, name.split(":"))
        for kind in ("human", "synthetic"):
            costs = Costs()
            taken = [take_down(model, transcriber, (chunk, right), s, costs) for s in recordings if s.kind == kind]
            if taken:
                rows.append((name, kind, taken, costs))
            if arguments.sentences:
                for one in taken:
                    console.print(f"{name} {one.source.name}: {one.errors} of {len(one.said)}: {' '.join(one.words)}")
    report(console, rows)


if __name__ == "__main__":
    main()
