"""Evaluation of a model as it is served: what it hears, notes, answers and refuses, and how soon.

The model is a checkpoint directory run through the streaming encoder and the serving decoder; why not through the whole
engine says `training.evaluation.served`. Results are JSON, a Markdown page and pictures. `python -m training evaluate`
exports the last stage's weights first, or takes a directory that is there.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from training.data.mixture import FULL, Mixture, from_toml
from training.evaluation import cascade, latency, material, plots, scores, tables
from training.evaluation.human_speech import PEOPLE
from training.evaluation.material import QUICK, Amounts
from training.evaluation.rows import rows
from training.evaluation.scores import Tried
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.export import exported
from training.items import SAMPLE_RATE_HZ
from training.published import BENCHMARKS
from training.recipe import Recipe, RecipeError
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Settings of the stage.

    model: a checkpoint directory; "" exports the recipe's last weights and takes those. quick: a small set that fits a
    minute and a half. chunk_frames: 0 takes the checkpoint's own. cascade: the interpreter that has the packages of
    `make cascade`; "auto" is this one if it has them, "" leaves the column out. published: folders of published
    benchmarks by their names in `training.published`, of each at most `published_most` questions. curve_trials: of the
    latency curve.
    """

    model: str = ""
    quick: bool = False
    seed: int = 7
    threads: int = 1
    device: str = "cpu"
    chunk_frames: int = 0
    note_interval_ms: int = 640
    cascade: str = "auto"
    published: dict[str, str] = field(default_factory=dict)
    published_most: int = 200
    curve_trials: int = 24
    curve_chunks: tuple[int, ...] = (16, 32, 64)
    curve_budgets: tuple[int, ...] = (0, 8, 16)
    amounts: Amounts = field(default_factory=Amounts)


def evaluate(
    model_dir: Path,
    out: Path,
    settings: Evaluation,
    trials: Sequence[Trial] | None = None,
    mixture: Mixture = FULL,
) -> dict[str, Any]:
    """Evaluate the checkpoint directory `model_dir`; write result.json, replies.jsonl, README.md and pictures to `out`.

    trials: what to ask; None gathers the usual ones, drawn from `mixture`. Returns what result.json holds.
    """
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    missing: list[str] = []
    if trials is None:
        trials, missing = material.gather(QUICK if settings.quick else settings.amounts, settings.seed, mixture)
    gathered_s = time.monotonic() - began
    served = ServedModel(model_dir, threads=settings.threads, device=settings.device)
    manner = Manner(chunk_frames=settings.chunk_frames or None, note_interval_ms=settings.note_interval_ms)
    columns = {"listening": _tried(served, trials, manner)}
    if served.transcriber is None:  # a transcriber writes the same line whether its notes were asked for or not
        columns["at_once"] = _tried(served, trials, replace(manner, listens=False))
    plan = served.plan(manner)
    frame_ms = served.audio.config.frame_samples * 1000 // SAMPLE_RATE_HZ
    about = {
        "model": model_dir.name, "parameters": served.parameters, "chunk_ms": plan.chunk_frames * frame_ms,
        "right_context_ms": plan.right_frames * frame_ms,
        "note_interval_ms": manner.note_interval_ms if served.transcriber is None else plan.chunk_frames * frame_ms,
        "transcriber": served.transcriber is not None,
        "seed": settings.seed, "quick": settings.quick, "trials": len(trials), "missing": missing,
        "audio_s": scores.seconds(columns["listening"]), "gathered_s": gathered_s, "machine": _machine(),
    }  # fmt: skip
    result: dict[str, Any] = {
        "about": about,
        "people": _people(columns["listening"]),
        "curve": [asdict(point) for point in _curve(served, trials, manner, settings)],
        "talk": _talk(columns["listening"]),
        "cascade_ms": {},
    }
    published = published_rows(served, manner, settings, out)
    for ask in (None, _ask_cascade):  # what is ours is kept, whatever becomes of the cascade
        if ask is not None:
            result["cascade_ms"] = ask(columns, trials, settings)
        result["rows"] = rows(columns) + published
        about["took_s"] = time.monotonic() - began
        _write(_without_nan(result), columns, out)
    found: dict[str, Any] = _without_nan(result)
    return found


def _tried(served: ServedModel, trials: Sequence[Trial], manner: Manner) -> list[Tried]:
    return [Tried(trial, reply) for trial, reply in zip(trials, served.converse(trials, manner), strict=True)]


