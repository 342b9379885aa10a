"""Five published benchmarks: how their rows name things, and what counts as right. One small reader each.

A question that is spoken in the sound is a spoken turn. Where the question is in text beside a sound, the sound is the
turn before and the question with its choices is typed; this project's model was never taught such questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.spoken_form import heard
from training.evaluation.trial import Trial
from training.items import Clip, Example, Item
from training.published import scoring
from training.published.files import PublishedFileError, Row, field, rows, sound


@dataclass(frozen=True, slots=True)
class Question:
    """samples: int16 [n], 16 kHz mono. question: in text, empty where it is spoken. choices: empty for a free answer.

    answer: the right one, as published; empty where a judge must decide. group: the benchmark's own category.
    """

    samples: npt.NDArray[np.int16]
    question: str
    choices: tuple[str, ...]
    answer: str
    group: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """name: as people write it. read: a row as a question. is_right: of an answer; None where a judge must decide."""

    name: str
    read: Callable[[Path, Row], Question]
    is_right: Callable[[Question, str], bool] | None

    def questions(self, folder: Path, limit: int | None = None) -> Iterator[Question]:
        """The questions of the files below `folder`, the first `limit`. Raises PublishedFileError."""
        return (self.read(file, row) for file, row in islice(rows(folder), limit))

    def trial(self, question: Question) -> Trial:
        """How the model is asked."""
        clip = Clip(question.samples, (), "published", "published")
        kind = f"published/{question.group or 'all'}"
        if not question.question:
            return Trial(self.name, Example(Item(kind, "", ""), clip))
        listed = (f"{letter}. {choice}" for letter, choice in zip("ABCDEFGHIJ", question.choices, strict=False))
        text = " ".join([question.question, *listed])
        asked = Item(kind, text, heard(text), is_text=True)
        return Trial(self.name, Example(asked, None), Example(Item(kind, "", ""), clip))


def _big_bench_audio(file: Path, row: Row) -> Question:
    """Artificial Analysis' Big Bench Audio: `audio` (or `file_name`), `category`, `official_answer`."""
    answer = str(field(file, row, "official_answer"))
    return Question(sound(file, field(file, row, "audio", "file_name")), "", (), answer, str(row.get("category", "")))


def _spoken_mqa(file: Path, row: Row) -> Question:
    """Spoken-MQA: the sound is `context` (as AudioBench reads it) or `audio`, the number `answer`; a file a split."""
    value = field(file, row, "context", "audio")
    if isinstance(value, dict) and "audio" in value:
        value = value["audio"]
    answer = field(file, row, "answer")
    answer = answer.get("text", "") if isinstance(answer, dict) else answer
    return Question(sound(file, value), "", (), str(answer), file.stem.partition("-")[0])


def _mmsu(file: Path, row: Row) -> Question:
    """MMSU: `audio` (or `audio_path`), `question`, `choice_a` … `choice_d`, the right choice's text in `answer_gt`."""
    choices = tuple(str(row[name]) for name in ("choice_a", "choice_b", "choice_c", "choice_d") if row.get(name))
    samples = sound(file, field(file, row, "audio", "audio_path"))
    answer = str(field(file, row, "answer_gt"))
    return Question(samples, str(field(file, row, "question")), choices, answer, str(row.get("task_name", "")))


def _mmau(file: Path, row: Row) -> Question:
    """MMAU (test-mini has answers): `audio_id`, a path; `question`, `choices`, `answer`, `task` (its domain)."""
    choices = tuple(map(str, field(file, row, "choices")))
    samples = sound(file, field(file, row, "audio_id", "audio", "context"))
    answer = str(field(file, row, "answer"))
    return Question(samples, str(field(file, row, "question")), choices, answer, str(row.get("task", "")))


def _wild_speech(file: Path, row: Row) -> Question:
    """WildSpeech-Bench: `audio`, `taskType`; its answers are judged by a language model, with a `checklist`."""
    return Question(sound(file, field(file, row, "audio")), "", (), "", str(row.get("taskType", "")))


def _takes_the_right_choice(question: Question, answer: str) -> bool:
    taken = scoring.chosen(answer, question.choices)
    return taken is not None and heard(question.choices[taken]) == heard(question.answer)


BENCHMARKS = {
    "big_bench_audio": Benchmark(
        "Big Bench Audio", _big_bench_audio,
        lambda q, a: scoring.says_number(a, q.answer) if q.answer.strip().isdigit() else scoring.says(a, q.answer),
    ),
    "spoken_mqa": Benchmark("Spoken-MQA", _spoken_mqa, lambda q, a: scoring.says_number(a, q.answer)),
    "mmsu": Benchmark("MMSU", _mmsu, _takes_the_right_choice),
    "mmau": Benchmark("MMAU", _mmau, _takes_the_right_choice),
    "wild_speech": Benchmark("WildSpeech-Bench", _wild_speech, None),
}  # fmt: skip

__all__ = ["BENCHMARKS", "Benchmark", "PublishedFileError", "Question"]
