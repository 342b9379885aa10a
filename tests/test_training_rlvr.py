"""PPO's arithmetic, and the stage on a tiny model: it runs, raises what is rewarded, and goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.training_small_talker import decode, pitch_example, small_format, small_model, sum_example
from training.grounding import NONE
from training.items import Example
from training.optimizer import Optimizer, Rates
from training.questions import Questions
from training.rewards import Judge, Mark, Written
from training.rlvr import Ppo, Rlvr, advantages, clipped, fill, run
from training.rollouts import Prompt, Rollout, Sampler, prompt_of
from training.run_folder import RunFolder
from training.speech_model import SpeechModel

TINY = Rlvr(
    budget_s=6.0, filtering=0.1, questions=8, tries=2, band=(0, 2), per_round=2, samples=3, most_tokens=6, rows=32,
    step_tokens=512, probed=4, save_every_s=1.0,
)  # fmt: skip


def examples(count: int) -> list[Example]:
    made: list[Callable[[], Example]] = [pitch_example, sum_example, lambda: sum_example(typed=False)]
    return [made[k % 3]() for k in range(count)]


class Likes(Judge):
    """Rewards a first token of the half of the vocabulary that a policy can learn to like in a few steps."""

    def __init__(self, model: SpeechModel) -> None:
        super().__init__(decode)
        self._liked = (model.decoder.embed.weight[:, 0] > 0).tolist()

    def mark(self, prompt: Prompt, rollout: Rollout) -> Mark:
        return Mark(Written(), self._liked[rollout.tokens[0]], False, NONE)

    def reward(self, prompt: Prompt, mark: Mark) -> float:
        return float(mark.is_right)


def test_the_clip_is_that_of_the_paper() -> None:
    new = torch.tensor([0.0, 0.5, 0.5, -0.5, -0.5])
    loss, held = clipped(new, torch.zeros(5), torch.tensor([1.0, 1.0, -1.0, 1.0, -1.0]), 0.2)
    ratio = new.exp()
    expected = -torch.stack([ratio[0], torch.tensor(1.2), -ratio[2], ratio[3], torch.tensor(-0.8)])
    torch.testing.assert_close(loss, expected)
    assert held.tolist() == [False, True, False, False, True]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.8, 1.0]), min_size=4, max_size=4), min_size=1, max_size=6))
def test_advantages_favour_the_better_and_sum_to_nothing(rewards: list[list[float]]) -> None:
    given_ = torch.tensor(rewards)
    found = advantages(given_)
    torch.testing.assert_close(found.sum(1), torch.zeros(len(rewards)), atol=1e-3, rtol=0)
    for worth, row in zip(found, given_, strict=True):
        order = row.argsort()
        assert (worth[order].diff() >= -1e-5).all()
        if row.min() == row.max():
            assert worth.abs().max() < 1e-3


def _ppo(*, updates: int, peak: float) -> tuple[Ppo, list[Prompt]]:
    model, form = small_model(), small_format()
    prompts = [prompt_of(form, example) for example in examples(4)]
    sampler = Sampler(model, form.special.im_end, temperature=1.0, most_tokens=2, rows=512, seed=1)
    optimizer = Optimizer(model, Rates(peak=peak, adapter=1.0, warm_up=0.0, weight_decay=0.0))
    return Ppo(model, optimizer, sampler, Likes(model), replace(TINY, samples=32, updates=updates)), prompts


def test_what_is_rewarded_becomes_likelier() -> None:
    trainer, prompts = _ppo(updates=2, peak=3e-3)
    rewards = [float(trainer.round(prompts, 0.1)["reward"]) for _ in range(6)]
    assert abs(rewards[0] - 0.5) < 0.2
    assert rewards[-1] > 0.8, rewards


@pytest.mark.parametrize(("updates", "is_held_back"), [(1, False), (2, True)])
def test_only_the_first_step_of_a_round_is_where_the_samples_were_drawn(updates: int, is_held_back: bool) -> None:
    trainer, prompts = _ppo(updates=updates, peak=0.02)
    assert (float(trainer.round(prompts, 0.1)["clipped"]) > 0) == is_held_back


def test_only_questions_within_the_band_are_kept() -> None:
    model, form = small_model(), small_format()
    sampler = Sampler(model, form.special.im_end, temperature=1.0, most_tokens=2, rows=64, seed=1)
    questions = Questions(form, examples, noted=0.5, seed=0)
    never = fill(model, questions, sampler, Judge(decode), replace(TINY, band=(1, 2)), 0.2)
    assert never.prompts == [] and never.passes[0] == never.tried > 0
    always = fill(model, questions, sampler, Judge(decode), replace(TINY, band=(0, 0)), 0.2)
    assert len(always.prompts) == TINY.questions


def test_the_stage_ends_with_its_budget_and_reports(tmp_path: Path) -> None:
    model = small_model()
    assert run(model, small_format(), decode, examples, TINY, tmp_path)
    folder = RunFolder(tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert folder.is_done and folder.weights.exists()
    assert {"before", "after", "pool", "passes", "rounds"} <= metrics.keys()
    curve = folder.curve()
    assert curve and {"reward", "right", "reasoned", "tokens", "clipped"} <= curve[-1].keys()
    assert run(small_model(), small_format(), decode, examples, TINY, tmp_path), "a done stage is done"


def test_a_sitting_that_is_over_is_gone_on_with(tmp_path: Path) -> None:
    short = replace(TINY, budget_s=8.0, sitting_s=2.0)
    sittings = 0
    while not run(small_model(), small_format(), decode, examples, short, tmp_path):
        sittings += 1
        assert sittings < 8
    steps = [row["step"] for row in RunFolder(tmp_path).curve()]
    assert sittings >= 1
    assert steps == list(range(1, len(steps) + 1))


def test_nothing_within_the_band_is_said_and_ends_the_stage(tmp_path: Path) -> None:
    assert run(small_model(), small_format(), decode, examples, replace(TINY, band=(2, 2)), tmp_path)
    assert RunFolder(tmp_path).state()["pool"] == 0


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
