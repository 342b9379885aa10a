"""Ablations in kind (Step-Audio-R1 report, section 5): what the parts of RLVR and MGRD do, each arm in the same time.

`python -m training.ablations --config FILE`. Every arm starts from the weights that the cold start left and draws from
one bank of examples: RLVR as published, without the reward for reasoning, on questions that are always failed, on
unfiltered ones; and MGRD's rounds 0 to 2. It writes metrics.json and two figures. Minutes on a small model tell the
direction of an effect, not its size. Listening on and off is `training.evaluate`'s.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from torch import Tensor

from realtime.decoder.tokenizer import Tokenizer
from training import mgrd, report, rlvr
from training.feed import Feed, Source
from training.format import Format
from training.items import Example
from training.mgrd import Mgrd
from training.questions import asked
from training.recipe import Recipe
from training.rewards import Decode, Weights
from training.rlvr import Rlvr
from training.run_folder import RunFolder
from training.session import base_directory, open_session
from training.sitting import Sitting
from training.speech_model import SpeechModel

KINDS = {"skill": 5, "fact": 1, "sound": 4, "voice": 6, "text": 4}
_CURVES = ("reward", "right", "reasoned", "reasoning_words")
_ROUNDS = ("grounded", "right", "drawn/grounded")


@dataclass(frozen=True, slots=True)
class Ablations:
    """arm_s: seconds of training of each arm. examples: in the bank of them all. arms: names; all where empty."""

    arm_s: float = 60.0
    sitting_s: float = 1e9
    examples: int = 6_000
    arms: tuple[str, ...] = ()
    workers: int = 14
    seed: int = 0
    rlvr: Rlvr = field(default_factory=Rlvr)
    mgrd: Mgrd = field(default_factory=Mgrd)


class Bank:
    """A source that draws from examples it holds, the same for the same seed."""

    def __init__(self, examples: list[Example], seed: int) -> None:
        self._examples = examples
        self._random = random.Random(seed)  # noqa: S311 - dice, no secret

    def __call__(self, count: int) -> list[Example]:
        return self._random.choices(self._examples, k=count)


def rlvr_arms(settings: Rlvr) -> dict[str, Rlvr]:
    """The arms by name; what differs from the published one is all that each names."""
    return {
        "published": settings,
        "no-format-reward": replace(settings, weights=Weights(right=1.0, reasoned=0.0)),
        "failed-only": replace(settings, band=(0, 0)),
        "unfiltered": replace(settings, band=(0, settings.tries)),
    }


def run(
    model: SpeechModel, form: Format, decode: Decode, examples: list[Example], settings: Ablations, out: Path
) -> bool:
    """Arm after arm, each in a folder of its own. Returns whether all are done."""
    folder, sitting = RunFolder(out), Sitting(0.0, float("inf"), settings.sitting_s)
    start = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    for name, arm in _arms(model, form, decode, settings, out).items():
        if RunFolder(out / name).is_done:
            continue
        if sitting.is_over:
            return False
        _reset(model, start)
        if not arm(Bank(examples, settings.seed), settings.sitting_s - sitting.here_s):
            return False
    _reset(model, start)
    told = {name: _metrics(out / name) for name in _arms(model, form, decode, settings, out)}
    folder.report(told)
    _draw(out, told)
    return True


def _arms(
    model: SpeechModel, form: Format, decode: Decode, settings: Ablations, out: Path
) -> dict[str, Callable[[Source, float], bool]]:
    """What to do for each: from a source and the seconds that the sitting has left, whether the arm is done."""

    def learn_by_reward(name: str, chosen: Rlvr) -> Callable[[Source, float], bool]:
        boxed = replace(chosen, budget_s=settings.arm_s)
        return lambda draw, left: rlvr.run(model, form, decode, draw, replace(boxed, sitting_s=left), out / name)

    def learn_in_rounds(name: str) -> Callable[[Source, float], bool]:
        boxed = replace(settings.mgrd, budget_s=settings.arm_s)
        return lambda draw, left: mgrd.run(model, form, decode, draw, replace(boxed, sitting_s=left), out / name)

    arms = {f"rlvr-{name}": learn_by_reward(f"rlvr-{name}", arm) for name, arm in rlvr_arms(settings.rlvr).items()}
    arms["mgrd"] = learn_in_rounds("mgrd")
    return {name: arm for name, arm in arms.items() if not settings.arms or name in settings.arms}


def _reset(model: SpeechModel, start: Mapping[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        if name in start:
            parameter.data.copy_(start[name])
            parameter.grad = None


def _metrics(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "metrics.json").read_text())
    return found


def _draw(out: Path, names: Mapping[str, Any]) -> None:
    rows = {name: RunFolder(out / name).curve() for name in names}
    by_reward = {name.removeprefix("rlvr-"): found for name, found in rows.items() if name.startswith("rlvr-")}
    if by_reward:
        figure = report.compared(by_reward, _CURVES, "step", "RLVR, the same seconds of training each")
        (out / "figure-rlvr.png").write_bytes(report.png(figure))
    if "mgrd" in rows:
        figure = report.compared({"mgrd": rows["mgrd"]}, _ROUNDS, "number", "MGRD, round after round")
        (out / "figure-mgrd.png").write_bytes(report.png(figure))


def stage(recipe: Recipe) -> bool:
    """All arms on the weights that the cold start left."""
    settings = recipe.read("ablations", Ablations)
    session = open_session(recipe, "mgrd", asked(recipe, KINDS))
    out = recipe.folder / "ablations"
    decode = Tokenizer(base_directory(recipe) / "tokenizer.json", session.form.special).decode
    sitting = replace(settings, sitting_s=min(settings.sitting_s, recipe.run.sitting_s))
    with Feed(session.source, workers=settings.workers, seed=settings.seed + 404, keeps=settings.examples) as feed:
        feed.wait_for(settings.examples)
        examples = feed.draw(settings.examples)
    return run(session.model, session.form, decode, examples, sitting, out)


def main(config: Annotated[Path, typer.Option(help="the recipe, a TOML file")]) -> None:
    """Run the ablations of a recipe; the same command goes on where it was interrupted."""
    done = stage(Recipe.load(config))
    typer.echo("done" if done else "not done: run the same command again to go on")
    if not done:
        raise typer.Exit(75)


if __name__ == "__main__":
    typer.run(main)