def _ask_cascade(
    columns: dict[str, list[Tried]], trials: Sequence[Trial], settings: Evaluation
) -> dict[str, dict[str, float]]:
    """Add the cascade's column where its packages are; returns the times of its stages."""
    python = cascade.python_of(settings.cascade)
    spoken = [trial for trial in trials if trial.example.clip is not None]
    if python is None or not spoken:
        return {}
    replies, stages = cascade.ask(spoken, python)
    columns["cascade"] = [Tried(trial, reply) for trial, reply in zip(spoken, replies, strict=True)]
    return stages


def _curve(served: ServedModel, trials: Sequence[Trial], manner: Manner, settings: Evaluation) -> list[latency.Point]:
    skills = [trial for trial in trials if trial.example.item.group == "skill" and trial.example.clip is not None]
    chosen = material.evenly(skills, settings.curve_trials // (2 if settings.quick else 1))
    if not chosen:
        return []
    chunks = settings.curve_chunks[1:2] if settings.quick else settings.curve_chunks
    return latency.curve(served, chosen, manner, chunks, settings.curve_budgets[: 1 if settings.quick else None])


def _people(tried: Sequence[Tried]) -> dict[str, float]:
    """What the model's users are told: errors on recorded people, with notes. Empty without recordings."""
    of = [t for t in tried if t.trial.set == PEOPLE]
    return {"wer": scores.wer(of), "words": sum(len(t.trial.example.item.words) for t in of)} if of else {}


def published_rows(served: ServedModel, manner: Manner, settings: Evaluation, out: Path) -> list[dict[str, Any]]:
    """A row for each published benchmark whose files are there, and its answers in published-NAME.jsonl for a judge.

    Raises PublishedFileError. WildSpeech-Bench has no row: its answers are for a judge to score.
    """
    found = []
    for name, folder in settings.published.items():
        if name not in BENCHMARKS:
            raise RecipeError(f"[evaluate] published: no benchmark {name!r}; use {', '.join(BENCHMARKS)}")
        benchmark = BENCHMARKS[name]
        questions = list(benchmark.questions(Path(folder), settings.published_most))
        replies = list(served.converse(map(benchmark.trial, questions), manner))
        is_right = benchmark.is_right
        right = [is_right is not None and is_right(q, r.answer) for q, r in zip(questions, replies, strict=True)]
        with (out / f"published-{name}.jsonl").open("w") as file:
            for question, reply, ok in zip(questions, replies, right, strict=True):
                line: dict[str, Any] = {
                    "group": question.group,
                    "question": question.question,
                    "answer": question.answer,
                }
                line |= {"heard": reply.heard, "reply": reply.answer, "right": None if is_right is None else ok}
                file.write(json.dumps(line) + "\n")
        if is_right is not None:
            share = scores.share(right)
            found.append({"what": benchmark.name, "of": len(questions), "unit": "%", "listening": share})
    return found


def _talk(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    return [
        {
            "voice": t.trial.set, "said": t.trial.example.item.spoken, "heard": t.reply.heard,
            "answer": t.reply.answer, "ok": scores.is_answered(t),
        }
        for t in tried
        if t.trial.accepts
    ]  # fmt: skip


# --- files --------------------------------------------------------------------------------------------


def _write(result: dict[str, Any], columns: dict[str, list[Tried]], out: Path) -> None:
    (out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    with (out / "replies.jsonl").open("w") as file:
        for name, tried in columns.items():
            for t in tried:
                item = t.trial.example.item
                line = {"column": name, "set": t.trial.set, "kind": item.kind, "said": item.heard, "key": item.key}
                file.write(json.dumps(line | asdict(t.reply)) + "\n")
    (out / "README.md").write_text(tables.page(result))
    plots.draw(result, out)


def _without_nan(value: Any) -> Any:
    """None for what is not a number: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _machine() -> str:
    return f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[0]:.1f}"


def stage(recipe: Recipe) -> bool:
    """`python -m training evaluate`."""
    settings = recipe.read("evaluate", Evaluation)
    model = Path(settings.model) if settings.model else exported(recipe)
    mixture = from_toml(recipe.table("mixture"), recipe.path.parent)
    folder = RunFolder(recipe.folder / "evaluate")
    result = evaluate(model, folder.path, settings, mixture=mixture)
    folder.report({row["what"]: row.get("listening") for row in result["rows"]})
    return True
