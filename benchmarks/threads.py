"""What threads cost on few cores, torch's operators: `python -m benchmarks.threads`. The compiled step has one thread.

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
CASES: tuple[tuple[str, int, dict[str, str]], ...] = (
    ("1 thread", 1, {}),
    ("2 threads, spinning", 2, {}),
    ("2 threads, sleeping", 2, SLEEPING),
)


def measure(threads: int) -> float:
    """Median ms of one decoding row at context CONTEXT."""
    from realtime.decoder import Decoder, Row  # noqa: PLC0415 - only the child needs torch

    decoder = Decoder.load(EMBEDDED, threads=threads, native=False)
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


def child(threads: int, environment: dict[str, str]) -> float:
    command = [sys.executable, "-m", "benchmarks.threads", str(threads)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def spin() -> None:
    while True:
        pass


def main() -> None:
    if len(sys.argv) > 1:
        print(measure(int(sys.argv[1])))
        return
    table = Table("one row, median ms", "idle", "beside a busy process", title=f"{os.cpu_count()} cores")
    rows = {name: [child(threads, environment)] for name, threads, environment in CASES}
    busy = multiprocessing.Process(target=spin, daemon=True)
    busy.start()
    for name, threads, environment in CASES:
        rows[name].append(child(threads, environment))
    busy.terminate()
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.1f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
