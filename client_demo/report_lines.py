"""A measurement in words: the lines and rows that the terminal and the HTML page show alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from client_demo.report import MeasureResult, barge_in_stops, cut_ins, efforts, percentiles, saved, score, summary

Ranks = Mapping[str, float | None]


def findings(result: MeasureResult) -> list[str]:
    """One sentence each on cut-ins, barge-in, thinking saved, effort and correctness, where there is something."""
    lines = [_cut_ins(cut_ins(result.turns))]
    stops = barge_in_stops([turn.report for turn in result.turns if turn.report and turn.cut_in_ms is None])
    if stops:
        lines.append(
            f"Barge-in: {len(stops)} answers fell silent {_p50_p95(percentiles(stops))} after the user's voice."
        )
    lines += _saved(saved(result.timed))
    compared = efforts(result)
    if compared is not None:
        medians = ", ".join(f"{name} {_ms(ranks['p50'])}" for name, ranks in compared["ttfp_eos_ms"].items())
        lines.append(f"Effort: median TTFP_eos {medians}; ratio {compared['ratio_of_medians']}.")
    for who, body in (score(result) or {}).items():
        lines.append(
            f"Answers ({who}): {body['exact']} of {body['questions']} equal the expected one; {body['key']} of "
            f"{body['key_questions']} hold its key words; {_share(body['wer'])} of {body['words']} words misheard."
        )
    return lines


def comparison_rows(result: MeasureResult) -> list[tuple[str, str, str]]:
    """(figure, ours, cascade) for p50 and p95 of TTFP_eos, the cascade's stages, and its ends inside sentences."""
    body = result.cascade or {}
    theirs: Mapping[str, Ranks] = body.get("summary", {})
    ours = summary(result.timed)["ttfp_eos_ms"]
    rows = [(f"TTFP_eos {rank}", _ms(ours[rank]), _ms(theirs["ttfp_eos_ms"][rank])) for rank in ("p50", "p95")]
    rows += [(f"{name} p50", "", _ms(ranks["p50"])) for name, ranks in theirs.items() if name != "ttfp_eos_ms"]
    rows.append(("questions cut into", str(cut_ins(result.turns)["cut"]), str(_cascade_cut(body))))
    return rows


def _cascade_cut(body: Mapping[str, Any]) -> int:
    return sum(1 for turn in body.get("turns", ()) if turn["early_ends"])


def _cut_ins(body: Mapping[str, Any]) -> str:
    stop = body["stop_ms"]
    told = "" if stop["max"] is None else f" They fell silent {_p50_p95(stop)}, at most {_ms(stop['max'])} later."
    short = body["short_pauses"]
    return (
        f"Cut-ins: {body['cut']} of {body['questions']} questions ({_share(body['share'])}) were answered into; of "
        f"those with no pause over {_ms(short['pause_ms'])}, {short['cut']} of {short['questions']}.{told}"
    )


def _saved(columns: Mapping[str, Ranks]) -> list[str]:
    tokens, hidden = columns["tokens_before_turn_end"], columns["hidden_ms"]
    if tokens["p50"] is None:
        return []
    return [
        f"Thinking saved: {tokens['p50']:.0f} of {columns['tokens']['p50']:.0f} reasoning tokens (medians) were "
        f"written before the turn ended; {_ms(hidden['p50'])} of work lay before it. Begun at its end, TTFP_eos would "
        f"have been {_p50_p95(columns['counterfactual_ttfp_eos_ms'])}."
    ]


def _p50_p95(ranks: Ranks) -> str:
    return f"{_ms(ranks['p50'])} (p95 {_ms(ranks['p95'])})"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
