"""The results section of docs/latency.md, written from docs/data/*.json so that no figure can drift from its run.

python -m benchmarks.latency_page            rewrite it
python -m benchmarks.latency_page --check    exit 1 where it is not what the data say
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.latency_figures import Figure, Run, figures, physical_limits, table
from client_demo.report import machine_line

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "latency.md"
DATA = ROOT / "docs" / "data"
BEGIN = "<!-- results: written by python -m benchmarks.latency_page; edits here are lost -->"
END = "<!-- end of results -->"
WAYS = {
    "plain": "WebRTC, as recorded (with and without thinking, turn by turn)",
    "paused": "WebRTC, with inner pauses",
    "four sessions": "WebRTC, four sessions",
    "websocket": "WebSocket",
}


def compact_json(data: Mapping[str, Any]) -> str:
    """`data` as JSON with one line for each turn: readable in a diff, and no longer than it must be."""

    def body(value: object, indent: str, key: str = "") -> str:
        if isinstance(value, list) and key == "turns":
            rows = ",\n".join(f"{indent} {json.dumps(row, ensure_ascii=False)}" for row in value)
            return f"[\n{rows}\n{indent}]"
        if isinstance(value, Mapping) and ("turns" in value or "runs" in value or key == "runs"):
            rows = ",\n".join(
                f"{indent} {json.dumps(name)}: {body(one, indent + ' ', name)}" for name, one in value.items()
            )
            return f"{{\n{rows}\n{indent}}}"
        return json.dumps(value, ensure_ascii=False)

    return body(data, "") + "\n"


def results(data: Mapping[str, Any] | None, playout: Mapping[str, Any] | None) -> str:
    """Markdown between the marks."""
    if data is None:
        return "No run of this version is published yet."
    commit, _, _ = str(data.get("commit", "unknown")).partition(" ")
    parts = [
        f"{machine_line(data['machine'])}; client, server and engine share the cores. {data['date']}, at "
        f"{commit[:12]}{commit[40:]}.",
        table(figures(data) + playout_figures(playout)),
        "What no software goes below here:",
        plain_table(physical_limits(data)),
        ways(data["runs"]),
        "![Distribution of the first packet, ours and the cascade's](data/first_packet.png)",
        "![The median turn stage by stage, ours and the cascade's](data/waterfall.png)",
        "![One turn: notes while the user speaks, and the stages behind the end of speech](data/timeline.png)",
    ]
    return "\n\n".join(part for part in parts if part)


def playout_figures(playout: Mapping[str, Any] | None) -> list[Figure]:
    """From docs/data/playout.json (`make soak`)."""
    if playout is None:
        return []
    minutes = f"{playout['seconds'] / 60:.0f} min, {playout['sessions']} sessions"
    departure, gaps = playout["departure_late_ms"], playout["arrival_jitter_ms"]
    return [
        Figure(f"playout, {minutes}: frames behind their beat, p99", departure["p99"], 5, digits=1),
        Figure("the same, at most", departure["max"], None, digits=1),
        Figure("the same, packets at the client against the beat, p99", gaps["p99"], None, digits=1),
        Figure("underruns: silent frames inside answers", playout["starved_frames"], 0, ""),
    ]


def plain_table(rows: list[Figure]) -> str:
    return "\n".join(["| limit | |", "|---|---|", *(f"| {row.name} | {row.shown(row.value)} |" for row in rows)])


def ways(runs: Mapping[str, Run]) -> str:
    lines = [
        "| way | turns | TTFP_eos p50 / p95 ms | TTFP_eot p50 / p95 ms | failures | loop lag p99 ms | memory MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, words in WAYS.items():
        run = runs.get(name)
        if run is None:
            continue
        eos, eot = run["summary"]["ttfp_eos_ms"], run["summary"]["ttfp_eot_ms"]
        lag = run.get("loop_lag_p99_ms")
        lines.append(
            f"| {words} | {len(run['turns'])} | {pair(eos)} | {pair(eot)} | {run['failures']} "
            f"| {'–' if lag is None else f'{lag:.1f}'} | {run.get('memory_mb', {}).get('both', 0):,.0f} |"
        )
    return "\n".join(lines)


def pair(ranks: Mapping[str, float | None]) -> str:
    return " / ".join("–" if ranks[rank] is None else f"{ranks[rank]:,.0f}" for rank in ("p50", "p95"))


def update(*, check: bool = False) -> bool:
    """Rewrite the section; returns whether it was as the data say. `check` leaves the page alone."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    section = results(read("first_packet.json"), read("playout.json"))
    new = f"{before}{BEGIN}\n\n{section}\n\n{END}{after}"
    if not check and new != page:
        PAGE.write_text(new)
    return new == page


def read(name: str) -> dict[str, Any] | None:
    path = DATA / name
    if not path.is_file():
        return None
    body: dict[str, Any] = json.loads(path.read_text())
    return body


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    was_right = update(check=arguments.check)
    return 1 if arguments.check and not was_right else 0


if __name__ == "__main__":
    sys.exit(main())
