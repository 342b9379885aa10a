"""The whole way, measured as a user would: `python -m benchmarks.first_packet [--quick] [--threads N]`.

Starts a server with the embedded model on a free port and asks it the seed samples at the pace of speech: over WebRTC
(about a hundred turns), over WebSocket (each sample once), and with four sessions at a time. While it runs it reads
the memory of server and engine and the event-loop lag. Writes docs/data/first_packet.json and the plot beside it;
prints the tables. Run it on a machine that does nothing else; the client's own work is on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from rich.console import Console

import client_demo as client
from client_demo.report import percentiles

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = sorted((ROOT / "models" / "seed" / "samples").glob("*.wav"))
DATA = ROOT / "docs" / "data"
START_LIMIT_S = 90
WATCH_EVERY_S = 1.0
HEADER = (
    "| way | turns | TTFP_eos p50 / p95 ms | TTFP_eot p50 / p95 ms | endpoint share p50 ms | residual p99 ms "
    "| failures | loop lag p99 ms | memory MB |"
)


@contextmanager
def server(threads: int | None) -> Iterator[str]:
    """A server of its own; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "realtime.cli", "serve", "--port", str(port), "--log-level", "warning"]
    if threads:
        command += ["--threads", str(threads)]
    process = subprocess.Popen(command)
    url = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while health(url) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def health(url: str) -> dict[str, Any] | None:
    """/healthz, or None while there is no answer."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    except OSError:
        return None


def memory_mb(url: str) -> dict[str, float]:
    """Resident memory of server and engine, from /metrics."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    values = {line.split()[0]: float(line.split()[1]) for line in lines if line and not line.startswith("#")}
    server_mb = values["forethought_server_memory_bytes"] / 1e6
    engine_mb = values["forethought_engine_memory_bytes"] / 1e6
    return {"server": round(server_mb), "engine": round(engine_mb), "both": round(server_mb + engine_mb)}


async def watched(url: str, options: client.MeasureOptions) -> dict[str, Any]:
    """One measurement, with the most memory and the loop lag that were seen meanwhile."""
    most: dict[str, float] = {}
    lags: list[float] = []

    async def watch() -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = await asyncio.to_thread(memory_mb, url)
            state = await asyncio.to_thread(health, url)
            for name, value in now.items():
                most[name] = max(most.get(name, 0.0), value)
            lags.append((state or {}).get("loop_lag_p99_ms", 0.0))

    watching = asyncio.create_task(watch())
    try:
        result = await client.measure(options)
    finally:
        watching.cancel()
    client.print_measure(result)
    body = result.to_json()
    return {**body, "memory_mb": most, "loop_lag_p99_ms": lags[-1] if lags else None}


def table(name: str, body: dict[str, Any]) -> str:
    """One row for docs/latency.md."""
    eos, eot = body["summary"]["ttfp_eos_ms"], body["summary"]["ttfp_eot_ms"]
    share = body["summary"]["endpoint_share"]
    return (
        f"| {name} | {len(body['turns'])} | {eos['p50']:.0f} / {eos['p95']:.0f} | {eot['p50']:.0f} / {eot['p95']:.0f} "
        f"| {share['p50']:.0f} | {body['summary']['residual_ms']['p99']:.2f} | {body['failures']} "
        f"| {body['loop_lag_p99_ms']:.1f} | {body['memory_mb']['both']:.0f} |"
    )


def plot(runs: dict[str, Any], to: Path) -> None:
    """The distribution of the first packet, and the median of each stage."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6))
    for name, body in runs.items():
        values = sorted(turn["ttfp_eos_ms"] for turn in body["turns"] if turn.get("ttfp_eos_ms") is not None)
        left.step(values, [(k + 1) / len(values) for k in range(len(values))], where="post", label=name)
    left.axvline(920, color="grey", linestyle=":", label="published: 920 ms")
    left.set(xlabel="ms from the end of speech to the first packet", ylabel="share of turns", xlim=(0, None))
    left.legend(fontsize=8)
    begin = dict.fromkeys(runs, 0.0)
    stages = list(next(iter(runs.values()))["turns"][0]["ledger"]["stages_ms"])
    for stage in stages:
        medians = [body["summary"][stage]["p50"] or 0.0 for body in runs.values()]
        right.barh(list(runs), medians, left=list(begin.values()), label=stage)
        begin = {name: begin[name] + value for name, value in zip(runs, medians, strict=True)}
    right.set(xlabel="ms, median of each stage")
    right.invert_yaxis()
    right.legend(fontsize=7, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    figure.tight_layout()
    figure.savefig(to, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each sample once per run")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    console = Console()
    turns = len(SAMPLES) if arguments.quick else 7 * len(SAMPLES)
    with server(arguments.threads) as url:
        time.sleep(5)
        idle = memory_mb(url)
        console.print(f"idle: {idle}")
        files = tuple(SAMPLES)
        runs = {
            "WebRTC": client.MeasureOptions(files, url=url, transport="webrtc", turns=turns),
            "WebSocket": client.MeasureOptions(files, url=url, transport="websocket", turns=len(SAMPLES)),
            "WebRTC, 4 sessions": client.MeasureOptions(
                files, url=url, transport="webrtc", turns=len(SAMPLES) // 2, sessions=4
            ),
        }
        results = {name: asyncio.run(watched(url, options)) for name, options in runs.items()}
    console.print(HEADER, soft_wrap=True)
    for name, body in results.items():
        console.print(table(name, body), markup=False, highlight=False, soft_wrap=True)
        saved = [turn["thinking"]["tokens_before_turn_end"] for turn in body["turns"] if turn.get("thinking")]
        console.print(f"{name}: tokens written before the turn ended {percentiles(saved)}")
    if not arguments.no_write:
        DATA.mkdir(exist_ok=True)
        (DATA / "first_packet.json").write_text(json.dumps({"idle_memory_mb": idle, "runs": results}, indent=1) + "\n")
        plot(results, DATA / "first_packet.png")


if __name__ == "__main__":
    main()
