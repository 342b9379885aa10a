"""RLVR: on-policy PPO on questions whose answer can be verified (Step-Audio-R1 report, section 4).

Published and kept: reward 0.8 if right and 0.2 if reasoned (for text 1 if right) at the last token, no KL penalty, clip
0.2, gamma = lambda = 1, 16 samples a question, questions that the policy before solves in 3 to 6 of 8 tries.

Without a critic. With gamma = lambda = 1 and one reward at the end, the advantage of every token of an answer is that
reward less a baseline: all that a value network would add is another baseline, to be learned in a few minutes. The mean
reward of the other fifteen answers to the same question is an unbiased one that needs no learning.

Without a library. TRL 1.16.0 has no PPO any more, and its GRPO takes token ids and images but neither audio nor
embeddings; what would be used of it is `clipped` below.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.asking import Asking, taught_by_asking
from training.feed import Source
from training.format import Format, Sequence
from training.optimizer import Optimizer, Rates
from training.probe import Probe, shares
from training.questions import Questions
from training.recipe import Recipe
from training.rewards import Decode, Judge, Weights
from training.rollouts import Prompt, Rollout, Sampler, batch_of, continued, groups, half_precision, listen
from training.run_folder import RunFolder
from training.sitting import Sitting
from training.speech_model import SpeechModel

# What is asked: everything whose answer can be verified.
KINDS = {"skill": 6, "fact": 2, "talk": 1, "sound": 3, "voice": 4, "text": 5}


# A tenth of what supervised training takes and less: the steps are many and each says little.
_RATES = Rates(peak=1e-5, adapter=1.0, warm_up=0.05, last=0.3, weight_decay=0.0)


@dataclass(frozen=True, slots=True)
class Rlvr(Asking):
    """Settings of the stage.

    questions: at most so many in the pool that training draws from. filtering: share of the budget to find them in.
    band: how often of `tries` the policy before the stage solves a question that is kept, least and most.
    per_round: questions of one round, each with `samples` answers; updates: steps of the optimizer that a round makes.
    noted: share of spoken questions whose words stand there as notes. probed: questions asked before and after.
    """

    budget_s: float = 180.0
    save_every_s: float = 60.0
    questions: int = 2_000
    filtering: float = 0.3
    tries: int = 8
    band: tuple[int, int] = (3, 6)
    per_round: int = 64
    samples: int = 16
    updates: int = 2
    clip: float = 0.2
    temperature: float = 1.0
    most_tokens: int = 96
    rows: int = 1024
    step_tokens: int = 24_576
    noted: float = 0.4
    probed: int = 384
    weights: Weights = field(default_factory=Weights)
    rates: Rates = field(default_factory=lambda: _RATES)


def clipped(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """PPO's loss of each token (Schulman 2017, eq. 7), and whether the clip holds it back.

    new, old: log-probabilities, any shape; advantages: one for each token of that shape.
    """
    ratio = (new - old).exp()
    free, held = ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages
    return -torch.minimum(free, held), held < free


def advantages(rewards: Tensor) -> Tensor:
    """rewards [questions, samples] -> each less the mean of its question's others, over the spread of them all."""
    samples = rewards.shape[1]
    others = (rewards.sum(1, keepdim=True) - rewards) / max(1, samples - 1)
    raw = rewards - others
    return raw / raw.std().clamp_min(1e-4) if raw.numel() > 1 else raw


@dataclass(frozen=True, slots=True)
class _Answer:
    prompt: Prompt
    sequence: Sequence
    advantage: float


