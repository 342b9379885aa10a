"""What measured cues are worth: `python -m benchmarks.voice_cues [--model models/embedded] [--items 8] [--meter-only]`.

Held-out questions about the speaker's voice, `--items` of each of the four (pitch, rate, level, sex) in every family of
synthetic voices, as many of either answer, two in five with noise. Each is answered as the engine answers it
(`training.evaluation.served`), once with the numbers of the thought written as they were measured and once as the model
guesses them. Printed: right answers, beside what always saying the most frequent one would get; those of the questions
whose every word was heard; how far the meter is from the labels, and how often what it measured is of the right class.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from realtime.mind import cues
from streaming_encoder import AudioModel, EncoderStream, Voice, VoiceMeter
from training.data.generator import TEXTS_VARIABLE, Generator
from training.data.mixture import FULL
from training.data.scenes import VOICE_CLASSES
from training.data.voices import Voices
from training.evaluation.balance import MOST_BATCHES, balanced
from training.evaluation.scores import Tried, is_answered
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.items import Clip, Example

FAMILIES = ("hibari", "espeak", "flite", "piper")
SEED = 6021
_BEFORE_CLASS = {
    "pitch": "is about 0 hertz, which is", "sex": "is about 0 hertz and sounds like a",
    "level": "is at about 0 decibels, which is", "rate": "says about 0 words a second, which is",
}  # fmt: skip


def drawn(items: int, families: Iterable[str], kind: str, what: str, others: Iterable[str], labels: Sequence[str],
          label: Callable[[Example], str], seed: int) -> list[Trial]:  # fmt: skip
    """Of one question of a group `items` in every family. The texts around it are of the corpus, if one is named."""
    texts = os.environ.get(TEXTS_VARIABLE)
    mixture, voices = replace(FULL, texts=Path(texts) if texts else None), Voices(FULL.voices)
    mixture = replace(mixture, inner={kind: {other: float(other == what) for other in others}})
    generators = [Generator(seed + 1000 * batch, mixture, voices) for batch in range(MOST_BATCHES)]
    wanted = dict.fromkeys(labels, max(1, items // len(labels)))
    found = []
    for family in families:

        def draw(batch: int, family: str = family) -> list[Example]:
            examples = generators[batch].held_out(items, kind, family)
            return [example for example in examples if example.item.kind == f"{kind}/{what}"]

        found += [Trial(family, example) for example in balanced(wanted, draw, label)]
    return found


def trials(items: int, families: Sequence[str]) -> list[Trial]:
    """`items` of each question in every family."""
    found = []
    for place, (what, words) in enumerate(VOICE_CLASSES.items()):

        def label(of: Example, what: str = what) -> str:
            return of.labels.get(what, "")

        found += drawn(items, families, "voice", what, VOICE_CLASSES, words, label, SEED + place)
    return found


def measured(model: AudioModel, clip: Clip) -> Voice | None:
    """As the engine measures a whole turn."""
    stream, meter = EncoderStream(model), VoiceMeter()
    for step in stream.hear(clip.samples):
        if step.voice is not None:
            meter.push(step.voice)
    return meter.measure(step.voice for step in stream.hear_tail() if step.voice is not None)


def said(what: str, voice: Voice, words: int) -> str:
    """The class that the thought is given for what was measured; "" where the number is between two."""
    return cues.measured(f"The voice {_BEFORE_CLASS[what]}", voice, words).strip()


def print_meter(console: Console, model: AudioModel, asked: list[Trial]) -> None:
    """How far the meter is from the labels, over every trial's clip; and how often that is the right class."""
    apart: dict[str, list[float]] = {"pitch, Hz": [], "level, dB": [], "rate, words/s": []}
    classes: dict[str, Counter[str]] = {}
    for trial in asked:
        example = trial.example
        voice = None if example.clip is None else measured(model, example.clip)
        if voice is None:
            continue
        what, words = example.item.kind.partition("/")[2], len(example.item.words)
        word = said(what, voice, words)
        is_right = "right" if word == example.labels[what] else "wrong" if word else "between"
        classes.setdefault(what, Counter())[is_right] += 1
        if voice.pitch_hz is not None and float(example.labels["pitch_hz"]):
            apart["pitch, Hz"].append(abs(voice.pitch_hz - float(example.labels["pitch_hz"])))
        apart["level, dB"].append(abs(voice.level_dbfs - float(example.labels["level_dbfs"])))
        apart["rate, words/s"].append(abs(words / voice.speech_s - float(example.labels["words_per_s"])))
    table = Table("the meter and the labels", "of", "p50", "p90", "p95", "most")
    for name, values in apart.items():
        p90, p95 = np.percentile(values, (90, 95))
        table.add_row(name, str(len(values)), *(f"{v:.2f}" for v in (median(values), p90, p95, max(values))))
    console.print(table)
    alone = Table("the meter alone", "of", "right", "between", "wrong")
    for what, of in classes.items():
        alone.add_row(what, str(of.total()), *(str(of[name]) for name in ("right", "between", "wrong")))
    console.print(alone)


