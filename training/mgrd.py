"""MGRD: rounds of learning from one's own reasoning where it rests on the sound (Step-Audio-R1 report, section 4).

Modality-grounded reasoning distillation. A round asks questions that only the sound answers, draws several answers to
each, keeps those whose thought names an acoustic cue that is true of the signal, whose conclusion follows and whose
answer is right, and trains on them, mixed with reasoning about text. The measure before the first round is round 0's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field
from pathlib import Path

import torch

from training.asking import Asking, taught_by_asking
from training.feed import Source
from training.format import Format, Sequence
from training.items import Example
from training.optimizer import Optimizer, Rates
from training.probe import Probe, shares
from training.questions import Questions, is_perceived
from training.recipe import Recipe
from training.rewards import Decode, Judge, Mark
from training.rollouts import Prompt, Rollout, Sampler, batch_of, continued, groups, half_precision, prompt_of
from training.run_folder import RunFolder
from training.sitting import Sitting
from training.speech_model import SpeechModel

KINDS = {"sound": 4, "voice": 6, "text": 5}
_RATES = Rates(peak=4e-5, adapter=2.0, warm_up=0.02, last=0.2)


@dataclass(frozen=True, slots=True)
class Mgrd(Asking):
    """Settings of the stage.

    budget_s: of all rounds together; each gets an equal share of what is left. sampling: share of a round for it.
    questions: of a round at most, with `samples` answers each, of which the `keeps_each` first good ones are kept.
    reasoned_text: sequences of reasoning about text for each kept one. epochs: over both, at most.
    """

    budget_s: float = 150.0
    rounds: int = 2
    sampling: float = 0.4
    questions: int = 3_000
    samples: int = 8
    keeps_each: int = 2
    reasoned_text: float = 0.5
    epochs: int = 3
    temperature: float = 0.9
    most_tokens: int = 96
    rows: int = 1024
    step_tokens: int = 24_576
    noted: float = 0.3
    probed: int = 384
    rates: Rates = field(default_factory=lambda: _RATES)


@dataclass(frozen=True, slots=True)
class Chain:
    """A sequence to learn, and the prompt that it begins with."""

    prompt: Prompt
    sequence: Sequence


@dataclass(slots=True)
class Harvest:
    """What a round drew. figures: over all samples; kept: the chains that are learned."""

    asked: int
    figures: dict[str, float]
    kept: list[Chain]


def keep(prompt: Prompt, rollouts: Sequence_[Rollout], marks: Sequence_[Mark], most: int) -> list[Chain]:
    """The first `most` good samples of a question, no two of the same words."""
    good = {r.tokens: None for r, mark in zip(rollouts, marks, strict=True) if mark.is_right and mark.grounding.holds}
    return [Chain(prompt, continued(prompt, tokens)) for tokens in list(good)[:most]]


def harvest(questions: Questions, sampler: Sampler, judge: Judge, settings: Mgrd, seconds: float) -> Harvest:
    """Ask for so many seconds, or until all of the round's questions are asked."""
    until = time.monotonic() + seconds
    asked_: list[Prompt] = []
    marks: list[Mark] = []
    kept: list[Chain] = []
    at_once = max(1, settings.rows // settings.samples)
    while len(asked_) < settings.questions * settings.samples:
        prompts = questions.next(min(at_once, settings.questions - len(asked_) // settings.samples))
        for prompt, rollouts in zip(prompts, sampler.sample(prompts, settings.samples), strict=True):
            found = [judge.mark(prompt, rollout) for rollout in rollouts]
            kept += keep(prompt, rollouts, found, settings.keeps_each)
            asked_ += [prompt] * len(rollouts)
            marks += found
        if time.monotonic() >= until or not prompts:
            break
    return Harvest(len(asked_) // settings.samples, shares(asked_, marks), kept)


def reasoned(form: Format, draw: Source, count: int) -> list[Chain]:
    """Reasoning about text: exchanges with a thought, typed."""
    chains: list[Chain] = []
    for _ in range(20):
        for example in draw(4 * (count - len(chains)) + 8) if len(chains) < count else ():
            item = example.item
            if item.thought and item.answer and item.group in ("skill", "fact", "talk"):
                prompt = prompt_of(form, Example(item, None))
                sequence = form.begin()
                form.typed(sequence, item.spoken)
                form.open_typed_answer(sequence)
                form.think_and_answer(sequence, item)
                chains.append(Chain(prompt, sequence))
    return chains[:count]


def learn(
    model: SpeechModel,
    optimizer: Optimizer,
    batches: Iterable[list[Chain]],
    progress: Callable[[], float],
    until: float,
) -> dict[str, float]:
    """Supervised steps over the batches, until a moment of the monotonic clock."""
    losses: list[torch.Tensor] = []
    for chains in batches:
        batch, heard = batch_of([chain.prompt for chain in chains], [chain.sequence for chain in chains])
        with half_precision(model):
            likely = model.log_probabilities(batch, heard)
        loss = -likely.sum() / batch.is_taught.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step(progress())
        losses.append(loss.detach())
        if time.monotonic() >= until:
            break
    return {"steps": float(len(losses)), "loss": float(torch.stack(losses).mean()) if losses else 0.0}


def _batches(chains: list[Chain], settings: Mgrd, dice: random.Random) -> Iterator[list[Chain]]:
    for _ in range(settings.epochs):
        chosen = list(groups([chain.sequence for chain in chains], settings.step_tokens))
        dice.shuffle(chosen)
        for group in chosen:
            yield [chains[index] for index in group]


class Rounds:
    """One round after another on a model. draw: where questions and texts come from."""

    def __init__(
        self, model: SpeechModel, optimizer: Optimizer, form: Format, decode: Decode, draw: Source, settings: Mgrd
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._form = form
        self._draw = draw
        self._judge = Judge(decode)
        self._settings = settings

    def questions(self, seed: int) -> Questions:
        return Questions(self._form, self._draw, accepts=is_perceived, noted=self._settings.noted, seed=seed)

    def probe(self) -> Probe:
        """The measure of a run: the same questions each time it is asked."""
        settings = self._settings
        prompts = self.questions(settings.seed).next(settings.probed)
        return Probe(
            prompts, self._judge, self._form.special.im_end, most_tokens=settings.most_tokens, rows=settings.rows
        )

    def round(self, number: int, seconds: float, progress: Callable[[], float]) -> dict[str, float]:
        """The round of this number, within so many seconds; returns its figures."""
        began, settings = time.monotonic(), self._settings
        seed = settings.seed + number
        sampler = Sampler(self._model, self._form.special.im_end, temperature=settings.temperature,
                          most_tokens=settings.most_tokens, rows=settings.rows, seed=seed)  # fmt: skip
        found = harvest(self.questions(seed), sampler, self._judge, settings, settings.sampling * seconds)
        sampled_s = time.monotonic() - began
        text = reasoned(self._form, self._draw, round(settings.reasoned_text * len(found.kept)))
        dice = random.Random(seed)  # noqa: S311 - dice, no secret
        batches = _batches(found.kept + text, settings, dice)
        taught = learn(self._model, self._optimizer, batches, progress, began + seconds)
        drawn = {f"drawn/{name}": value for name, value in found.figures.items()}
        return {
            "asked": found.asked,
            "kept": len(found.kept),
            "text": len(text),
            "sampled_s": sampled_s,
            **taught,
            **drawn,
        }


def run(model: SpeechModel, form: Format, decode: Decode, draw: Source, settings: Mgrd, out: Path) -> bool:
    """Round after round, saved behind each. A sitting holds at least one; another that it cannot hold is not begun."""
    folder = RunFolder(out)
    optimizer = Optimizer(model, settings.rates)
    state = folder.restore(model, optimizer)
    if state.get("done"):
        return True
    sitting = Sitting(float(state.get("spent_s", 0.0)), settings.budget_s, settings.sitting_s)
    rounds = Rounds(model, optimizer, form, decode, draw, settings)
    probe = rounds.probe()
    told: list[dict[str, float | str]] = state.get("told", [])
    if not told:
        told.append({"number": 0, **probe.ask(model)})
        folder.figures(told[0])
    first = number = len(told)
    while number <= settings.rounds and (number == first or not sitting.is_done):
        share_s = max(0.0, settings.budget_s - sitting.spent_s) / (settings.rounds - number + 1)
        if number > first and sitting.here_s + share_s > settings.sitting_s:
            return False
        row = rounds.round(number, share_s, lambda: sitting.progress)
        told.append({"number": number, "spent_s": sitting.spent_s, **row, **probe.ask(model)})
        folder.figures(told[-1])
        number += 1
        folder.save(model, optimizer, {"told": told, "spent_s": sitting.spent_s, "done": False})
    folder.report({"rounds": told, "probed": settings.probed})
    folder.save(model, None, {"told": told, "spent_s": sitting.spent_s, "done": True})
    return True


def stage(recipe: Recipe) -> bool:
    """`python -m training mgrd`."""
    return taught_by_asking(recipe, "mgrd", Mgrd, run, KINDS, voices_seed=202)
