"""Cold start: supervised training on what it hears, thinks and answers (Step-Audio-R1 report, section 3).

The stage's loop and its settings. It draws examples from a `Feed`, makes lessons of them and steps the optimizer for
as long as its budget of seconds lasts; interrupted, it goes on where it was saved.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import torch

from training.feed import Feed, Source
from training.format import Format
from training.lessons import Lesson, Mix, Teacher
from training.optimizer import Optimizer, Rates
from training.prefetch import ahead
from training.recipe import Recipe
from training.run_folder import RunFolder
from training.session import open_session
from training.sources import rendered
from training.speech_model import Batch, SpeechModel, collate

LONGEST_SECONDS = 26.0
# Lessons of so many steps are sorted by length together, so that a step pads little.
STEPS_SORTED = 8
BATCHES_AHEAD = 3


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Settings of the stage.

    budget_s: seconds of training, over all its sittings; sitting_s: of this one, then it saves and says so.
    step_tokens: padded positions of one step. begins_with: examples in the pool before the first step.
    adapter_first: share of the budget in which only the adapter learns, so that noise does not reach the decoder.
    """

    budget_s: float = 900.0
    sitting_s: float = 1e9
    step_tokens: int = 32_768
    workers: int = 14
    keeps: int = 60_000
    begins_with: int = 3_000
    adapter_first: float = 0.03
    save_every_s: float = 150.0
    seed: int = 0
    rates: Rates = field(default_factory=Rates)
    mix: Mix = field(default_factory=Mix)


def run(model: SpeechModel, form: Format, make: Callable[[int], Source], settings: ColdStart, out: Path) -> bool:
    """Train until the budget or the sitting is spent. Returns whether the stage is done; `out` holds all of it."""
    folder = RunFolder(out)
    optimizer = Optimizer(model, settings.rates)
    state = folder.restore(model, optimizer)
    if state.get("done"):
        return True
    spent, step = float(state.get("spent_s", 0.0)), int(state.get("step", 0))
    model.train()
    with Feed(make, workers=settings.workers, seed=settings.seed + 7 * step, keeps=settings.keeps) as feed:
        feed.wait_for(settings.begins_with)
        began = saved = time.monotonic()
        meter = _Meter()
        batches = _batches(feed, form, settings, model.plan.chunk_frames, seed=settings.seed + step)
        for batch, kinds in ahead(batches, BATCHES_AHEAD):
            now = time.monotonic()
            total = spent + now - began
            progress = total / settings.budget_s
            is_over = progress >= 1 or now - began >= settings.sitting_s
            if is_over or now - saved >= settings.save_every_s:
                folder.save(model, None if progress >= 1 else optimizer,
                            {"spent_s": total, "step": step, "done": progress >= 1})  # fmt: skip
                saved = now
            if is_over:
                break
            model.decoder.requires_grad_(progress >= settings.adapter_first)
            model.decoder.embed.requires_grad_(False)
            _step(model, optimizer, batch, kinds, progress, meter)
            step += 1
            if step % 20 == 0:
                folder.figures(meter.row(step, total, feed))
    return bool(folder.is_done)


def _step(
    model: SpeechModel, optimizer: Optimizer, batch: Batch, kinds: list[str], progress: float, meter: _Meter
) -> None:
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
        loss, figures = model.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = optimizer.step(progress)
    meter.add(loss.detach(), norm, figures, batch, kinds)


class _Meter:
    """Means over the steps since the last row."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._losses: list[torch.Tensor] = []
        self._began = time.monotonic()

    def add(self, loss: torch.Tensor, norm: float, figures: dict[str, float], batch: Batch, kinds: list[str]) -> None:
        self._losses.append(loss)
        self._sums["accuracy"] += figures["accuracy"]
        self._sums["norm"] += norm
        self._sums["positions"] += float(batch.lengths.sum())
        self._sums["lessons"] += len(kinds)

    def row(self, step: int, spent_s: float, feed: Feed) -> dict[str, float | str]:
        n, seconds = len(self._losses), time.monotonic() - self._began
        row: dict[str, float | str] = {
            "step": step,
            "spent_s": spent_s,
            "loss": float(torch.stack(self._losses).mean()),
            "accuracy": self._sums["accuracy"] / n,
            "norm": self._sums["norm"] / n,
            "positions_per_s": self._sums["positions"] / seconds,
            "lessons_per_s": self._sums["lessons"] / seconds,
            "made": feed.made,
            "made_hours": feed.made_seconds / 3600,
        }
        self.__init__()  # type: ignore[misc]
        return row


def _batches(
    feed: Feed, form: Format, settings: ColdStart, chunk_frames: int, seed: int
) -> Iterator[tuple[Batch, list[str]]]:
    """Endless batches of about `step_tokens` padded positions, lessons of a like length together."""
    dice = random.Random(seed)  # noqa: S311 - dice, no secret
    teacher = Teacher(form, settings.mix, seed, chunk_frames)
    while True:
        lessons = _lessons(feed, teacher, settings.step_tokens * STEPS_SORTED)
        lessons.sort(key=lambda lesson: len(lesson.sequence))
        groups = list(_groups(lessons, settings.step_tokens))
        dice.shuffle(groups)
        for group in groups:
            clips = [clip for lesson in group for clip in lesson.clips]
            batch = collate([lesson.sequence for lesson in group], clips, embedding_samples=1280)
            yield batch, [lesson.kind for lesson in group]


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


def stage(recipe: Recipe) -> bool:
    """`python -m training cold-start`."""
    settings = recipe.read("cold_start", ColdStart)
    session = open_session(recipe, "cold-start", rendered(recipe.table("data")))
    folder = session.folder("cold-start")
    sitting = replace(settings, sitting_s=min(settings.sitting_s, recipe.run.sitting_s))
    return run(session.model, session.form, session.source, sitting, folder.path)
