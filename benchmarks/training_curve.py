"""The published curve of a training run: its rows thinned into docs/data, and a picture of loss, accuracy and pace.

    python -m benchmarks.training_curve runs/gpu/cold-start/curve.jsonl --whole-from 420

It reads what `training.run_folder` wrote and knows no model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.figure import Figure

from realtime.settings import REPOSITORY

OUT = REPOSITORY / "docs" / "data"
NAME = "training_curve"
CHARTS = {
    "loss": "loss a token",
    "accuracy": "right next tokens",
    "positions_per_s": "positions a second, thousands",
}
SCALES = {"positions_per_s": 1e-3}
INK, LINE, MARK = "#333333", "#1f5fa8", "#b04a2f"

Row = dict[str, Any]


def thinned(rows: list[Row], every: int) -> list[Row]:
    """Every n-th row and the last, rounded to what can be read off a curve."""
    kept = rows[every - 1 :: every]
    if rows and rows[-1] not in kept:
        kept.append(rows[-1])
    return [{name: round(value, 4) for name, value in row.items()} for row in kept]


def picture(rows: list[Row], whole_from: int) -> Figure:
    """One chart a figure, along the seconds of training; a mark where the decoder began to learn."""
    figure = Figure(figsize=(10.5, 2.8), layout="constrained")
    seconds = [row["spent_s"] for row in rows]
    begins = next((row["spent_s"] for row in rows if row["step"] >= whole_from), None)
    for place, (name, title) in enumerate(CHARTS.items(), 1):
        chart = figure.add_subplot(1, len(CHARTS), place)
        chart.plot(seconds, [row[name] * SCALES.get(name, 1) for row in rows], color=LINE)
        chart.set_ylim(bottom=0)
        if begins is not None and whole_from:
            chart.axvline(begins, color=MARK, linewidth=1, linestyle="--")
        chart.set_title(title, fontsize=9, color=INK, loc="left")
        chart.set_xlabel("seconds of training", fontsize=8, color=INK)
        chart.tick_params(labelsize=7, colors=INK)
        chart.spines[["top", "right"]].set_visible(False)
    return figure


def main(
    curve: Annotated[Path, typer.Argument(help="curve.jsonl of a stage")],
    every: Annotated[int, typer.Option(help="keep one row in so many")] = 2,
    whole_from: Annotated[int, typer.Option(help="the step from which all of the model learned; 0: no mark")] = 0,
    out: Annotated[Path, typer.Option(help="where the two files go")] = OUT,
) -> None:
    """Write training_curve.json and training_curve.png."""
    rows = [json.loads(line) for line in curve.read_text(encoding="utf-8").splitlines()]
    kept = thinned(rows, every)
    lines = ",\n".join(f"  {json.dumps(row)}" for row in kept)
    (out / f"{NAME}.json").write_text(f'{{"whole_from_step": {whole_from}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")
    picture(rows, whole_from).savefig(out / f"{NAME}.png", dpi=110)
    typer.echo(str(out / f"{NAME}.png"))


if __name__ == "__main__":
    typer.run(main)