class Ppo:
    """Rounds of it: draw answers, reward them, step."""

    def __init__(
        self, model: SpeechModel, optimizer: Optimizer, sampler: Sampler, judge: Judge, settings: Rlvr
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._sampler = sampler
        self._judge = judge
        self._settings = settings

    def round(self, prompts: Sequence_[Prompt], progress: float) -> dict[str, float | str]:
        """One round on these questions; returns its figures."""
        began = time.monotonic()
        drawn = self._sampler.sample(prompts, self._settings.samples)
        sampled_s = time.monotonic() - began
        flat = [(prompt, rollout) for prompt, rollouts in zip(prompts, drawn, strict=True) for rollout in rollouts]
        marks = [self._judge.mark(prompt, rollout) for prompt, rollout in flat]
        rewards = torch.tensor([self._judge.reward(p, mark) for (p, _), mark in zip(flat, marks, strict=True)])
        found = advantages(rewards.view(len(prompts), -1))
        answers = _answers(prompts, drawn, found)
        figures = self._learn(answers, progress)
        spoken = [prompt for prompt, _ in flat]
        return {
            "reward": float(rewards.mean()),
            **shares(spoken, marks),
            "mixed_questions": float((found.abs().amax(1) > 0).float().mean()),
            "tokens": sum(len(rollout.tokens) for _, rollout in flat) / len(flat),
            "surprise": -sum(float(r.log_probabilities.sum()) for _, r in flat) / sum(len(r.tokens) for _, r in flat),
            **figures,
            "sampled_s": sampled_s,
            "round_s": time.monotonic() - began,
        }

    def _learn(self, answers: list[list[_Answer]], progress: float) -> dict[str, float]:
        """answers: of each question that some samples of were better than others."""
        if not answers:
            return {"loss": 0.0, "norm": 0.0, "clipped": 0.0}
        size = -(-len(answers) // self._settings.updates)
        parts = [list(chain(*answers[start : start + size])) for start in range(0, len(answers), size)]
        # The first step is taken where the samples were drawn: its ratios are 1. The later ones need that policy's.
        old = [self._before(part) for part in parts[1:]]
        losses, norms, held = [], [], []
        for part, before in zip(parts, [None, *old], strict=True):
            loss, share = self._gradients(part, before)
            losses.append(loss)
            held.append(share)
            norms.append(float(self._optimizer.step(progress)))
        n = len(parts)
        return {"loss": sum(losses) / n, "norm": sum(norms) / n, "clipped": sum(held) / n}

    @torch.no_grad()
    def _before(self, answers: list[_Answer]) -> list[Tensor]:
        return [self._likely(chosen)[0] for chosen in self._batches(answers)]

    def _gradients(self, answers: list[_Answer], before: list[Tensor] | None) -> tuple[float, float]:
        """Of the mean loss over the tokens of these answers; returns it, and the share of tokens that are held back."""
        total = sum(sum(answer.sequence.is_taught) for answer in answers)
        loss_sum = held_sum = 0.0
        for index, chosen in enumerate(self._batches(answers)):
            new, taught = self._likely(chosen)
            old = new.detach() if before is None else before[index]
            worth = torch.tensor([answer.advantage for answer in chosen], device=new.device)[:, None].expand_as(new)
            losses, held = clipped(new[taught], old[taught], worth[taught], self._settings.clip)
            loss = losses.sum() / total
            loss.backward()  # type: ignore[no-untyped-call]
            loss_sum += float(loss.detach())
            held_sum += float(held.sum())
        return loss_sum, held_sum / total

    def _likely(self, answers: list[_Answer]) -> tuple[Tensor, Tensor]:
        """Log-probabilities [answers, time - 1], and which of them are of the answers' tokens."""
        batch, heard = batch_of([a.prompt for a in answers], [a.sequence for a in answers])
        with half_precision(self._model):
            likely = self._model.log_probabilities(batch, heard)
        return likely, batch.is_taught[:, 1:].to(likely.device)

    def _batches(self, answers: list[_Answer]) -> list[list[_Answer]]:
        chosen = groups([answer.sequence for answer in answers], self._settings.step_tokens)
        return [[answers[index] for index in group] for group in chosen]


def _answers(prompts: Sequence_[Prompt], drawn: Sequence_[Sequence_[Rollout]], worth: Tensor) -> list[list[_Answer]]:
    """By question, those left out of which all samples were equally good: they teach nothing."""
    return [
        [_Answer(p, continued(p, r.tokens), a) for r, a in zip(rollouts, row, strict=True)]
        for p, rollouts, row in zip(prompts, drawn, worth.tolist(), strict=True)
        if any(row)
    ]


@dataclass(slots=True)
class Pool:
    """Questions within the band. tried: how many were tried; passes: how often each count of right answers came up."""

    prompts: list[Prompt] = field(default_factory=list)
    tried: int = 0
    passes: Counter[int] = field(default_factory=Counter)


def fill(
    model: SpeechModel, questions: Questions, sampler: Sampler, judge: Judge, settings: Rlvr, seconds: float
) -> Pool:
    """Try questions for so many seconds, or until the pool is full."""
    pool, until = Pool(), time.monotonic() + seconds
    least, most = settings.band
    while len(pool.prompts) < settings.questions:
        wanted = 4 * (settings.questions - len(pool.prompts))  # about one in four is within the band
        prompts = questions.next(min(wanted, max(1, settings.rows // settings.tries)))
        if not prompts:
            break
        listen(model, prompts)
        for prompt, rollouts in zip(prompts, sampler.sample(prompts, settings.tries), strict=True):
            passes = sum(judge.mark(prompt, rollout).is_right for rollout in rollouts)
            pool.passes[passes] += 1
            pool.tried += 1
            if least <= passes <= most:
                pool.prompts.append(prompt)
        if time.monotonic() >= until:
            break
    del pool.prompts[settings.questions :]
    return pool


def run(model: SpeechModel, form: Format, decode: Decode, draw: Source, settings: Rlvr, out: Path) -> bool:
    """Train until the budget or the sitting is spent. Returns whether the stage is done; `out` holds all of it."""
    folder = RunFolder(out)
    optimizer = Optimizer(model, settings.rates)
    state = folder.restore(model, optimizer)
    if state.get("done"):
        return True
    sitting = Sitting(float(state.get("spent_s", 0.0)), settings.budget_s, settings.sitting_s)
    step, seed = int(state.get("step", 0)), settings.seed + 1000 * int(state.get("sittings", 0))
    judge = Judge(decode, settings.weights)
    sampler = Sampler(model, form.special.im_end, temperature=settings.temperature,
                      most_tokens=settings.most_tokens, rows=settings.rows, seed=seed)  # fmt: skip
    questions = Questions(form, draw, noted=settings.noted, seed=seed)
    probe = Probe(questions.next(settings.probed), judge, form.special.im_end,
                  most_tokens=settings.most_tokens, rows=settings.rows)  # fmt: skip
    state = {"before": probe.ask(model), **state}
    pool = fill(model, questions, sampler, judge, settings, settings.filtering * settings.budget_s)
    state |= {"pool": len(pool.prompts), "tried": pool.tried, "passes": dict(sorted(pool.passes.items()))}
    trainer = Ppo(model, optimizer, sampler, judge, settings)
    dice, saved_s = random.Random(seed), sitting.here_s  # noqa: S311 - dice, no secret
    while pool.prompts and not sitting.is_over:
        prompts = dice.sample(pool.prompts, min(settings.per_round, len(pool.prompts)))
        row = trainer.round(prompts, sitting.progress)
        step += 1
        folder.figures({"step": step, "spent_s": sitting.spent_s, **row})
        if sitting.here_s - saved_s >= settings.save_every_s and not sitting.is_over:
            folder.save(model, optimizer, _state(state, sitting, step, done=False))
            saved_s = sitting.here_s
    done = sitting.is_done or not pool.prompts
    if done:
        folder.report({**state, "after": probe.ask(model), "rounds": step})
    folder.save(model, None if done else optimizer, _state(state, sitting, step, done=done))
    return done


def _state(state: dict[str, Any], sitting: Sitting, step: int, *, done: bool) -> dict[str, Any]:
    sittings = int(state.get("sittings", 0)) + 1
    return {**state, "spent_s": sitting.spent_s, "step": step, "sittings": sittings, "done": done}


def stage(recipe: Recipe) -> bool:
    """`python -m training rlvr`."""
    return taught_by_asking(recipe, "rlvr", Rlvr, run, KINDS, voices_seed=101)
