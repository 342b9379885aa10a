"""Where a stage keeps what it has: weights, the optimizer's moments, how far it is, and the curve. Files, no training.

A stage that is interrupted goes on from here. Each file appears whole or not at all, and the state names the others'
round, so that weights and moments of different moments are never mixed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from training.checkpoint import load_weights, save_weights
from training.optimizer import Optimizer
from training.speech_model import SpeechModel


class RunFolder:
    """One stage's folder. `figures` is its curve: one JSON object a line in curve.jsonl."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    @property
    def weights(self) -> Path:
        """The latest whole weights, whether or not the stage is done."""
        return self.path / f"weights-{self.state().get('round', 0)}.safetensors"

    @property
    def is_done(self) -> bool:
        return bool(self.state().get("done"))

    def state(self) -> dict[str, Any]:
        """How far the stage is; empty where it has not begun."""
        file = self.path / "state.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def save(self, model: SpeechModel, optimizer: Optimizer | None, state: dict[str, Any]) -> None:
        """Keep all of it; the previous round goes when the new one is whole. optimizer: None once a stage is done."""
        old = self.state().get("round", 0)
        now = old + 1
        save_weights(model, self.path / f"weights-{now}.safetensors")
        if optimizer is not None:
            save_file(optimizer.state(), self.path / f"optimizer-{now}.safetensors")
        self._write("state.json", json.dumps({**state, "round": now}))
        for stale in (f"weights-{old}.safetensors", f"optimizer-{old}.safetensors"):
            (self.path / stale).unlink(missing_ok=True)

    def restore(self, model: SpeechModel, optimizer: Optimizer | None = None) -> dict[str, Any]:
        """Bring model and optimizer to where the stage was; returns its state, empty where there is none."""
        state = self.state()
        if state:
            load_weights(model, self.weights)
            moments = self.path / f"optimizer-{state['round']}.safetensors"
            if optimizer is not None and moments.exists():
                optimizer.restore(load_file(moments))
        return state

    def figures(self, row: dict[str, float | str]) -> None:
        """One more point of the curve."""
        with (self.path / "curve.jsonl").open("a") as file:
            file.write(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()}) + "\n")

    def curve(self) -> list[dict[str, Any]]:
        file = self.path / "curve.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def report(self, metrics: dict[str, Any]) -> None:
        """What the stage came to: metrics.json."""
        self._write("metrics.json", json.dumps(metrics, indent=1) + "\n")

    def _write(self, name: str, text: str) -> None:
        partial = self.path / f"{name}.partial"
        partial.write_text(text)
        partial.replace(self.path / name)


def device_named(name: str) -> torch.device:
    """`auto` is the GPU where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)
