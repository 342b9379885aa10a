"""Gives recordings their words: writes down those without text, follows the script of those that have one.

It knows recordings, a recognizer's words and when to believe them; no model, no game, no shard. What it gives is the
manifest that any real corpus brings along: JSON lines of audio, text, speaker, source, start_ms, end_ms, word_end_ms.

Short recordings share a window: Whisper always looks at 30 s and costs the same for two seconds as for thirty.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from training.data.spoken_form import heard
from training.items import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.int16]

SHORTEST_S, LONGEST_S = 0.6, 20.0  # below: no sentence, and no context to hear it in; above: a turn nobody takes
_WINDOW_SAMPLES = 30 * SAMPLE_RATE_HZ
_GAP_SAMPLES = SAMPLE_RATE_HZ * 8 // 10  # silence between recordings in one window: Whisper hears it as a pause

# Mean log probabilities of a line's words: below the first what stands there was mostly not said, above the second it
# is right but for a rare word. Read on two games' lines. An actor's script may surprise Whisper and be right all the
# same (names, "Err…"); what Whisper wrote itself surprises it only where it guessed.
_SCRIPTED = (-1.1, -0.45)
_WRITTEN = (-0.6, -0.25)
_SURE_WORST = 0.02  # a word less probable than this was often left out or said differently
_MOST_WORDS_PER_SECOND = 7.0
_MOST_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word as Whisper writes it, with punctuation. Times in ms from the recording's first sample."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class Label:
    """text: in the form that the model writes. word_end_ms: one for each of its words, non-decreasing.

    is_sure: worth a place in an evaluation; the others are right in most words and good enough to learn from.
    """

    text: str
    word_end_ms: tuple[int, ...]
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a manifest. audio: a path, relative to the manifest; start_ms and end_ms: the part of it.

    sure: as `Label.is_sure`, by the name that shards give it.
    """

    audio: str
    text: str
    speaker: str
    source: str
    start_ms: int
    end_ms: int
    word_end_ms: tuple[int, ...]
    sure: bool


class Recognizer(Protocol):
    """Whisper, or what stands in for it. Both take recordings that fit one window and give the words of each."""

    def write_down(self, recordings: Sequence[Samples]) -> list[list[Word]]: ...

    def follow(self, recordings: Sequence[Samples], scripts: Sequence[str]) -> list[list[Word]]:
        """The words of the scripts, when each was said and how probable it is that it was."""
        ...


def windows(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of recordings, in order, as many as fit one window with silence after each; lengths in samples."""
    window: list[int] = []
    filled = 0
    for index, length in enumerate(lengths):
        if window and filled + length + _GAP_SAMPLES > _WINDOW_SAMPLES:
            yield window
            window, filled = [], 0
        window.append(index)
        filled += length + _GAP_SAMPLES
    if window:
        yield window


def join(recordings: Sequence[Samples]) -> tuple[npt.NDArray[np.float32], list[tuple[int, int]]]:
    """Recordings with silence between them, float32 [n]; and where each begins and ends, in samples."""
    spans, at = [], 0
    for recording in recordings:
        spans.append((at, at + len(recording)))
        at += len(recording) + _GAP_SAMPLES
    joined = np.zeros(at, np.float32)
    for (start, end), recording in zip(spans, recordings, strict=True):
        joined[start:end] = recording.astype(np.float32) / 32768
    return joined, spans


def whose(middle_ms: float, spans: Sequence[tuple[int, int]]) -> int:
    """The recording in which a word lies whose middle is at `middle_ms` of the window, or the nearest."""
    at = middle_ms * SAMPLE_RATE_HZ / 1000
    return min(range(len(spans)), key=lambda index: max(spans[index][0] - at, at - spans[index][1], 0.0))


def judge(words: Sequence[Word], seconds: float, is_scripted: bool) -> Label | None:
    """What to teach of a recording, or None where that is doubtful: of a bad length, improbable, repeated, hurried."""
    text: list[str] = []
    ends: list[int] = []
    kept = [(word, heard(word.text).split()) for word in whole(words)]
    kept = [(word, parts) for word, parts in kept if parts]
    if not kept or not SHORTEST_S <= seconds <= LONGEST_S:
        return None
    whole_ms = int(seconds * 1000)
    for word, parts in kept:
        start, end = (min(max(ms, ends[-1] if ends else 0), whole_ms) for ms in (word.start_ms, word.end_ms))
        text += parts  # a number is several words: they share its time
        ends += [start + (end - start) * number // len(parts) for number in range(1, len(parts) + 1)]
    probabilities = [max(word.probability, 1e-4) for word, _ in kept]
    mean = sum(map(math.log, probabilities)) / len(probabilities)
    doubtful, sure = _SCRIPTED if is_scripted else _WRITTEN
    if mean < doubtful or len(text) > _MOST_WORDS_PER_SECOND * seconds or repeats(text) > _MOST_REPEATS:
        return None
    is_sure = mean > sure and min(probabilities) > _SURE_WORST
    return Label(" ".join(text), tuple(ends), is_sure)


def whole(words: Sequence[Word]) -> list[Word]:
    """Joins what is written without a space before it to the word before: "AIN", "'T", "!" are one."""
    found: list[Word] = []
    for word in words:
        if found and not word.text.startswith(" "):
            first = found[-1]
            # Punctuation says nothing about whether the word was said.
            probability = min(first.probability, word.probability) if heard(word.text) else first.probability
            end_ms = word.end_ms if heard(word.text) else first.end_ms
            found[-1] = Word(first.text + word.text, first.start_ms, end_ms, probability)
        else:
            found.append(word)
    return found


def repeats(words: Sequence[str]) -> int:
    """How often the same one, two or three words follow each other at most: Whisper loops where it hears nothing."""
    most = 1 if words else 0
    for size in (1, 2, 3):
        run = 1
        for at in range(size, len(words) - size + 1, size):
            run = run + 1 if words[at : at + size] == words[at - size : at] else 1
            most = max(most, run)
    return most


def label(
    recordings: Sequence[Samples], scripts: Sequence[str], recognizer: Recognizer
) -> Iterator[tuple[int, Label | None]]:
    """Index and label of every recording, window by window. A script may be empty: that one is written down."""
    for is_scripted in (True, False):
        chosen = [index for index, script in enumerate(scripts) if bool(heard(script)) == is_scripted]
        chosen = [index for index in chosen if len(recordings[index]) <= LONGEST_S * SAMPLE_RATE_HZ]
        for window in windows([len(recordings[index]) for index in chosen]):
            indices = [chosen[place] for place in window]
            parts = [recordings[index] for index in indices]
            if is_scripted:
                found = recognizer.follow(parts, [scripts[index] for index in indices])
            else:
                found = recognizer.write_down(parts)
            for index, words in zip(indices, found, strict=True):
                yield index, judge(words, len(recordings[index]) / SAMPLE_RATE_HZ, is_scripted)


def write_manifest(path: Path, lines: Iterable[Line]) -> int:
    """Appends; returns how many."""
    count = 0
    with path.open("a", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")
            count += 1
    return count
