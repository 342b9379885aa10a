"""The whole way, measured as a user would: the run behind docs/latency.md.

    python -m benchmarks.first_packet                 everything, about an hour on an otherwise idle machine
    python -m benchmarks.first_packet --resume        go on where the last one was interrupted (same commit only)
    python -m benchmarks.first_packet --quick         a few turns of each, to see that it works; writes nothing
    python -m benchmarks.first_packet --only plain paused cascade       with --resume: beside what is kept

Starts servers of its own and asks them the sample set "natural" (`benchmarks.samples`) at the pace of speech, step by
step (`steps`). Each step is kept in build/first_packet as soon as it is done. At the end: every figure beside its
aim, docs/data/first_packet.json with every turn, the plots, and the results section of docs/latency.md. The
comparison with a cascade needs `make cascade`; without it that column is empty and the reason printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

import client_demo as client
from benchmarks import latency_figures, latency_page, latency_plots
from benchmarks.decoder import read_bandwidth_gb_s
from benchmarks.live_server import memory_mb, metrics, server, watching
from benchmarks.samples import Sample, make
from client_demo.cascade import run_cascade
from client_demo.report import machine

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "first_packet"
DATA = ROOT / "docs" / "data"
# Questions in one conversation. A user's is about as long; and an answer that is in the history is not asked again.
BLOCK = 8
BARGE_IN_MS = 400
FULL_WAIT = {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 1500}}}}
WITHOUT_NOTES = {
    "FORETHOUGHT_ENGINE__NOTE_INTERVAL_MS": "3600000",
    "FORETHOUGHT_ENGINE__REHEARSAL_INTERVAL_MS": "0",
}
# What the model answers to a minute of talk may have no end; its beginning is what is timed.
SHORT_ANSWER = {"max_output_tokens": 150}
# A client that sends so late was not running, and neither was the server: such a step is asked once more.
DISTURBED_MS = 500
# Rest between two steps, so that none begins with the last one's memory being freed.
REST_S = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement on one kind of server. `options.url` is filled in when the server stands."""

    name: str
    options: client.MeasureOptions
    environment: Mapping[str, str] = field(default_factory=dict)