def print_answers(console: Console, columns: dict[str, list[Tried]]) -> None:
    """Right answers by question and by family, %; in the last columns of the questions heard word for word."""
    first = next(iter(columns))
    table = Table("right answers, %", "of", *columns, "majority", "heard whole", f"{first}, of these")
    tried = columns[first]
    groups = [(f"{kind}, {family}", kind, family) for kind in sorted({t.kind for t in tried})
              for family in ("", *dict.fromkeys(t.trial.set for t in tried))]  # fmt: skip
    for name, kind, family in groups:
        rows = [[t for t in column if t.kind == kind and family in ("", t.trial.set)] for column in columns.values()]
        if not rows[0]:
            continue
        keys = Counter(t.trial.example.item.key for t in rows[0])
        shares = [100 * sum(map(is_answered, row)) / len(row) for row in rows]
        most = 100 * max(keys.values()) / len(rows[0])
        whole = [t for t in rows[0] if t.reply.heard == t.trial.example.item.heard]
        of_whole = f"{100 * sum(map(is_answered, whole)) / len(whole):.0f}" if whole else ""
        table.add_row(name if family else kind, str(len(rows[0])), *(f"{s:.0f}" for s in shares), f"{most:.0f}",
                      str(len(whole)), of_whole)  # fmt: skip
    console.print(table)


def print_replies(console: Console, tried: Iterable[Tried]) -> None:
    """Every line, thought and answer, beside the taught ones."""
    for of in tried:
        item = of.trial.example.item
        mark = "+" if is_answered(of) else "-"
        taught, written = f"{item.thought} {item.answer}", f"{of.reply.thought} {of.reply.answer}"
        line = f"{mark} {of.kind} {of.trial.set} | {item.heard} | {taught} | {of.reply.heard} | {written}"
        console.print(line, highlight=False, soft_wrap=True)


def answered(model: ServedModel, asked: list[Trial]) -> dict[str, list[Tried]]:
    """Every trial with what was measured in its thoughts, and without."""
    return {
        name: [Tried(*pair) for pair in zip(asked, model.converse(asked, manner), strict=True)]
        for name, manner in {"measured": Manner(), "guessed": Manner(cues=False)}.items()
    }


def options(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=Path, default=Path("models/embedded"))
    parser.add_argument("--items", type=int, default=8, help="of each question in every family of voices")
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--meter-only", action="store_true", help="ask nothing")
    parser.add_argument("--show", action="store_true", help="every thought and answer with cues, beside the taught one")
    return parser


def compare(
    given: argparse.Namespace, asked: list[Trial], meter: Callable[[Console, AudioModel, list[Trial]], None]
) -> None:
    """Print what `meter` finds in the trials, and the answers with and without it."""
    console = Console()
    model = ServedModel(given.model, threads=given.threads)
    if model.audio.prosody is None:
        raise SystemExit(f"{given.model} measures nothing: its adapter has no prosody")
    meter(console, model.audio, asked)
    if given.meter_only:
        return
    columns = answered(model, asked)
    print_answers(console, columns)
    if given.show:
        print_replies(console, columns["measured"])


def main() -> None:
    given = options("What measured cues of the voice are worth.").parse_args()
    compare(given, trials(given.items, given.families), print_meter)


if __name__ == "__main__":
    main()
