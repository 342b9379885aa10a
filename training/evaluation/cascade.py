"""The same recordings through the cascade of the same parts: `python -m benchmarks.cascade`, run as the program it is.

Training imports nothing of benchmarks/; it hands over WAV files and reads JSON. Without its packages it has no column.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.data.spoken_form import heard
from training.evaluation.trial import Reply, Trial
from training.items import SAMPLE_RATE_HZ

CHECKOUT = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 3600
# As Whisper writes them, against how our texts say them.
_SPELLED = {"mr": "mister", "mrs": "missus", "dr": "doctor", "ok": "okay"}


def python_of(setting: str) -> str | None:
    """The interpreter to run it with: `setting`, or for "auto" this one if it has the packages; None for none."""
    if setting != "auto":
        return setting or None
    check = [sys.executable, "-m", "benchmarks.cascade", "--check"]
    done = subprocess.run(check, cwd=CHECKOUT, capture_output=True, check=False)  # noqa: S603 - our own program
    return sys.executable if done.returncode == 0 else None


def ask(trials: Sequence[Trial], python: str) -> tuple[list[Reply], dict[str, Any]]:
    """Its reply to each trial that has sound, empty where it heard no speech; and its summary: ms of each stage.

    It keeps no history: of two turns it is given the last.
    """
    with tempfile.TemporaryDirectory(prefix="cascade-") as folder:
        files = [_write(Path(folder) / f"{number:04d}.wav", trial) for number, trial in enumerate(trials)]
        command = [python, "-m", "benchmarks.cascade", *map(str, files), "--json", "-"]
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, check=True, timeout=_TIMEOUT_S
        )
    body = json.loads(done.stdout)
    turns = {turn["file"]: turn for turn in body["turns"]}
    replies = [_reply(turns.get(file.name)) for file in files]
    return replies, body["summary"]


def _reply(turn: dict[str, Any] | None) -> Reply:
    if turn is None:
        return Reply("", (), "", "", True, 0, 0)
    words = (_SPELLED.get(word, word) for word in heard(re.sub(r"[-–—]", " ", turn["transcript"])).split())
    return Reply(" ".join(words), (), "", turn["answer"], True, 0, 0)


def _write(file: Path, trial: Trial) -> Path:
    clip = trial.example.clip
    assert clip is not None, "asked of spoken turns only"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(clip.samples.astype("<i2").tobytes())
    return file
