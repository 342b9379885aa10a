"""Whether the answers and the notes were right, where somebody wrote down what to expect. Pure; it knows no wire.

The file of `--expect` is a JSON array of objects with `file` and any of `transcript` (or `text`), `expected_answer`
(or `expected`), `key` and `speech_end_ms`, as models/embedded/samples/expected.json has them. Files are matched by
their name alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from num2words import num2words

from client_demo.errors import UsageFailure


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is said in one recording, what is to be answered, and the words that any right answer has in it.

    speech_end_ms: what is heard later than this is no speech, but a breath, a click or the room.
    """

    transcript: str | None
    answer: str | None
    key: str | None
    speech_end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question: None where nothing was expected. `errors` of `words` were wrong in the transcript."""

    exact: bool | None
    key: bool | None
    errors: int
    words: int


def read_expectations(path: Path) -> dict[str, Expectation]:
    """By file name. Raises `UsageFailure` where `path` is not such a file."""
    try:
        entries = json.loads(path.read_text())
        return {Path(entry["file"]).name: _expectation(entry) for entry in entries}
    except OSError as error:
        raise UsageFailure(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageFailure(f"{path} is not an array of objects with `file` and what to expect of it") from error


def _expectation(entry: Mapping[str, Any]) -> Expectation:
    answer = entry.get("expected_answer", entry.get("expected"))
    return Expectation(entry.get("transcript", entry.get("text")), answer, entry.get("key"), entry.get("speech_end_ms"))


def judge(expected: Expectation, transcript: str, answer: str) -> Verdict:
    """Compare in lower case and without punctuation; a key counts where its words stand in the answer in a row."""
    said, wanted = plain_words(answer), plain_words(expected.answer or "")
    key = plain_words(expected.key or "")
    reference = plain_words(expected.transcript or "")
    return Verdict(
        exact=said == wanted if wanted else None,
        key=f" {' '.join(key)} " in f" {' '.join(said)} " if key else None,
        errors=word_errors(reference, plain_words(transcript)) if reference else 0,
        words=len(reference),
    )


def summary_of(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Shares over the questions that have an expectation, and the word error rate over all their words."""
    exact = [verdict.exact for verdict in verdicts if verdict.exact is not None]
    key = [verdict.key for verdict in verdicts if verdict.key is not None]
    words = sum(verdict.words for verdict in verdicts)
    return {
        "questions": len(exact),
        "exact": sum(exact),
        "exact_share": round(sum(exact) / len(exact), 4) if exact else None,
        "key_questions": len(key),
        "key": sum(key),
        "words": words,
        "word_errors": sum(verdict.errors for verdict in verdicts),
        "wer": round(sum(verdict.errors for verdict in verdicts) / words, 4) if words else None,
    }


def plain_words(text: str) -> list[str]:
    """The words of `text` in lower case, numbers written out: a recogniser that writes 6 heard six."""
    spelled = re.sub(r"\d{1,12}", lambda number: f" {num2words(int(number[0]))} ", text)
    return re.findall(r"[\w']+", spelled.lower())


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Least number of words to replace, add or leave out that makes `heard` of `reference` (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
