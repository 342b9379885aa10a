"""Batches from a process of its own: it keeps the pool of examples, makes lessons of them and lays them out as tensors.

The process that trains launches thousands of small operations a step; Python work beside it in a thread would hold its
interpreter and leave the GPU waiting. So only finished tensors reach it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch.multiprocessing as mp

from training.feed import Feed, Source
from training.format import Format
from training.lessons import EMBEDDING_SAMPLES, Lesson, Mix, Teacher
from training.speech_model import Batch, collate

LONGEST_SECONDS = 26.0
# Lessons of so many steps are sorted by length together, so that a step pads little.
STEPS_SORTED = 8
BATCHES_AHEAD = 4
_WAIT_SECONDS = 180.0
_JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Supply:
    """How batches are made.

    step_tokens: padded positions of one step. workers: processes that render speech. keeps: examples in the pool.
    begins_with: examples in the pool before the first batch. chunk_frames: the encoder's chunk (50 Hz frames).
    """

    step_tokens: int = 32_768
    workers: int = 14
    keeps: int = 60_000
    begins_with: int = 3_000
    chunk_frames: int = 32
    seed: int = 0
    mix: Mix = field(default_factory=Mix)


@dataclass(frozen=True, slots=True)
class Made:
    """A batch, its lessons' kinds, and what the workers have rendered so far."""

    batch: Batch
    kinds: tuple[str, ...]
    examples: int
    hours: float


class Batches:
    """Endless batches. Use as a context; leaving it ends the processes."""

    def __init__(self, form: Format, make: Callable[[int], Source], supply: Supply) -> None:
        context = mp.get_context("spawn")
        self._queue: Any = context.Queue(maxsize=BATCHES_AHEAD)
        # Not a daemon: it has children, the workers.
        self._process = context.Process(target=_supply, args=(form, make, supply, self._queue))

    def __enter__(self) -> Batches:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(_JOIN_SECONDS)
        if self._process.is_alive():
            self._process.kill()

    def __iter__(self) -> Iterator[Made]:
        """Raises queue.Empty where none comes for minutes: see what the processes printed."""
        while True:
            yield self._queue.get(timeout=_WAIT_SECONDS)


def _supply(form: Format, make: Callable[[int], Source], supply: Supply, out: Any) -> None:
    import signal  # noqa: PLC0415
    import sys  # noqa: PLC0415

    out.cancel_join_thread()  # at the end nobody takes what is left, and nothing waits for it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # an orderly end takes the workers along
    with Feed(make, workers=supply.workers, seed=supply.seed, keeps=supply.keeps) as feed:
        feed.wait_for(supply.begins_with)
        for made in batches(feed, form, supply):
            out.put(made)


def batches(feed: Feed, form: Format, supply: Supply) -> Iterator[Made]:
    """Batches of about `step_tokens` padded positions, lessons of a like length together."""
    dice = random.Random(supply.seed)  # noqa: S311 - dice, no secret
    teacher = Teacher(form, supply.mix, supply.seed, supply.chunk_frames)
    while True:
        lessons = _lessons(feed, teacher, supply.step_tokens * STEPS_SORTED)
        lessons.sort(key=lambda lesson: len(lesson.sequence))
        groups = list(_groups(lessons, supply.step_tokens))
        dice.shuffle(groups)
        for group in groups:
            clips = [clip for lesson in group for clip in lesson.clips]
            batch = collate([lesson.sequence for lesson in group], clips, embedding_samples=EMBEDDING_SAMPLES)
            yield Made(batch, tuple(lesson.kind for lesson in group), feed.made, feed.made_seconds / 3600)


def _lessons(feed: Feed, teacher: Teacher, positions: int) -> list[Lesson]:
    lessons: list[Lesson] = []
    total = 0
    while total < positions:
        drawn = [e for e in feed.draw(257) if e.clip is None or e.clip.seconds <= LONGEST_SECONDS]
        for before, example in pairwise(drawn):
            lesson = teacher.lesson(example, before)
            lessons.append(lesson)
            total += len(lesson.sequence)
    return lessons


def _groups(lessons: list[Lesson], step_tokens: int) -> Iterator[list[Lesson]]:
    """Neighbours in length whose padded size fits a step."""
    group: list[Lesson] = []
    for lesson in lessons:  # sorted, so the last is the longest
        if group and (len(group) + 1) * len(lesson.sequence) > step_tokens:
            yield group
            group = []
        group.append(lesson)
    if group:
        yield group
