"""The result of an evaluation as pictures (PNG). It knows the result's numbers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from training.evaluation.tables import COLUMNS

_COLOURS = {"listening": "#1f6f8b", "at_once": "#99c1de", "cascade": "#e07a5f"}


def draw(result: dict[str, Any], out: Path) -> list[Path]:
    """`scores.png` and, where there is a curve, `latency.png`, in the directory `out`."""
    made = [_scores(result, out / "scores.png")]
    if result["curve"]:
        made.append(_latency(result["curve"], out / "latency.png"))
    return made


def _scores(result: dict[str, Any], file: Path) -> Path:
    """Bars of every row in per cent, the columns side by side; a mark where always saying the same would be."""
    rows = [row for row in result["rows"] if row["unit"] == "%"]
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.32 * len(rows)))
    height = 0.8 / max(1, len(columns))
    for place, name in enumerate(columns):
        at = [index + (place - (len(columns) - 1) / 2) * height for index in range(len(rows))]
        values = [float("nan") if row.get(name) is None else 100 * row[name] for row in rows]
        axes.barh(at, values, height, color=_COLOURS[name], label=COLUMNS[name])
    for index, row in enumerate(rows):
        if row.get("majority") is not None:
            axes.plot([100 * row["majority"]] * 2, [index - 0.45, index + 0.45], color="black", linewidth=1.5)
    axes.set_yticks(range(len(rows)), [f"{row['what']} ({row['of']})" for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent; black: the majority class")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.06), ncols=3, frameon=False, fontsize=8)
    return _save(figure, file)


def _latency(points: list[dict[str, Any]], file: Path) -> Path:
    """Key right over the time to the first clause: one line for chunk sizes, one for budgets of thought."""
    figure, axes = pyplot.subplots(figsize=(6, 4))
    points = [p for p in points if p["key"] is not None]
    for free, label in ((True, "chunk size, free thought"), (False, "budget of thought")):
        line = sorted(
            (p for p in points if (p["think_tokens"] is None) is free), key=lambda p: float(p["first_clause_ms"])
        )
        if not line:
            continue
        axes.plot([p["first_clause_ms"] for p in line], [100 * p["key"] for p in line], "o-", label=label)
        for p in line:
            name = f"{p['chunk_ms']} ms" if free else f"{p['think_tokens']} tokens"
            axes.annotate(
                name, (p["first_clause_ms"], 100 * p["key"]), fontsize=7, xytext=(3, 3), textcoords="offset points"
            )
    axes.set_xlabel("end of turn to first clause, ms of one core")
    axes.set_ylabel("key fact right, %")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    return _save(figure, file)


def _save(figure: Any, file: Path) -> Path:
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
    return file
