"""The 20 ms beat under load: four people talking to a real server for ten minutes. `make soak` runs it.

    python -m benchmarks.playout [--minutes 10] [--sessions 4]        writes docs/data/playout.json
    python -m benchmarks.playout --minutes 0.5 --no-write             to try it

Each session asks the seed samples one after another over WebRTC, without a rest. Reported, for all sessions together:

- departure: how far behind its beat each frame left the playout track, from the server's own histogram on /metrics
  (percentiles are interpolated within its buckets; the maximum is exact);
- arrival: how much later than the least delayed packet of the last five seconds each packet came, by its RTP position,
  on the client, which shares the cores and, at nice 10, yields them: callers compute on machines of their own;
- underruns: silent frames in the middle of an answer (`forethought_playout_starved_frames_total`);
- event-loop lag, memory, turns, failures.

Aim: departure p99 at most 5 ms, no underrun. Exit code 1 where either is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.live_server import health, metrics, server, watching
from client_demo.audio_file import Recording, read_recording
from client_demo.errors import WireFailure
from client_demo.measure import STAGGER_S
from client_demo.probe import Outcome, Probe
from client_demo.reply_audio import ReplyStrip
from client_demo.report import machine
from client_demo.source import PacedSource
from client_demo.wire import WIRE_RATE_HZ, AudioPacket, ServerAddress, open_wire

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = sorted((ROOT / "models" / "embedded" / "samples").glob("*.wav"))
OUT = ROOT / "docs" / "data" / "playout.json"
AIM_MS = 5.0
REPORT_EVERY_S = 30.0
CLIENTS_NICE = 10
# Against a beat that may move on after a stall, and clocks that drift: the least delay of the last five seconds.
WINDOW_PACKETS = 250


class Arrivals(ReplyStrip):
    """Keeps, instead of the received audio, how late each packet was against the others, ms."""

    def __init__(self, rate_hz: int) -> None:
        super().__init__(rate_hz)
        self.late_ms: list[float] = []
        self._offsets_ns: deque[int] = deque(maxlen=WINDOW_PACKETS)

    def push(self, packet: AudioPacket) -> None:
        if packet.position_samples is None:
            return
        offset_ns = packet.arrival_ns - packet.position_samples * 1_000_000_000 // packet.sample_rate_hz
        self._offsets_ns.append(offset_ns)
        self.late_ms.append((offset_ns - min(self._offsets_ns)) / 1e6)

    def flush(self, at_ns: int) -> None:
        pass  # what was received was received


@dataclass(slots=True)
class Talk:
    """What all sessions saw."""

    turns: int = 0
    failures: list[str] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)


async def talk(url: str, session: int, recordings: list[Recording], until: float, seen: Talk) -> None:
    """One session, from its own place in the list, until `until` (time.monotonic)."""
    await asyncio.sleep(session * STAGGER_S)
    rate_hz = WIRE_RATE_HZ["webrtc"]
    address = ServerAddress.parse(url)
    arrivals = Arrivals(rate_hz)
    source = PacedSource(rate_hz)
    question = session * len(recordings) // 4
    try:
        async with open_wire("webrtc", address, source) as wire:
            probe = Probe(wire, source, address, strip=arrivals)
            await probe.ready()
            while time.monotonic() < until:
                asked = await probe.ask(recordings[question % len(recordings)])
                question += 1
                seen.turns += len(asked.turns)
                if asked.outcome is not Outcome.ANSWERED:
                    seen.failures.append(asked.outcome.value)
    except WireFailure as failure:
        seen.failures.append(str(failure))
    seen.late_ms += arrivals.late_ms


async def soak(url: str, sessions: int, seconds: float, console: Console) -> dict[str, Any]:
    """The whole measurement on a running server."""
    recordings = [await asyncio.to_thread(read_recording, file, WIRE_RATE_HZ["webrtc"]) for file in SAMPLES]
    before = await asyncio.to_thread(metrics, url)
    begin = time.monotonic()
    seen = Talk()

    async def report() -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            late = departures(before, await asyncio.to_thread(metrics, url))
            console.print(f"{time.monotonic() - begin:5.0f} s: {seen.turns} turns, departure p99 {late['p99']} ms")

    async with watching(url) as watched:
        reporting = asyncio.create_task(report())
        try:
            async with asyncio.TaskGroup() as group:
                for session in range(sessions):
                    group.create_task(talk(url, session, recordings, begin + seconds, seen))
        finally:
            reporting.cancel()
            await asyncio.gather(reporting, return_exceptions=True)
    after = await asyncio.to_thread(metrics, url)
    starved = "forethought_playout_starved_frames_total"
    return {
        "seconds": round(time.monotonic() - begin, 1),
        "sessions": sessions,
        "turns": seen.turns,
        "failures": seen.failures,
        "departure_late_ms": departures(before, after),
        "arrival_jitter_ms": spread(seen.late_ms),
        "loop_lag_ms": histogram(before, after, "forethought_loop_lag_seconds"),
        "starved_frames": round(after[starved] - before[starved]),
        "memory_mb": watched.memory_mb,
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
    }


def departures(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float | None]:
    worst_ms = 1000 * after["forethought_playout_late_max_seconds"]
    return histogram(before, after, "forethought_playout_late_seconds") | {"max": round(worst_ms, 3)}


def histogram(before: Mapping[str, float], after: Mapping[str, float], name: str) -> dict[str, float | None]:
    """What a Prometheus histogram gained: `count`, p50 and p99 in ms (linear within a bucket; the last edge where they
    lie above it), and `within_aim`, the share of at most `AIM_MS`."""
    buckets = sorted(
        (float(key.split('le="')[1].rstrip('"}')), value - before.get(key, 0.0))
        for key, value in after.items()
        if key.startswith(f"{name}_bucket")
    )
    count = buckets[-1][1]
    aim = next(gained for edge, gained in buckets if edge * 1000 >= AIM_MS)
    return {
        "count": count,
        "p50": quantile_ms(buckets, 0.5),
        "p99": quantile_ms(buckets, 0.99),
        "within_aim": round(aim / count, 6) if count else None,
    }


def quantile_ms(buckets: list[tuple[float, float]], share: float) -> float | None:
    """From cumulative (upper edge s, count) pairs, the last of them infinite; None of nothing."""
    wanted = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for edge, gained in buckets:
        if gained >= wanted and gained > below:
            if edge == float("inf"):
                return 1000 * lower
            return round(1000 * (lower + (edge - lower) * (wanted - below) / (gained - below)), 3)
        lower, below = edge, gained
    return None


def spread(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {"count": 0, "p50": None, "p99": None, "max": None}
    p50, p99, most = np.percentile(values, [50, 99, 100])
    return {"count": len(values), "p50": round(p50, 3), "p99": round(p99, 3), "max": round(most, 3)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--threads", type=int, help="of the engine")
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    console = Console()
    with server(arguments.threads) as url:
        time.sleep(3)
        os.nice(CLIENTS_NICE)  # behind the server, which has started with our own
        precedence = (health(url) or {}).get("loop_precedence")
        body = asyncio.run(soak(url, arguments.sessions, 60 * arguments.minutes, console))
    body["loop_precedence"] = precedence
    late, jitter, lag = body["departure_late_ms"], body["arrival_jitter_ms"], body["loop_lag_ms"]
    console.print(f"{body['seconds']:.0f} s, {body['sessions']} sessions, {body['turns']} turns")
    console.print(f"event loop {precedence}, machine {body['machine']}")
    console.print(
        f"departure behind the beat: p50 {late['p50']}  p99 {late['p99']}  max {late['max']} ms (aim 5 at p99)"
    )
    console.print(f"arrival at the client:     p50 {jitter['p50']}  p99 {jitter['p99']}  max {jitter['max']} ms")
    console.print(f"event-loop lag:            p50 {lag['p50']}  p99 {lag['p99']} ms")
    console.print(f"underruns {body['starved_frames']} frames (aim 0); {body['memory_mb']} MB")
    console.print(f"failures: {body['failures'] or 'none'}")
    if not arguments.no_write:
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(body, indent=1) + "\n")
    on_beat = late["p99"] is not None and late["p99"] <= AIM_MS
    return 0 if on_beat and body["starved_frames"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
