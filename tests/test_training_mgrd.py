"""MGRD: what is kept of a round, and the stage on a tiny model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training_small_talker import decode, pitch_example, small_format, small_model, sum_example
from training.format import Format
from training.items import Example
from training.mgrd import Mgrd, keep, reasoned, run
from training.questions import Questions, asked, is_perceived
from training.recipe import Recipe
from training.rewards import Judge
from training.rollouts import Prompt, Rollout, Sampler, prompt_of
from training.run_folder import RunFolder

TINY = Mgrd(budget_s=6.0, rounds=2, questions=4, samples=2, most_tokens=6, rows=16, step_tokens=512, probed=4, epochs=2)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def examples(count: int) -> list[Example]:
    return [pitch_example(seed=k) if k % 2 else sum_example() for k in range(count)]


def _answer(form: Format, prompt: Prompt, thought: str, answer: str) -> Rollout:
    sequence = form.begin()
    form.open_answer(sequence, ())
    form.hear_out(sequence, prompt.example.item.words)
    form.think_and_answer(sequence, replace(prompt.example.item, thought=thought, answer=answer))
    tokens = sequence.tokens[sequence.is_taught.index(True) :]
    return Rollout(tuple(tokens), np.zeros(len(tokens), np.float32), True)


def test_only_true_cues_that_lead_to_the_right_answer_are_kept() -> None:
    form, judge = small_format(), Judge(decode)
    prompt = prompt_of(form, pitch_example(hz=120))
    rollouts = [
        _answer(form, prompt, "The user asks about the voice, which is low.", "Your voice is low."),
        _answer(form, prompt, "The voice is about 230 hertz, which is low.", "Your voice is low."),
        _answer(form, prompt, "The voice is about 120 hertz, which is high.", "Your voice is high."),
        _answer(form, prompt, "The voice is about 120 hertz, which is low.", "Your voice is low."),
        _answer(form, prompt, "The voice is about 120 hertz, which is low.", "Your voice is low."),
        _answer(form, prompt, "The voice is about 110 hertz, which is low.", "Your voice is low."),
        _answer(form, prompt, "The voice is about 130 hertz, which is low.", "Your voice is low."),
    ]
    marks = [judge.mark(prompt, rollout) for rollout in rollouts]
    kept = keep(prompt, rollouts, marks, 2)
    assert [chain.sequence.tokens[len(prompt.sequence) :] for chain in kept] == [
        list(rollouts[3].tokens),
        list(rollouts[5].tokens),
    ]
    assert all(chain.sequence.is_taught[len(prompt.sequence) :].count(False) == 0 for chain in kept)


def test_questions_are_of_the_sound_and_reasoning_of_the_text() -> None:
    form = small_format()
    prompts = Questions(form, examples, accepts=is_perceived).next(5)
    assert {prompt.example.item.group for prompt in prompts} == {"voice"}
    chains = reasoned(form, examples, 3)
    assert len(chains) == 3
    assert all("2 + 2 = 4." in decode(chain.sequence.tokens) for chain in chains)


def test_the_rounds_are_told_and_the_stage_ends(tmp_path: Path) -> None:
    assert run(small_model(), small_format(), decode, examples, TINY, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert [row["number"] for row in metrics["rounds"]] == [0, 1, 2]
    assert all({"grounded", "right"} <= row.keys() for row in metrics["rounds"])
    assert all({"kept", "asked", "drawn/grounded"} <= row.keys() for row in metrics["rounds"][1:])
    assert [row["number"] for row in RunFolder(tmp_path).curve()] == [0, 1, 2]
    assert run(small_model(), small_format(), decode, examples, TINY, tmp_path)


def test_a_round_that_a_sitting_cannot_hold_waits_for_the_next(tmp_path: Path) -> None:
    short = replace(TINY, sitting_s=0.5)
    assert not run(small_model(), small_format(), decode, examples, short, tmp_path)
    assert [row["number"] for row in RunFolder(tmp_path).state()["told"]] == [0, 1]
    assert run(small_model(), small_format(), decode, examples, short, tmp_path)
    assert [row["number"] for row in RunFolder(tmp_path).state()["told"]] == [0, 1, 2]


def test_what_is_kept_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that always draws the good answer: the round trains on it, and its loss falls."""
    form = small_format()

    def good(_: Sampler, prompts: list[Prompt], each: int) -> list[list[Rollout]]:
        item = prompts[0].example.item
        return [[_answer(form, prompt, item.thought, item.answer)] * each for prompt in prompts]

    monkeypatch.setattr(Sampler, "sample", good)
    settings = replace(TINY, budget_s=8.0, noted=0.0, epochs=40, rates=replace(TINY.rates, peak=3e-3, warm_up=0.0))
    assert run(small_model(), form, decode, examples, settings, tmp_path)
    rows = RunFolder(tmp_path).curve()
    assert rows[1]["kept"] == rows[1]["asked"] > 0
    assert rows[1]["text"] > 0
    assert rows[2]["loss"] < rows[1]["loss"]


def test_a_stage_asks_without_recordings_of_people(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('[run]\nfolder = "runs"\n[mixture]\npreset = "tiny"\npeople = 22\npeople_from = ["somewhere"]\n')
    source = asked(Recipe.load(file), {"voice": 1})
    assert source.table == {"preset": "tiny", "kinds": {"voice": 1}}  # type: ignore[attr-defined]
