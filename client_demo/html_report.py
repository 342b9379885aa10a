"""The measurement as one HTML page that needs no network: figures, tables, and plots drawn into it as SVG."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from client_demo.report import MeasureResult, balance_line, machine, machine_line, stage_names, summary
from client_demo.report_lines import comparison_rows, findings
from client_demo.turn_record import TurnReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Turns drawn as bars; more would be thinner than a pixel, so the slowest are shown.
MAX_BARS = 120
# Matplotlib's tab20, spelled out so that a stage keeps its colour from report to report.
STAGE_COLOURS = {
    "arrival": "#7f7f7f",
    "endpoint_wait": "#c7c7c7",
    "encode": "#1f77b4",
    "prefill": "#17becf",
    "thought": "#9467bd",
    "first_clause": "#e377c2",
    "first_audio": "#ff7f0e",
    "hold": "#bcbd22",
    "pacing": "#2ca02c",
    "client": "#8c564b",
}
OTHER_COLOUR = "#d62728"

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Forethought: time to the first packet</title>
<style>
 body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c24 }}
 h1 {{ font-size: 1.5rem }} h2 {{ font-size: 1.1rem; margin-top: 2rem }}
 table {{ border-collapse: collapse }} th, td {{ padding: .2rem .8rem; text-align: right }}
 tr {{ border-bottom: 1px solid #ddd }}
 th:first-child, td:first-child {{ text-align: left }}
 svg {{ max-width: 100%; height: auto }} .dim {{ color: #666 }}
</style></head><body>
<h1>Time to the first packet</h1>
<p>{head}</p><p class="dim">{machine}</p>
<h2>Summary</h2>{summary}<p class="dim">{balance}</p>
{findings}{comparison}
<h2>Distribution</h2>{distribution}
<h2>Where the time goes</h2>{stages}
<h2>Turns</h2>{turns}
<p class="dim">TTFP_eos: from the last voiced sample of the file leaving the client to the first packet with speech in
it, client clock. TTFP_eot: from the arrival of the news that the turn was committed to the same packet. Endpoint share:
the difference of the two, in ms. The end of speech is found by energy: the last 10 ms frame above the stricter of
-45 dBFS, the loudest frame less 35 dB and 10 dB above the background. Comfort noise does not count as a first packet.
Turns that cut in are in no percentile; "cut in": the answer began so long before the question was over.</p>
</body></html>
"""


def html_report(result: MeasureResult) -> str:
    """The whole page."""
    reports = result.reports
    head = (
        f"{len(reports)} turns in {result.sessions} session(s) over {result.transport}, model "
        f"{result.model or 'unknown'}; {result.failures} without a completed answer; {result.duration_s:.0f} s."
    )
    return PAGE.format(
        head=html.escape(head),
        machine=html.escape(machine_line(machine())),
        summary=_summary_table(result.timed),
        balance=html.escape(balance_line(reports)),
        findings="".join(f"<p>{html.escape(line)}</p>" for line in findings(result)),
        comparison=_comparison(result),
        distribution=_distribution(result),
        stages=_stages(reports),
        turns=_turns_table(result),
    )


def _summary_table(reports: Sequence[TurnReport]) -> str:
    rows = [(name, *ranks.values()) for name, ranks in summary(reports).items()]
    return _table(("", "p50", "p90", "p95", "p99"), rows)


def _comparison(result: MeasureResult) -> str:
    if result.cascade is None:
        return ""
    table = _table(("", "ours", "cascade"), comparison_rows(result))
    return f"<h2>The same recordings through a cascade, on this machine, in this run</h2>{table}"


def _turns_table(result: MeasureResult) -> str:
    rows = []
    for turn in result.turns:
        body = turn.to_json()
        rows.append(
            (
                turn.file,
                turn.session,
                body["status"],
                *(body.get(name) for name in ("ttfp_eos_ms", "ttfp_eot_ms", "cut_in_ms", "barge_in_stop_ms")),
            )
        )
    return _table(("file", "session", "status", "TTFP_eos ms", "TTFP_eot ms", "cut in ms", "fell silent ms"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = ("".join(f"<td>{html.escape(_cell(value))}</td>" for value in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{top}</tr>{body}</table>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
    return "–" if value is None else str(value)


def _distribution(result: MeasureResult) -> str:
    """Histogram and cumulative share of TTFP_eos and TTFP_eot, and of the cascade's TTFP_eos where it ran."""
    series = {
        "TTFP_eos": [turn.ttfp_eos_ms for turn in result.timed if turn.ttfp_eos_ms is not None],
        "TTFP_eot": [turn.ttfp_eot_ms for turn in result.timed if turn.ttfp_eot_ms is not None],
    }
    if result.cascade is not None:
        series["cascade TTFP_eos"] = [turn["ttfp_eos_ms"] for turn in result.cascade["turns"]]
    if not any(series.values()):
        return "<p>No first packet was measured.</p>"
    figure = _figure(10, 3.6)
    histogram, share = figure.subplots(1, 2)
    for (name, values), colour in zip(series.items(), ("#1f77b4", "#ff7f0e", "#7f7f7f"), strict=False):
        if values:
            histogram.hist(values, bins=min(40, max(8, len(values) // 4)), alpha=0.6, label=name, color=colour)
            share.step(
                np.sort(values), np.arange(1, len(values) + 1) / len(values), where="post", label=name, color=colour
            )
    histogram.set(xlabel="ms", ylabel="turns")
    share.set(xlabel="ms", ylabel="share of turns", ylim=(0, 1.02))
    share.grid(alpha=0.3)
    histogram.legend(frameon=False)
    share.legend(frameon=False, loc="lower right")
    return _svg(figure)


def _stages(reports: Sequence[TurnReport]) -> str:
    """One stacked bar a turn, slowest first, with the stopwatch's total as a mark."""
    ledgers = [turn.ledger for turn in reports if turn.ledger is not None]
    if not ledgers:
        return "<p>The server sent no ledger.</p>"
    ledgers = sorted(ledgers, key=lambda one: one.total_ms, reverse=True)[:MAX_BARS]
    figure = _figure(10, 4.2)
    axes = figure.subplots()
    places = np.arange(len(ledgers))
    floor = np.zeros(len(ledgers))
    for name in stage_names(reports):
        heights = np.array([one.stages_ms.get(name, 0.0) for one in ledgers])
        axes.bar(places, heights, bottom=floor, width=0.9, label=name, color=STAGE_COLOURS.get(name, OTHER_COLOUR))
        floor += heights
    axes.plot(places, [one.total_ms for one in ledgers], "k_", markersize=4, label="stopwatch")
    axes.set(xlabel="turn, slowest first", ylabel="ms after the last voiced sample")
    axes.legend(frameon=False, fontsize="small", ncols=2)
    return _svg(figure)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415  a second to import, and only this report needs it

    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Figure) -> str:
    """The figure as an inline SVG element; the canvas is our own, so no display and no global state."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    out = io.StringIO()
    FigureCanvasSVG(figure).print_figure(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
