"""Cold start: supervised training on what it hears, thinks and answers (Step-Audio-R1 report, section 3).

The stage's loop and its settings. It steps the optimizer over batches of lessons for as long as its budget of seconds
lasts; interrupted, it goes on where it was saved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from training.batches import Batches, Made, Supply
from training.feed import Source
from training.format import Format
from training.optimizer import Optimizer, Rates
from training.recipe import Recipe
from training.run_folder import RunFolder
from training.session import open_session
from training.sources import rendered
from training.speech_model import SpeechModel

STEPS_PER_ROW = 20


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Settings of the stage.

    budget_s: seconds of training, over all its sittings; sitting_s: of this one, then it saves and says so.
    adapter_first: share of the budget in which only the adapter learns, so that noise does not reach the decoder.
    compiles: let torch compile the decoder's layers: half a minute, then twice as fast on a GPU.
    """

    budget_s: float = 900.0
    sitting_s: float = 1e9
    adapter_first: float = 0.03
    save_every_s: float = 150.0
    compiles: bool = False
    supply: Supply = field(default_factory=Supply)
    rates: Rates = field(default_factory=Rates)


def run(
    model: SpeechModel,
    form: Format,
    make: Callable[[int], Source],
    settings: ColdStart,
    out: Path,
    watch: Callable[[SpeechModel], None] | None = None,
) -> bool:
    """Train until the budget or the sitting is spent. Returns whether the stage is done; `out` holds all of it.

    watch: shown the model each time it is saved; its seconds count.
    """
    folder = RunFolder(out)
    optimizer = Optimizer(model, settings.rates)
    state = folder.restore(model, optimizer)
    if state.get("done"):
        return True
    spent, step = float(state.get("spent_s", 0.0)), int(state.get("step", 0))
    supply = replace(settings.supply, seed=settings.supply.seed + step, chunk_frames=model.plan.chunk_frames)
    model.train()
    if settings.compiles:
        model.decoder.compile_layers()
    with Batches(form, make, supply) as supplied:
        began = saved = time.monotonic()
        meter = _Meter()
        for made in supplied:
            if not meter.steps and not step:  # the wait for the first batch is no training
                began = saved = time.monotonic()
            now = time.monotonic()
            total = spent + now - began
            progress = total / settings.budget_s
            is_over = progress >= 1 or now - began >= settings.sitting_s
            if is_over or now - saved >= settings.save_every_s:
                folder.save(model, None if progress >= 1 else optimizer,
                            {"spent_s": total, "step": step, "done": progress >= 1})  # fmt: skip
                saved = now
                if watch is not None:
                    watch(model)
            if is_over:
                break
            optimizer.rests_decoder = progress < settings.adapter_first
            _step(model, optimizer, made, progress, meter)
            step += 1
            if step % STEPS_PER_ROW == 0:
                folder.figures(meter.row(step, total, made))
                meter = _Meter()
    return folder.is_done


def _step(model: SpeechModel, optimizer: Optimizer, made: Made, progress: float, meter: _Meter) -> None:
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.device.type == "cuda"):
        loss, accuracy = model.loss(made.batch)
    loss.backward()  # type: ignore[no-untyped-call]
    meter.add(loss.detach(), accuracy, optimizer.step(progress), made)


class _Meter:
    """Means over some steps. What the GPU has not computed yet is not waited for until a row is asked for."""

    def __init__(self) -> None:
        self._figures: list[torch.Tensor] = []
        self._positions = self._lessons = 0
        self._began = time.monotonic()

    @property
    def steps(self) -> int:
        return len(self._figures)

    def add(self, loss: torch.Tensor, accuracy: torch.Tensor, norm: torch.Tensor, made: Made) -> None:
        self._figures.append(torch.stack([loss, accuracy, norm]))
        self._positions += int(made.batch.lengths.sum())
        self._lessons += len(made.kinds)

    def row(self, step: int, spent_s: float, made: Made) -> dict[str, float | str]:
        loss, accuracy, norm = torch.stack(self._figures).mean(0).tolist()
        seconds = time.monotonic() - self._began
        return {
            "step": step,
            "spent_s": spent_s,
            "loss": loss,
            "accuracy": accuracy,
            "norm": norm,
            "positions_per_s": self._positions / seconds,
            "lessons_per_s": self._lessons / seconds,
            "made": made.examples,
            "made_hours": made.hours,
        }


def stage(recipe: Recipe) -> bool:
    """`python -m training cold-start`."""
    settings = recipe.read("cold_start", ColdStart)
    source = rendered(recipe.table("mixture"), recipe.path.parent)
    session = open_session(recipe, "cold-start", source)
    sitting = replace(settings, sitting_s=min(settings.sitting_s, recipe.run.sitting_s))
    return run(session.model, session.form, source, sitting, session.folder("cold-start").path)
