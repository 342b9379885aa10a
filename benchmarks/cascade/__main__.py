"""python -m benchmarks.cascade FILES… [--json OUT] [--check]

Runs each recording through the cascade and prints a table, or writes JSON (`-` is standard output). Progress goes to
standard error. Exit code 69 and one line where its packages are missing; `--check` asks only for that.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.cascade.parts import THREADS, CascadeNotInstalled, require
from client_demo.errors import ClientFailure
from client_demo.report import machine, percentiles

NOT_INSTALLED = 69  # EX_UNAVAILABLE of sysexits.h


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--json", type=Path, help="write the turns and their summary here; - is standard output")
    parser.add_argument("--check", action="store_true", help="only say whether everything is installed")
    arguments = parser.parse_args()
    try:
        require()
        if arguments.check:
            return 0
        body = run(arguments.files)
    except CascadeNotInstalled as missing:
        print(missing, file=sys.stderr)
        return NOT_INSTALLED
    except ClientFailure as failure:
        print(failure, file=sys.stderr)
        return int(failure.exit_code)
    text = json.dumps(body, indent=1)
    if arguments.json is None:
        print_table(body)
    elif str(arguments.json) == "-":
        print(text)
    else:
        arguments.json.write_text(text + "\n")
    return 0


def run(files: list[Path]) -> dict[str, Any]:
    """All files in order; one that holds no speech for the VAD is named in `unheard`."""
    from benchmarks.cascade.cascade import STAGES, Cascade  # noqa: PLC0415 - after `require`

    cascade = Cascade()
    cascade.warm_up()
    turns, unheard = [], []
    for number, file in enumerate(files, 1):
        turn = cascade.run(file)
        if sys.stderr.isatty():
            print(f"\rcascade {number}/{len(files)}", end="", file=sys.stderr, flush=True)
        if turn is None:
            unheard.append(file.name)
        else:
            turns.append(turn)
    summary = {"ttfp_eos_ms": percentiles(turn.ttfp_eos_ms for turn in turns)}
    summary |= {name: percentiles(turn.stages_ms[name] for turn in turns) for name in STAGES}
    return {
        "turns": [turn.to_json() for turn in turns],
        "unheard": unheard,
        "summary": summary,
        "early_ends": sum(turn.early_ends for turn in turns),
        "threads": THREADS,
        "machine": machine(),
    }


def print_table(body: dict[str, Any]) -> None:
    for turn in body["turns"]:
        stages = "  ".join(f"{name} {ms:.0f}" for name, ms in turn["stages_ms"].items())
        print(f"{turn['ttfp_eos_ms']:7.0f} ms  {turn['file']:28} {stages}")
        print(f"            {turn['transcript']}  →  {turn['answer']}")
    for name, ranks in body["summary"].items():
        print(f"{name:16} " + "  ".join(f"{rank} {value}" for rank, value in ranks.items()))
    print(f"ends inside a sentence: {body['early_ends']}; unheard: {body['unheard']}")


if __name__ == "__main__":
    sys.exit(main())