def steps(samples: list[Sample], at: Path, *, quick: bool) -> list[Step]:
    """What is measured, the most wanted first."""

    def files(*sets: str, seed_only: bool = False) -> tuple[Path, ...]:
        chosen = [at / s.file for s in samples if s.set in sets and (s.group == "seed" or not seed_only)]
        return tuple(chosen[:: max(1, len(chosen) // 3)][:3] if quick else chosen)

    plain, paused, seed = files("plain"), files("paused"), files("plain", seed_only=True)
    first_paused = tuple(file for file in paused if file.stem.endswith(".0"))
    known = tuple(at / s.file for s in samples if s.set == "plain" and s.expected is not None)
    known = known[:2] if quick else known
    expect = at / "manifest.json"
    webrtc = client.MeasureOptions((), transport="webrtc", expect=expect)
    # Over a WebSocket both hear the same samples; a codec begins where its packets happen to, and words that are nearly
    # two are heard now as the one and now as the other.
    once = replace(webrtc, transport="websocket", files=plain + first_paused, fresh=True)
    return [
        Step("plain", replace(webrtc, files=plain, block=BLOCK, effort="medium", compare_effort="minimal")),
        Step("paused", replace(webrtc, files=paused, block=BLOCK)),
        Step("barge-in", replace(webrtc, files=seed, block=BLOCK, barge_in_ms=BARGE_IN_MS)),
        Step("long", replace(webrtc, files=files("long"), turns=2 if quick else 10, fresh=True, session=SHORT_ANSWER)),
        Step("four sessions", replace(webrtc, files=seed, turns=2 if quick else 8, sessions=4)),
        Step("websocket", replace(webrtc, files=seed, transport="websocket", block=BLOCK)),
        Step("held", once),
        Step("waited", replace(once, session=FULL_WAIT)),
        Step("no notes", replace(webrtc, files=known, fresh=True), WITHOUT_NOTES),
    ]


class Kept:
    """Finished steps on disk, of one commit; a later run with `--resume` takes them up."""

    def __init__(self, directory: Path, stamp: str, *, resume: bool) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        mark = directory / "stamp"
        if not (resume and mark.is_file() and mark.read_text() == stamp):
            for old in directory.glob("*.json"):
                old.unlink()
            mark.write_text(stamp)

    def get(self, name: str) -> dict[str, Any] | None:
        path = self._path(name)
        if not path.is_file():
            return None
        body: dict[str, Any] = json.loads(path.read_text())
        return body

    def put(self, name: str, body: Mapping[str, Any]) -> None:
        half = self._path(name).with_suffix(".part")
        half.write_text(json.dumps(body))
        half.rename(self._path(name))

    def _path(self, name: str) -> Path:
        return self._directory / f"{name.replace(' ', '_')}.json"


def commit() -> str:
    """The commit and whether the tree was changed since; what is measured must be known."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=ROOT, capture_output=True, check=False)
    return (head.stdout.strip() or "unknown") + ("+changes" if changed.stdout.strip() else "")


async def measured(url: str, options: client.MeasureOptions) -> dict[str, Any]:
    """One measurement, with the most memory and the worst loop lag that were seen meanwhile."""
    async with watching(url) as seen:
        with client.measure_progress() as progress:
            result = await client.measure(replace(options, url=url), progress)
    client.print_measure(result)
    return {**result.to_json(), "memory_mb": seen.memory_mb, "loop_lag_p99_ms": seen.loop_lag_p99_ms}


def run(plan: list[Step], kept: Kept, threads: int | None, console: Console) -> list[str]:
    """All steps that are not kept yet, those that want the same server one after another. Returns what failed."""
    failed: list[str] = []
    todo = [step for step in plan if kept.get(step.name) is None]
    for environment in dict.fromkeys(tuple(sorted(step.environment.items())) for step in todo):
        with server(threads, dict(environment)) as url:
            time.sleep(5)
            if not environment and kept.get("idle") is None:
                kept.put("idle", memory_mb(metrics(url)))
            for step in todo:
                if tuple(sorted(step.environment.items())) != environment:
                    continue
                console.rule(f"{step.name}: {turns_of(step.options)} questions ({time.strftime('%H:%M:%S')})")
                try:
                    body = asyncio.run(measured(url, step.options))
                    if body["max_send_lag_ms"] > DISTURBED_MS:
                        console.print(
                            f"[yellow]the machine stood still for {body['max_send_lag_ms']:.0f} ms: once more[/]"
                        )
                        body = asyncio.run(measured(url, step.options)) | {"repeated": True}
                    kept.put(step.name, body)
                except client.ClientFailure as failure:
                    failed.append(f"{step.name}: {failure}")
                    console.print(f"[red]{failed[-1]}[/]")
                time.sleep(REST_S)
    return failed


def turns_of(options: client.MeasureOptions) -> int:
    turns = options.turns or len(options.files) * (2 if options.compare_effort else 1)
    return turns * options.sessions


def compared(samples: list[Sample], at: Path, kept: Kept, *, quick: bool, console: Console) -> None:
    """The cascade over the plain and paused recordings, as `forethought measure --compare cascade` runs it."""
    if kept.get("cascade") is not None:
        return
    files = [at / sample.file for sample in samples if sample.set in ("plain", "paused")]
    console.rule(f"cascade: {len(files[::40] if quick else files)} recordings ({time.strftime('%H:%M:%S')})")
    try:
        kept.put("cascade", asyncio.run(run_cascade(files[::40] if quick else files)))
    except client.ClientFailure as failure:
        console.print(f"[yellow]no comparison:[/] {failure}")


def write(data: dict[str, Any]) -> None:
    """docs/data/first_packet.json, one turn a line; the plots; the results section of the page."""
    DATA.mkdir(exist_ok=True)
    (DATA / "first_packet.json").write_text(latency_page.compact_json(data))
    latency_plots.draw(data, DATA)
    latency_page.update()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few turns of each step; writes nothing to docs")
    parser.add_argument("--resume", action="store_true", help="keep the steps that are done")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="these steps only, and cascade if named")
    parser.add_argument("--variants", type=int, default=3, help="recordings with pauses for each sentence")
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    console = Console()
    at = KEPT.parent / "samples"
    samples = make(at, arguments.variants)
    plan = steps(samples, at, quick=arguments.quick)
    names = [*(step.name for step in plan), "cascade"]
    wanted = arguments.only or names
    if not set(wanted) <= set(names):
        parser.error(f"the steps are {', '.join(names)}")
    stamp = f"{commit()} variants={arguments.variants}"
    directory = KEPT.with_name("first_packet_quick") if arguments.quick else KEPT
    kept = Kept(directory, stamp, resume=arguments.resume)
    if kept.get("bandwidth") is None:
        kept.put("bandwidth", {"gb_s": round(read_bandwidth_gb_s(machine()["cores"]), 2)})
    failed = run([step for step in plan if step.name in wanted], kept, arguments.threads, console)
    if "cascade" in wanted:
        compared(samples, at, kept, quick=arguments.quick, console=console)
    data: dict[str, Any] = {
        "commit": stamp,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "read_bandwidth_gb_s": (kept.get("bandwidth") or {}).get("gb_s"),
        "idle_memory_mb": kept.get("idle"),
        "runs": {step.name: body for step in plan if (body := kept.get(step.name)) is not None},
        "cascade": kept.get("cascade"),
    }
    console.rule("figures")
    rows = latency_figures.figures(data) + latency_figures.physical_limits(data)
    console.print(latency_figures.table(rows), markup=False, highlight=False, soft_wrap=True)
    if {"plain", "paused"} <= data["runs"].keys() and not arguments.no_write and not arguments.quick:
        write(data)
        console.print(f"written: {DATA / 'first_packet.json'}, the plots beside it, docs/latency.md")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
