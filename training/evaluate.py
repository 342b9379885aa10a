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
from training.evaluation.scores import Tried
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.export import exported
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
    columns = {
        "listening": _tried(served, trials, manner),
        "at_once": _tried(served, trials, replace(manner, listens=False)),
    }
    stages = _ask_cascade(columns, trials, settings)
    points = _curve(served, trials, manner, settings)
    frame_ms = served.audio.config.frame_samples // 16
    plan = served.plan(manner)
    result: dict[str, Any] = {
        "about": {
            "model": model_dir.name, "parameters": served.parameters, "chunk_ms": plan.chunk_frames * frame_ms,
            "right_context_ms": plan.right_frames * frame_ms, "note_interval_ms": manner.note_interval_ms,
            "seed": settings.seed, "quick": settings.quick, "trials": len(trials), "missing": missing,
            "audio_s": scores.seconds(columns["listening"]), "gathered_s": gathered_s,
            "took_s": time.monotonic() - began, "machine": _machine(),
        },
        "people": _people(columns["listening"]),
        "rows": rows(columns) + published_rows(served, manner, settings, out),
        "curve": [asdict(point) for point in points],
        "talk": _talk(columns["listening"]),
        "cascade_ms": stages,
    }  # fmt: skip
    result = _without_nan(result)
    _write(result, columns, out)
    return result


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


# --- rows ---------------------------------------------------------------------------------------------


def rows(columns: dict[str, list[Tried]]) -> list[dict[str, Any]]:
    """Every row of the table: what, of how many trials, unit, a value for each column, and maybe the majority's."""
    table = _Rows(columns)
    for (name, group), _ in scores.grouped(columns["listening"], lambda t: (t.trial.set, t.group)).items():
        if group in scores.HEARD_GROUPS:
            title = group if group == name else f"{group}, {name}"
            table.add(f"WER: {title}", lambda t, n=name, g=group: t.trial.set == n and t.group == g, scores.wer)
    for name in dict.fromkeys(t.trial.set for t in columns["listening"] if t.group in scores.HEARD_GROUPS):
        for what, unit in (("wer", "%"), ("noted", "%"), ("lag_ms_p50", "ms"), ("lag_ms_p95", "ms")):
            table.add(
                f"notes, {name}: {_NOTES[what]}",
                lambda t, n=name: t.trial.set == n and t.group in scores.HEARD_GROUPS,
                lambda of, w=what: scores.notes(of)[w],
                unit=unit, only=("listening",),
            )  # fmt: skip
    _answers(table, columns["listening"])
    table.add("format kept", lambda t: True, lambda of: scores.share([t.reply.is_whole for t in of]), only=_OURS)
    for what, of_none in (("right", True), ("asks_again", True), ("false", False)):
        table.add(
            f"refusal: {_REFUSAL[what]}",
            lambda t, none=of_none: (t.trial.example.item.heard in scores.NOT_WORDS) is none,
            lambda of, w=what: scores.refusals(of)[w],
            only=_OURS if what != "asks_again" else None,
        )
    table.add(
        "tokens before the answer, p50", lambda t: t.has_words,
        lambda of: scores.listening_gain(of)["tokens_before_answer_p50"], unit="", only=_OURS,
    )  # fmt: skip
    return table.rows


_OURS = ("listening", "at_once")
_NOTES = {
    "wer": "WER", "noted": "words noted before the end", "lag_ms_p50": "lag p50", "lag_ms_p95": "lag p95",
}  # fmt: skip
_REFUSAL = {
    "right": "nothing said or to understand, taken for that",
    "asks_again": "nothing said or to understand, asks to repeat",
    "false": "clear speech refused",
}


def _answers(table: _Rows, tried: Sequence[Tried]) -> None:
    """Skills, acoustic questions, small talk: right and, for skills, word for word the same."""

    def right(of: list[Tried]) -> float:
        return scores.share([scores.is_answered(t) for t in of])

    def in_group(group: str, kind: str = "", name: str = "") -> Any:
        return lambda t: (
            t.group == group and scores.can_be_verified(t) and kind in ("", t.kind) and name in ("", t.trial.set)
        )

    kinds = sorted({t.kind for t in tried if scores.can_be_verified(t)})
    sets = list(dict.fromkeys(t.trial.set for t in tried if t.group == "skill"))
    for name in sets:
        table.add(f"skills, {name}: key right", in_group("skill", name=name), right)
    table.add("skills: key right", in_group("skill"), right)
    table.add("skills: the same answer", in_group("skill"), lambda of: scores.share([scores.is_same(t) for t in of]))
    table.add(
        "skills: key right where heard right",
        lambda t: t.group == "skill" and scores.can_be_verified(t),
        lambda of: right([t for t in of if t.reply.words == list(t.trial.example.item.words)]),
    )
    for group in scores.ACOUSTIC_GROUPS:
        for kind in (k for k in kinds if k.startswith(f"{group}/")):
            table.add(kind.replace("/", ": "), in_group(group, kind), right, majority=True)
    for name in dict.fromkeys(t.trial.set for t in tried if t.trial.accepts):
        table.add(
            f"small talk, {name}: sensible", lambda t, n=name: bool(t.trial.accepts) and t.trial.set == n, right
        )  # fmt: skip


class _Rows:
    """Collects rows over the same columns."""

    def __init__(self, columns: dict[str, list[Tried]]) -> None:
        self._columns = columns
        self.rows: list[dict[str, Any]] = []

    def add(
        self, what: str, chosen: Any, score: Any, *, unit: str = "%", majority: bool = False,
        only: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        """A row of what `score` makes of the trials that `chosen` takes; none where it takes none."""
        of = [t for t in self._columns["listening"] if chosen(t)]
        if not of:
            return
        row: dict[str, Any] = {"what": what, "of": len(of), "unit": unit}
        for name, tried in self._columns.items():
            if only is None or name in only:
                row[name] = score([t for t in tried if chosen(t)])
        if majority:
            row["majority"] = scores.majority(of)
        self.rows.append(row)


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
