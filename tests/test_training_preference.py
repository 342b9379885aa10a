"""Self-cognition: what counts as a denial, which pairs are made, and the stage on a tiny model."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training_small_talker import clip, decode, encode, pitch_example, small_format, small_model, sum_example
from training.format import AUDIO, Sequence
from training.items import Example, Item
from training.preference import Pairs, Preference, about_hearing, denies_hearing, dpo, run
from training.rewards import Judge
from training.rollouts import Rollout, prompt_of
from training.run_folder import RunFolder

TINY = Preference(
    budget_s=8.0, pairs=6, samples=2, most_tokens=6, rows=16, step_tokens=1024, probed=2, save_every_s=1.0
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def can_you_hear(seed: int = 0) -> Example:
    item = Item("talk/can_you_hear", "Can you hear me?", "can you hear me", "", "Yes, I can hear you.", "yes")
    return Example(item, clip(0.7, seed))


def examples(count: int) -> list[Example]:
    return [(can_you_hear(k), pitch_example(seed=k), sum_example())[k % 3] for k in range(count)]


@pytest.mark.parametrize(
    "text",
    [
        "I cannot hear you.",
        "I can't hear audio.",
        "I can’t actually hear your voice.",
        "As a text-based AI, I have to read.",
        "I'm a language model.",
        "I do not have the ability to hear sounds.",
        "I don't have access to audio.",
        "I am unable to process audio.",
        "No audio was given.",
        "I only read text.",
    ],
)
def test_denials(text: str) -> None:
    assert denies_hearing(text)


@pytest.mark.parametrize(
    "text",
    [
        "Yes, I can hear you.",
        "I did not hear anything. Could you say it again, please?",
        "I could not understand that. Could you say it again, please?",
        "I heard three beeps.",
        "Your voice is low.",
        "You can't hear it from here, can you?",
        "A text is a piece of writing.",
    ],
)
def test_what_is_no_denial(text: str) -> None:
    assert not denies_hearing(text)


def _said(sequence: Sequence) -> str:
    """What stands behind the sound."""
    return decode([token for token in sequence.tokens if token != AUDIO])


def _rollout(text: str) -> Rollout:
    form = small_format()
    think, _, rest = text.partition("</think>")
    head = [form.special.think, *encode(think.removeprefix("<think>"))]
    tokens = [*head, form.special.think_end, *encode(rest), form.special.im_end]
    return Rollout(tuple(tokens), np.zeros(len(tokens), np.float32), True)


YES = _rollout("<think>\nheard: can you hear me\n</think>\nYes, I can hear you.")
NO = _rollout("<think>\nheard: can you hear me\n</think>\nI cannot hear you.")
ECHO = _rollout("<think>\nheard: i cannot hear you\n</think>\nYes, I can hear you.")


def test_a_pair_is_what_the_model_said_for_and_against_its_hearing() -> None:
    form = small_format()
    pairs = Pairs(form, Judge(decode), decode, seed=0)
    prompt = prompt_of(form, can_you_hear())
    pair = pairs.of(prompt, [NO, YES])
    assert pair.is_own
    assert _said(pair.chosen).endswith("Yes, I can hear you.<|im_end|>")
    assert _said(pair.rejected).endswith("I cannot hear you.<|im_end|>")
    assert (pairs.drawn, pairs.denied) == (2, 1)


def test_what_another_said_is_no_denial_of_ones_own() -> None:
    pairs = Pairs(small_format(), Judge(decode), decode, seed=0)
    assert not pairs.denies(prompt_of(small_format(), can_you_hear()), ECHO)


@pytest.mark.parametrize("is_noted", [False, True])
def test_written_answers_stand_in_for_missing_ones(is_noted: bool) -> None:
    form = small_format()
    pairs = Pairs(form, Judge(decode), decode, seed=0)
    prompt = prompt_of(form, can_you_hear(), is_noted=is_noted)
    garbled = Rollout((5, 6), np.zeros(2, np.float32), False)
    pair = pairs.of(prompt, [garbled])
    assert not pair.is_own
    chosen, rejected = _said(pair.chosen), _said(pair.rejected)
    assert chosen.endswith("<think>\nheard: can you hear me\n</think>\nYes, I can hear you.<|im_end|>")
    assert "<think>\nheard: can you hear me\n" in rejected
    assert denies_hearing(rejected) and not denies_hearing(chosen)


def test_only_spoken_questions_that_hearing_answers() -> None:
    assert about_hearing(can_you_hear()) and about_hearing(pitch_example())
    assert not about_hearing(sum_example())
    assert not about_hearing(Example(Item("talk/joke", "A joke?", "a joke", answer="No."), clip(0.3)))


def test_the_loss_is_that_of_the_paper() -> None:
    loss = dpo(torch.tensor([-1.0]), torch.tensor([-5.0]), torch.tensor([-2.0]), torch.tensor([-3.0]), 0.1)
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-0.1 * 3.0)))
    same = dpo(torch.tensor([-2.0]), torch.tensor([-3.0]), torch.tensor([-2.0]), torch.tensor([-3.0]), 0.1)
    assert float(same) == pytest.approx(math.log(2))


def test_the_stage_prefers_hearing_more_and_more(tmp_path: Path) -> None:
    settings = replace(TINY, epochs=12, budget_s=60.0, sampling=0.02, rates=replace(TINY.rates, peak=1e-3, warm_up=0.0))
    assert run(small_model(), small_format(), decode, examples, settings, tmp_path)
    rows = RunFolder(tmp_path).curve()
    assert rows[0]["loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.2
    assert rows[-1]["preferred"] == 1.0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {"denying_before", "denying_after", "pairs", "own_denials"} <= metrics.keys()


def test_a_sitting_that_is_over_is_gone_on_with(tmp_path: Path) -> None:
    short = replace(TINY, epochs=1_000_000, budget_s=6.0, sitting_s=2.5, sampling=0.01)
    sittings = 0
    while not run(small_model(), small_format(), decode, examples, short, tmp_path):
        sittings += 1
        assert sittings < 8
    assert sittings >= 1
    steps = [row["step"] for row in RunFolder(tmp_path).curve()]
    assert steps == list(range(1, len(steps) + 1))
