"""The result of an evaluation as Markdown. It knows the result's numbers and nothing of how they came about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

COLUMNS = {"listening": "listening", "at_once": "without notes", "cascade": "cascade"}


def cell(value: float | None, unit: str) -> str:
    """A number in its unit; a dash where there is none. Rates are kept as 0..1 and shown in per cent."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if unit == "%" else f"{value:.0f} {unit}".strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def page(result: dict[str, Any]) -> str:
    """The whole result as one Markdown page."""
    about = result["about"]
    columns = [name for name in COLUMNS if any(name in row for row in result["rows"])]
    parts = [
        f"# {about['model']}",
        f"{about['parameters'] / 1e6:.1f} M parameters; chunk {about['chunk_ms']} ms, right context "
        f"{about['right_context_ms']} ms; notes every {about['note_interval_ms']} ms; {about['trials']} trials, "
        f"{about['audio_s']:.0f} s of speech and sound; {about['took_s']:.0f} s on {about['machine']}.",
        table(
            ("what", "of", *(COLUMNS[name] for name in columns), "majority"),
            (
                (row["what"], str(row["of"]), *(cell(row.get(name), row["unit"]) for name in columns),
                 cell(row.get("majority"), row["unit"]))
                for row in result["rows"]
            ),
        ),
    ]  # fmt: skip
    if result["curve"]:
        parts += ["## Latency and accuracy", curve(result["curve"])]
    if result.get("cascade_ms"):
        parts.append(_cascade(result["cascade_ms"]))
    if result["talk"]:
        parts += ["## Small talk", talk(result["talk"])]
    if about["missing"]:
        parts += ["## Not there", "\n".join(f"- {each}" for each in about["missing"])]
    return "\n\n".join(parts) + "\n"


def curve(points: Sequence[dict[str, Any]]) -> str:
    """The points of `training.evaluation.latency`."""
    head = (
        "chunk",
        "right context",
        "thought",
        "WER",
        "key right",
        "note lag p50",
        "tokens to first clause",
        "first clause",
    )
    return table(
        head,
        (
            (
                f"{p['chunk_ms']} ms", f"{p['right_context_ms']} ms",
                "free" if p["think_tokens"] is None else f"{p['think_tokens']} tokens",
                cell(p["wer"], "%"), cell(p["key"], "%"), cell(p["note_lag_ms"], "ms"),
                cell(p["tokens_to_clause"], ""), cell(p["first_clause_ms"], "ms"),
            )
            for p in points
        ),
    )  # fmt: skip


def talk(lines: Sequence[dict[str, Any]]) -> str:
    """Each line of the checklist with its answer."""
    head = ("voice", "said", "heard", "answer", "sensible")
    return table(head, ((t["voice"], t["said"], t["heard"], t["answer"], "yes" if t["ok"] else "no") for t in lines))


def _cascade(stages: dict[str, dict[str, float]]) -> str:
    parts = ", ".join(f"{name} {ranks['p50']:.0f}" for name, ranks in stages.items() if ranks.get("p50") is not None)
    return f"The cascade's stages, ms p50: {parts}."
