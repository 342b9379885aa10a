"""How soon the answer stops when the user speaks over it, and whether it goes on after a cough.

    python -m benchmarks.barge_in [--times 24] [--threads N]

A server of its own, asked over WebRTC on loopback by the client that also measures. *Barge-ins*: the next question
begins 0.15 to 1.6 s after an answer's first sound; from the moment its first voiced frame left the client to the last
packet with speech in it (client clock). *False interruptions*: a cough, a knock, a burst of noise, an "mm-hm" over an
answer, and what the server made of it. The sounds are computed, from a seed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.live_server import server
from client_demo.audio_file import Recording, read_recording, recording_of, resample
from client_demo.probe import Patience, Probe
from client_demo.report import percentiles
from client_demo.source import PacedSource
from client_demo.turn_record import TurnReport
from client_demo.webrtc_client import open_webrtc
from client_demo.wire import WIRE_RATE_HZ, ServerAddress, WireEvent
from tests.turns_material import SAMPLES

RATE_HZ = WIRE_RATE_HZ["webrtc"]
LIMIT_MS = 100.0
# Questions whose answers last more than two seconds.
TALKATIVE = ("07_count", "11_open", "12_open", "13_letters")
SHORTEST_MS, LONGEST_MS = 150, 1_600
FALSE_AFTER_MS = 400
EACH_SOUND = 4
ANSWER_S = 9.0


def at_16_khz(seconds: float) -> np.ndarray[Any, Any]:
    return np.arange(round(16_000 * seconds)) / 16_000


def cough() -> np.ndarray[Any, Any]:
    """Two bursts of breath, 120 and 90 ms."""
    rng = np.random.default_rng(5)
    burst = [np.convolve(rng.standard_normal(len(at_16_khz(s))), np.ones(3) / 3, "same") * np.exp(-at_16_khz(s) / 0.05)
             for s in (0.12, 0.09)]  # fmt: skip
    return 0.5 * np.concatenate([burst[0], np.zeros(1_600), burst[1]])


def knock() -> np.ndarray[Any, Any]:
    """Three knocks on wood."""
    t = at_16_khz(0.2)
    return np.tile(0.6 * np.sin(2 * np.pi * 180 * t) * np.exp(-t / 0.018), 3)


def noise() -> np.ndarray[Any, Any]:
    """A quarter of a second of a tap that is turned on."""
    return 0.08 * np.random.default_rng(6).standard_normal(4_000)


def mm_hm() -> np.ndarray[Any, Any]:
    """Two nasal syllables of a listener: harmonics of 130 and 160 Hz below 500 Hz."""

    def hum(pitch_hz: float) -> np.ndarray[Any, Any]:
        t = at_16_khz(0.14)
        tone = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k**2 for k in range(1, 4))
        return np.asarray(0.06 * tone * np.hanning(len(t)))

    return np.concatenate([hum(130), np.zeros(800), hum(160)])


SOUNDS: dict[str, Callable[[], np.ndarray[Any, Any]]] = {
    "cough": cough, "knock": knock, "noise": noise, "mm-hm": mm_hm,
}  # fmt: skip


def sound(name: str) -> Recording:
    """The sound as something to say that no stopwatch takes for speech."""
    pcm = np.clip(np.rint(SOUNDS[name]() * 32_767), -32_768, 32_767).astype(np.int16)
    whole = recording_of(name, resample(pcm, 16_000, RATE_HZ), RATE_HZ)
    return Recording(name, whole.pcm, RATE_HZ, whole.voiced_ends[:0])


async def barge_ins(url: str, questions: list[Recording], times: int) -> list[float]:
    """From the first voiced frame of each interruption to the answer's last packet, ms."""
    draw = np.random.default_rng(7)
    source, address = PacedSource(RATE_HZ), ServerAddress.parse(url)
    async with open_webrtc(address, source) as wire:
        probe = Probe(wire, source, address, patience=Patience(4.0, 20.0))
        await probe.ready()
        turns: list[TurnReport] = []
        for index in range(times):
            after_ms = float(draw.uniform(SHORTEST_MS, LONGEST_MS))
            turns += (await probe.ask(questions[index % len(questions)], interrupt_ms=after_ms)).turns
        turns += (await probe.ask(questions[0])).turns
    return [turn.barge_in_stop_ms for turn in turns if turn.barge_in_stop_ms is not None]


async def false_interruptions(url: str, questions: list[Recording]) -> dict[str, Counter[str]]:
    """For each sound how often the answer was ducked, paused, resumed, and how the answers ended."""
    seen: dict[str, Counter[str]] = {name: Counter() for name in SOUNDS}
    source, address = PacedSource(RATE_HZ), ServerAddress.parse(url)
    now = Counter[str]()

    def watch(event: WireEvent, _: float) -> None:
        if event.type == "forethought.playout":
            now[str(event.payload["state"])] += 1
        elif event.type == "response.done":
            now[str(event.payload["response"]["status"])] += 1

    async with open_webrtc(address, source) as wire:
        probe = Probe(wire, source, address, patience=Patience(4.0, 20.0), watch=watch)
        await probe.ready()
        for name in [name for name in SOUNDS for _ in range(EACH_SOUND)]:
            question = questions[seen[name]["sounds"] % len(questions)]
            await probe.ask(question, interrupt_ms=FALSE_AFTER_MS)
            now.clear()
            source.queue(sound(name))
            seen[name]["sounds"] += 1
            for _ in range(round(ANSWER_S / 0.5)):
                await probe.pause(0.5)
                if now["completed"] or now["cancelled"]:
                    break
            await probe.pause(1.0)
            seen[name] += now
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=24)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    console = Console()
    questions = [
        read_recording(path, RATE_HZ) for path in sorted(SAMPLES.glob("*.wav")) if path.name.startswith(TALKATIVE)
    ]
    with server(arguments.threads) as url:
        stops = asyncio.run(barge_ins(url, questions, arguments.times))
        sounds = asyncio.run(false_interruptions(url, questions))
    figures = percentiles(stops)
    console.print(
        f"load {os.getloadavg()[0]:.1f}; {len(stops)} barge-ins of {arguments.times}, limit p95 {LIMIT_MS:.0f} ms"
    )
    console.print(f"last packet behind the user's first voiced frame, ms: {figures}; all {sorted(map(round, stops))}")
    names = ("sounds", "ducked", "paused", "resumed", "completed", "cancelled")
    console.print("| sound | " + " | ".join(names) + " |")
    for name, counts in sounds.items():
        console.print(f"| {name} | " + " | ".join(str(counts[each]) for each in names) + " |", markup=False)


if __name__ == "__main__":
    main()
