"""What hearing costs and whether it is the same however it is cut: invariants I2 and I3 of the streaming encoder.

    python -m benchmarks.encoder [--threads 2] [--minutes 10] [--json OUT] [--tail-only]

I2  largest difference between the embeddings of random splits and those of one push, over the sample recordings.
I3  time per chunk of a turn that has lasted 10 minutes against one that has lasted 10 seconds. Attention state is
    bounded by the segment (29.44 s), within which the time grows with the cache and then falls back: so the second half
    of the long turn, in whole segments, is held against turns of 10 s that are heard in between, under the same load.
    With --threads 1 the CPU time is the compute itself, whatever else the machine does.

The tail of a turn, which its answer waits for: with torch's matrices, with compiled ones on one thread, and with what
an idle core gives, in turn. Fastest decile and median.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch

from realtime.engine.ear import compile_hearing
from streaming_encoder import AudioModel, EncoderStream, load_audio_model

EMBEDDED = Path(__file__).parents[1] / "models" / "embedded"
SAMPLE_RATE_HZ = 16_000
SHORT_S = 10
TAILS = 100


def machine(threads: int) -> dict[str, Any]:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    return {"cpu": model, "cores": os.cpu_count(), "threads": threads, "torch": torch.__version__, "load_1min": load}


def recordings() -> list[np.ndarray]:
    """The seed samples, int16 [n] each."""
    heard = []
    for path in sorted((EMBEDDED / "samples").glob("*.wav")):
        with wave.open(str(path)) as file:
            heard.append(np.frombuffer(file.readframes(file.getnframes()), np.int16))
    return heard


def split_difference(model: AudioModel, splits: int) -> tuple[float, float]:
    """(largest absolute difference, largest absolute value) over all recordings and `splits` random splits of each."""
    random = np.random.default_rng(0)
    worst = largest = 0.0
    for pcm in recordings():
        stream = EncoderStream(model)
        whole = torch.cat([stream.push(pcm), stream.finish()])
        largest = max(largest, whole.abs().max().item())
        for _ in range(splits):
            cuts = np.sort(random.integers(0, len(pcm), random.integers(1, 60)))
            pieces = [stream.push(piece) for piece in np.split(pcm, cuts)]
            worst = max(worst, (torch.cat([*pieces, stream.finish()]) - whole).abs().max().item())
    return worst, largest


def chunk_times_ms(stream: EncoderStream, audio: np.ndarray, chunks: int, start: int) -> list[tuple[float, float]]:
    """(wall, CPU) ms of `chunks` pushes of one chunk each, from chunk `start` of the endlessly repeated audio."""
    size = stream.chunk_samples
    times = []
    for chunk in range(start, start + chunks):
        pcm = np.take(audio, np.arange(chunk * size, (chunk + 1) * size), mode="wrap")
        wall, cpu = time.perf_counter(), time.process_time()
        stream.push(pcm)
        times.append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
    return times


def cost(model: AudioModel, minutes: float, chunk_frames: int, right_ms: int) -> dict[str, Any]:
    """Time per chunk over one long turn, with short turns of 10 s between its pieces as the yardstick."""
    audio = np.concatenate(recordings())
    long, short = (EncoderStream(model, chunk_frames, right_ms) for _ in range(2))
    per_short = SHORT_S * SAMPLE_RATE_HZ // long.chunk_samples
    per_segment = long.plan.segment_frames // chunk_frames
    segments = max(2, round(minutes * 60 * SAMPLE_RATE_HZ / long.chunk_samples / per_segment))
    chunk_times_ms(short, audio, per_short, 0)  # warm up
    lasting: list[tuple[float, float]] = []
    starting: list[tuple[float, float]] = []
    for segment in range(segments):
        short.reset()
        starting += chunk_times_ms(short, audio, per_short, segment * per_segment)
        lasting += chunk_times_ms(long, audio, per_segment, segment * per_segment)
    late = lasting[segments // 2 * per_segment :]  # whole segments: every fill of the cache counts alike
    wall_short, cpu_short = _typical(starting)
    wall_long, cpu_long = _typical(late)
    # The same places of a segment, so the same fill of the cache: all that is left is the age of the turn.
    young, old = _typical(lasting[:per_segment])[1], _typical(lasting[-per_segment:])[1]
    return {
        "chunk_ms": long.chunk_samples * 1000 // SAMPLE_RATE_HZ,
        "right_context_ms": right_ms,
        "turn_s": round(long.samples / SAMPLE_RATE_HZ, 1),
        "wall_ms": {"10 s": wall_short, "long": wall_long, "ratio": round(wall_long / wall_short, 3)},
        "cpu_ms": {"10 s": cpu_short, "long": cpu_long, "ratio": round(cpu_long / cpu_short, 3)},
        "cpu_last_over_first_segment": round(old / young, 3),
        "wall_p95_ms": round(float(np.percentile([wall for wall, _ in late], 95)), 2),
    }


def tails() -> list[dict[str, Any]]:
    """Time of the tail behind two recordings: of one step, and of two."""
    models = {name: load_audio_model(EMBEDDED) for name in ("torch", "compiled", "with the idle core")}
    compile_hearing(models["compiled"], assisted=False)
    compile_hearing(models["with the idle core"])
    heard = recordings()
    return [tail_cost(models, heard[index]) for index in (4, 7)]


def tail_cost(models: dict[str, AudioModel], pcm: np.ndarray) -> dict[str, Any]:
    """Rows of each step, and each model's [fastest decile, median] in ms."""
    streams = {name: EncoderStream(model) for name, model in models.items()}
    for stream in streams.values():
        stream.push(pcm)
    times: dict[str, list[float]] = {name: [] for name in streams}
    for count in range(TAILS + 3):
        for name, stream in streams.items():
            begin = time.perf_counter()
            steps = stream.hear_tail()
            if count >= 3:
                times[name].append((time.perf_counter() - begin) * 1e3)
    found = {name: [round(float(np.percentile(took, q)), 1) for q in (10, 50)] for name, took in times.items()}
    return {"rows": [len(step.frames) + len(step.ahead) for step in steps], "p10_and_median_ms": found}


def _typical(times: list[tuple[float, float]]) -> tuple[float, float]:
    """Mean (wall, CPU) without the slowest tenth: those are other processes, not the length of the turn."""
    ordered = np.sort(np.array(times), axis=0)
    wall, cpu = ordered[: int(len(ordered) * 0.9)].mean(0)
    return round(float(wall), 2), round(float(cpu), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tail-only", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.tail_only:
        print(json.dumps({"machine": machine(arguments.threads), "tail": tails()}, indent=1))
        return

    began = time.perf_counter()
    model = load_audio_model(EMBEDDED)
    loaded_s = time.perf_counter() - began
    worst, largest = split_difference(model, splits=3)
    report: dict[str, Any] = {
        "machine": machine(arguments.threads),
        "load_s": round(loaded_s, 2),
        "i2": {"max_abs_difference": worst, "max_abs_value": round(largest, 2), "limit": 1e-4},
        "tail": tails(),
        "i3_limit": 1.15,
        "cost": [cost(model, arguments.minutes, 32, 0)]
        + [cost(model, 1, chunk, right) for chunk, right in ((16, 0), (64, 0), (32, 160), (32, 320), (32, 640))],
    }
    print(json.dumps(report, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
