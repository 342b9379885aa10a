"""What measured cues are worth: `python -m benchmarks.voice_cues [--model models/embedded] [--items 8]`.

Held-out questions about the speaker's voice, `--items` of each of the four (pitch, rate, level, sex) in every family of
synthetic voices, two in five with noise. Each is answered as the engine answers it (`training.evaluation.served`), once
with the numbers of the thought written as they were measured and once as the model guesses them. Printed: right
answers, beside what always saying the most frequent one would get; and how far the meter is from the labels.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from streaming_encoder import AudioModel, EncoderStream, Voice, VoiceMeter
from training.data.generator import TEXTS_VARIABLE, Generator
from training.data.mixture import FULL
from training.data.scenes import VOICE_CLASSES
from training.data.voices import Voices
from training.evaluation.scores import Tried, is_answered
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.items import Clip

FAMILIES = ("hibari", "espeak", "flite", "piper")
SEED = 6021


def trials(items: int, families: Iterable[str]) -> list[Trial]:
    """`items` of each question in every family. The texts around it are of the corpus, if the environment names it."""
    texts = os.environ.get(TEXTS_VARIABLE)
    mixture, voices = replace(FULL, texts=Path(texts) if texts else None), Voices(FULL.voices)
    found = []
    for place, what in enumerate(VOICE_CLASSES):
        asked = {other: float(other == what) for other in VOICE_CLASSES}
        generator = Generator(SEED + place, replace(mixture, inner={"voice": asked}), voices)
        for family in families:
            found += [Trial(family, example) for example in generator.held_out(items, "voice", family)]
    return found


def measured(model: AudioModel, clip: Clip) -> Voice | None:
    """As the engine measures a whole turn."""
    stream, meter = EncoderStream(model), VoiceMeter()
    for step in stream.hear(clip.samples):
        if step.voice is not None:
            meter.push(step.voice)
    return meter.measure(step.voice for step in stream.hear_tail() if step.voice is not None)


def print_meter(console: Console, model: AudioModel, asked: list[Trial]) -> None:
    """How far the meter is from the labels, over every trial's clip."""
    apart: dict[str, list[float]] = {"pitch, Hz": [], "level, dB": [], "rate, words/s": []}
    for trial in asked:
        example = trial.example
        voice = None if example.clip is None else measured(model, example.clip)
        if voice is None:
            continue
        if voice.pitch_hz is not None and float(example.labels["pitch_hz"]):
            apart["pitch, Hz"].append(abs(voice.pitch_hz - float(example.labels["pitch_hz"])))
        apart["level, dB"].append(abs(voice.level_dbfs - float(example.labels["level_dbfs"])))
        rate = len(example.item.words) / voice.speech_s
        apart["rate, words/s"].append(abs(rate - float(example.labels["words_per_s"])))
    table = Table("the meter and the labels", "of", "p50", "p90", "p95", "most")
    for what, values in apart.items():
        p90, p95 = np.percentile(values, (90, 95))
        table.add_row(what, str(len(values)), *(f"{v:.2f}" for v in (median(values), p90, p95, max(values))))
    console.print(table)


def print_answers(console: Console, columns: dict[str, list[Tried]]) -> None:
    """Right answers by question and by family, %."""
    table = Table("right answers, %", "of", *columns, "majority")
    tried = next(iter(columns.values()))
    groups = [(f"{kind}, {family}", kind, family) for kind in sorted({t.kind for t in tried})
              for family in ("", *dict.fromkeys(t.trial.set for t in tried))]  # fmt: skip
    for name, kind, family in groups:
        rows = [[t for t in column if t.kind == kind and family in ("", t.trial.set)] for column in columns.values()]
        if not rows[0]:
            continue
        keys = Counter(t.trial.example.item.key for t in rows[0])
        shares = [100 * sum(map(is_answered, row)) / len(row) for row in rows]
        most = 100 * max(keys.values()) / len(rows[0])
        table.add_row(name if family else kind, str(len(rows[0])), *(f"{s:.0f}" for s in shares), f"{most:.0f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="What measured cues are worth.")
    parser.add_argument("--model", type=Path, default=Path("models/embedded"))
    parser.add_argument("--items", type=int, default=8, help="of each question in every family of voices")
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="every thought and answer with cues, beside the taught one")
    options = parser.parse_args()
    console = Console()
    asked = trials(options.items, options.families)
    model = ServedModel(options.model, threads=options.threads)
    if model.audio.prosody is None:
        parser.error(f"{options.model} measures nothing: its adapter has no prosody")
    print_meter(console, model.audio, asked)
    columns = {
        name: [Tried(*pair) for pair in zip(asked, model.converse(asked, manner), strict=True)]
        for name, manner in {"measured": Manner(), "guessed": Manner(cues=False)}.items()
    }
    print_answers(console, columns)
    if options.show:
        for tried in columns["measured"]:
            item = tried.trial.example.item
            console.print(f"{tried.kind} {tried.trial.set} | {item.thought} {item.answer} | "
                          f"{tried.reply.thought} {tried.reply.answer}", highlight=False, soft_wrap=True)  # fmt: skip


if __name__ == "__main__":
    main()
