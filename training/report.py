"""The report of a run: every stage's curve as a PNG, and one HTML page with the curves and the figures of all stages.

It reads what the stages left in the run's folder (`curve.jsonl`, `metrics.json`, `state.json`) and knows no model. The
page holds its pictures in itself and asks nothing of any server.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Sequence_
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.figure import Figure

from training.recipe import Recipe
from training.run_folder import RunFolder

PAGE = "report.html"
_ORDER = ("data", "encoder", "cold-start", "mgrd", "rlvr", "preference", "ablations", "evaluate", "export")
_AXES = ("spent_s", "step", "number")  # what a curve may run along; the first that is there
_AXIS_NAMES = {"spent_s": "seconds of training", "step": "step", "number": "round"}
_ACROSS = 4
_INK, _LINE = "#333333", "#1f5fa8"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number { text-align: right; } img { max-width: 100%; } h2 { margin-top: 2.5rem; }
"""

Rows = Sequence_[Mapping[str, Any]]


def curves(rows: Rows, title: str = "") -> Figure:
    """Every number of the rows in a small chart of its own, along time, steps or rounds."""
    axis = next((name for name in _AXES if any(name in row for row in rows)), "")
    names = [name for name in _numbers(rows) if name not in _AXES]
    down = max(1, -(-len(names) // _ACROSS))
    figure = Figure(figsize=(3.2 * _ACROSS, 2.3 * down + 0.4), layout="constrained")
    figure.suptitle(title, color=_INK, fontsize=11)
    for place, name in enumerate(names, 1):
        points = [(row.get(axis, at), row[name]) for at, row in enumerate(rows) if _is_number(row.get(name))]
        chart = figure.add_subplot(down, _ACROSS, place)
        chart.plot([x for x, _ in points], [y for _, y in points], color=_LINE, marker="." if len(points) < 20 else "")
        chart.set_title(name, fontsize=9, color=_INK, loc="left")
        chart.tick_params(labelsize=7, colors=_INK)
        chart.spines[["top", "right"]].set_visible(False)
        if place > len(names) - _ACROSS:
            chart.set_xlabel(_AXIS_NAMES.get(axis, "row"), fontsize=8, color=_INK)
    return figure


def compared(arms: Mapping[str, Rows], names: Sequence_[str], axis: str, title: str = "") -> Figure:
    """The arms of an experiment in the same charts, one chart a number."""
    figure = Figure(figsize=(4.2 * len(names), 3.4), layout="constrained")
    figure.suptitle(title, color=_INK, fontsize=11)
    for place, name in enumerate(names, 1):
        chart = figure.add_subplot(1, len(names), place)
        for arm, rows in arms.items():
            points = [(row.get(axis, at), row[name]) for at, row in enumerate(rows) if _is_number(row.get(name))]
            chart.plot(
                [x for x, _ in points], [y for _, y in points], label=arm, marker="." if len(points) < 20 else ""
            )
        chart.set_title(name, fontsize=9, color=_INK, loc="left")
        chart.set_xlabel(_AXIS_NAMES.get(axis, axis), fontsize=8, color=_INK)
        chart.tick_params(labelsize=7, colors=_INK)
        chart.spines[["top", "right"]].set_visible(False)
        if place == 1:
            chart.legend(fontsize=8, frameon=False)
    return figure


def png(figure: Figure) -> bytes:
    """The picture's file."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def write(run: Path) -> Path:
    """Draw every stage's curve and write the page of the run; returns the page."""
    parts = [f"<h1>{html.escape(run.name)}</h1>"]
    for name in _stages(run):
        folder = RunFolder(run / name)
        parts.append(f"<h2>{html.escape(name)}</h2>")
        parts.append(_paragraph(folder))
        rows = folder.curve()
        if rows:
            picture = png(curves(rows, name))
            (folder.path / "curve.png").write_bytes(picture)
            parts.append(_image(picture, f"curves of {name}"))
        parts += [_image(file.read_bytes(), file.stem) for file in sorted(folder.path.glob("figure-*.png"))]
        metrics = folder.path / "metrics.json"
        if metrics.exists():
            parts.append(tables(json.loads(metrics.read_text())))
    page = run / PAGE
    page.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(run.name)}</title>'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )
    return page


def tables(metrics: Mapping[str, Any]) -> str:
    """HTML of nested figures: a table of names and values, and one of its own for each list of rows."""
    single = [(name, value) for name, value in _flat(metrics) if not _is_rows(value)]
    lists = [(name, value) for name, value in _flat(metrics) if _is_rows(value)]
    parts = []
    if single:
        body = "".join(f"<tr><td>{html.escape(name)}</td>{_cell(value)}</tr>" for name, value in single)
        parts.append(f"<table>{body}</table>")
    for name, rows in lists:
        columns = list(dict.fromkeys(column for row in rows for column in row))
        head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
        body = "".join("<tr>" + "".join(_cell(row.get(column, "")) for column in columns) + "</tr>" for row in rows)
        parts.append(f"<h3>{html.escape(name)}</h3><table><tr>{head}</tr>{body}</table>")
    return "\n".join(parts)


def _stages(run: Path) -> list[str]:
    found = {file.parent.relative_to(run).as_posix() for name in ("curve.jsonl", "metrics.json", "state.json")
             for file in run.rglob(name)}  # fmt: skip
    rank = {name: place for place, name in enumerate(_ORDER)}
    return sorted(found - {"."}, key=lambda name: (rank.get(name.partition("/")[0], len(rank)), name))


def _paragraph(folder: RunFolder) -> str:
    state = folder.state()
    if not state:
        return ""
    spent = f", {state['spent_s']:.0f} s of training" if _is_number(state.get("spent_s")) else ""
    return f"<p>{'Done' if state.get('done') else 'Not done'}{spent}.</p>"


def _image(picture: bytes, name: str) -> str:
    data = base64.b64encode(picture).decode()
    return f'<img alt="{html.escape(name)}" src="data:image/png;base64,{data}">'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    kind = ' class="number"' if _is_number(value) else ""
    return f"<td{kind}>{html.escape(value if isinstance(value, str) else json.dumps(value))}</td>"


def _flat(metrics: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} · ")
        else:
            yield f"{before}{name}", value


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _numbers(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name, value in row.items() if _is_number(value)))


def main(config: Annotated[Path, typer.Option(help="the recipe, a TOML file")]) -> None:
    """Write the report of a recipe's run."""
    typer.echo(str(write(Recipe.load(config).folder)))


if __name__ == "__main__":
    typer.run(main)
