"""How often the answer speaks into the user's pause, and how soon it stops then: `python -m benchmarks.cut_ins`.

A server of its own, asked over WebRTC on loopback with the recordings of `benchmarks.samples` in which speakers pause
0.2 to 0.7 s between two words. A cut-in is any packet with speech in it before the last voiced sample has left. Names
the recordings that were cut into. `benchmarks.first_packet` runs the same as one of its steps; this is for a minute
with the thresholds of `realtime.turns.policy`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

from rich.console import Console

import client_demo as client
from benchmarks.live_server import server
from benchmarks.samples import make
from client_demo.report import cut_ins, summary

LIMIT = 0.03
STOP_LIMIT_MS = 100.0
BLOCK = 4  # questions in one conversation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=1, help="recordings with pauses for each sentence")
    parser.add_argument("--threads", type=int, help="of the engine")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True, highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        samples = [s for s in make(Path(folder), arguments.variants, long=False) if s.set == "paused"]
        files = tuple(Path(folder) / sample.file for sample in samples)
        with server(arguments.threads) as running:
            options = client.MeasureOptions(files, url=running, transport="webrtc", block=BLOCK)
            result = asyncio.run(client.measure(options))
    counted = cut_ins(result.turns)
    reports = [turn.report for turn in result.turns if turn.report is not None and turn.cut_in_ms is None]
    console.print(
        f"load {os.getloadavg()[0]:.1f}; aims: at most {LIMIT:.0%} cut into, stopped within {STOP_LIMIT_MS:.0f} ms"
    )
    console.print(f"{counted['cut']} of {counted['questions']} recordings cut into ({counted['share']:.1%})")
    console.print(f"stopped after renewed speech, ms: {counted['stop_ms']}")
    for turn in result.turns:
        if turn.cut_in_ms is not None:
            console.print(f"  {turn.file}: {turn.cut_in_ms:.0f} ms before the end")
    console.print(f"first packet from the end of speech, ms: {summary(reports)['ttfp_eos_ms']}")


if __name__ == "__main__":
    main()
