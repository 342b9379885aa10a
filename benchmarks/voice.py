"""How long a voice takes from text to PCM, and what it does to the event loop meanwhile.

    python benchmarks/voice.py [--rounds 20] [--kinds hibari,espeak] [--json out.json]

Prints per voice and sentence: ms to trimmed PCM (p50, p95) and the audio it gives; the cost of resampling to 48 kHz;
the segmenter's cost per character; and the lag of a 2 ms timer on the event loop, idle and during synthesis.
The limit is a loop lag of 10 ms at p99.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from pathlib import Path

import numpy as np

from tts_bridge import Segmenter, Voice, VoiceSettings, open_voice, ready_for_playout

SENTENCES = (
    "Yes,",
    "Pakistan is in Asia.",
    "Six plus eight is fourteen.",
    "The capital of France is Paris, which is a large city on the Seine.",
)
TICK_S = 0.002
LIMIT_MS = 10.0


def percentiles(values: list[float]) -> dict[str, float]:
    points = np.percentile(values, [50, 95, 99, 100])
    return dict(zip(("p50", "p95", "p99", "max"), (round(float(point), 2) for point in points), strict=True))


async def beat(lags_ms: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK_S)
        lags_ms.append(1000 * (time.perf_counter() - before - TICK_S))


async def lag_during(work: asyncio.Task[None]) -> dict[str, float]:
    lags_ms: list[float] = []
    heart = asyncio.create_task(beat(lags_ms))
    await work
    heart.cancel()
    await asyncio.gather(heart, return_exceptions=True)
    return percentiles(lags_ms)


async def speak(voice: Voice, rounds: int, rows: dict[str, dict[str, float]]) -> None:
    for sentence in SENTENCES:
        times_ms, resample_ms = [], []
        for _ in range(rounds):
            before = time.perf_counter()
            pcm = await voice.synthesise(sentence)
            times_ms.append(1000 * (time.perf_counter() - before))
            before = time.perf_counter()
            ready_for_playout(pcm.samples, pcm.sample_rate_hz, 48_000, 100)
            resample_ms.append(1000 * (time.perf_counter() - before))
        rows[sentence] = {
            **percentiles(times_ms),
            "audio_ms": round(pcm.duration_ms),
            "to_48k_ms": round(float(np.median(resample_ms)), 2),
        }


def segmenter_us_per_char() -> float:
    text = "Yes, it is. The capital of France is Paris, which lies on the Seine, 3.5 km from Dr. Smith's house. " * 20
    segmenter = Segmenter()
    before = time.perf_counter()
    for char in text:
        segmenter.push(char)
    segmenter.finish()
    return round(1e6 * (time.perf_counter() - before) / len(text), 2)


async def measure(kinds: list[str], rounds: int) -> dict[str, object]:
    idle = await lag_during(asyncio.create_task(asyncio.sleep(2)))
    report: dict[str, object] = {
        "machine": {
            "cpu": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
        },
        "lag_idle_ms": idle,
        "segmenter_us_per_char": segmenter_us_per_char(),
        "voices": {},
    }
    for kind in kinds:
        voice = open_voice(VoiceSettings(kind=kind, fallback=False, timeout_s=20))  # type: ignore[arg-type]
        before = time.perf_counter()
        await voice.warm_up()
        warm_up_ms = round(1000 * (time.perf_counter() - before))
        rows: dict[str, dict[str, float]] = {}
        lag = await lag_during(asyncio.create_task(speak(voice, rounds, rows)))
        report["voices"][kind] = {"warm_up_ms": warm_up_ms, "lag_ms": lag, "sentences": rows}  # type: ignore[index]
        await voice.close()
    return report


def show(report: dict[str, object]) -> None:
    print(f"machine {report['machine']}")
    print(f"loop lag idle {report['lag_idle_ms']}  segmenter {report['segmenter_us_per_char']} µs/char")
    for kind, result in report["voices"].items():  # type: ignore[attr-defined]
        verdict = "within" if result["lag_ms"]["p99"] <= LIMIT_MS else "OVER"
        print(
            f"\n{kind}: warm-up {result['warm_up_ms']} ms; loop lag {result['lag_ms']} ms, {verdict} {LIMIT_MS} at p99"
        )
        for sentence, row in result["sentences"].items():
            ratio = row["audio_ms"] / row["p50"]
            print(f"  {row['p50']:7.1f} ms p50 {row['p95']:7.1f} p95  {row['audio_ms']:5.0f} ms audio ({ratio:.0f}x)"
                  f"  to 48 kHz {row['to_48k_ms']:.2f} ms  {sentence!r}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--kinds", default="hibari,espeak")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = asyncio.run(measure(options.kinds.split(","), options.rounds))
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
