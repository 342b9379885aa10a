"""What threads cost on few cores: `python -m benchmarks.threads`. Torch's operators, and the compiled step.

One decoding row with 1 and 2 threads, spinning and sleeping, idle and beside a busy process.
Each case runs in a process of its own, since OpenMP reads its settings once.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

EMBEDDED = Path(__file__).resolve().parent.parent / "models" / "embedded"
CONTEXT = 150
STEPS = 60
SLEEPING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
TORCH, COMPILED, ASSISTED = "torch", "compiled", "assisted"
CASES: tuple[tuple[str, str, int, dict[str, str]], ...] = (
    ("torch, 1 thread", TORCH, 1, {}),
    ("torch, 2 threads, spinning", TORCH, 2, {}),
    ("torch, 2 threads, sleeping", TORCH, 2, SLEEPING),
    ("compiled, 1 thread", COMPILED, 1, {}),
    ("compiled, with the idle core", ASSISTED, 1, {}),
)


def measure(step: str, threads: int) -> float:
    """Median ms of one decoding row at context CONTEXT."""
    from realtime.decoder import Decoder, Row  # noqa: PLC0415 - only the child needs torch

    decoder = Decoder.load(EMBEDDED, threads=threads, native=step != TORCH, assisted=step == ASSISTED)
    seq = decoder.new(list(range(100, 100 + CONTEXT)))
    decoder.step([Row(seq, CONTEXT)])
    times = []
    for _ in range(STEPS):
        decoder.truncate(seq, CONTEXT)
        decoder.extend(seq, [500])
        begin = time.perf_counter()
        decoder.step([Row(seq, 1, want_logits=True)])
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


def child(step: str, threads: int, environment: dict[str, str]) -> float:
    command = [sys.executable, "-m", "benchmarks.threads", step, str(threads)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def spin() -> None:
    while True:
        pass


def main() -> None:
    if len(sys.argv) > 1:
        print(measure(sys.argv[1], int(sys.argv[2])))
        return
    table = Table("one row, median ms", "idle", "beside a busy process", title=f"{os.cpu_count()} cores")
    rows = {name: [child(step, threads, environment)] for name, step, threads, environment in CASES}
    busy = multiprocessing.Process(target=spin, daemon=True)
    busy.start()
    for name, step, threads, environment in CASES:
        rows[name].append(child(step, threads, environment))
    busy.terminate()
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.1f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
