"""The ablations on a tiny model: every arm from the same weights, told together, gone on with where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training_small_talker import decode, pitch_example, small_format, small_model, sum_example
from training import mgrd, rlvr
from training.ablations import Ablations, Bank, rlvr_arms, run
from training.items import Example

TINY = Ablations(
    arm_s=1.0,
    rlvr=rlvr.Rlvr(
        filtering=0.1, questions=4, tries=2, per_round=2, samples=2, most_tokens=4, rows=16, step_tokens=512, probed=2
    ),
    mgrd=mgrd.Mgrd(questions=2, samples=2, most_tokens=4, rows=16, step_tokens=512, probed=2),
)


def examples() -> list[Example]:
    return [pitch_example(seed=1), sum_example(), sum_example(typed=False), pitch_example(seed=2, hz=210, word="high")]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_the_arms_differ_from_the_published_one_in_one_thing() -> None:
    arms = rlvr_arms(TINY.rlvr)
    published = arms.pop("published")
    assert arms["no-format-reward"].weights.reasoned == 0
    assert replace(arms["no-format-reward"], weights=published.weights) == published
    assert {name: arms[name].band for name in ("failed-only", "unfiltered")} == {
        "failed-only": (0, 0),
        "unfiltered": (0, published.tries),
    }
    assert all(replace(arms[name], band=published.band) == published for name in ("failed-only", "unfiltered"))


def test_a_bank_gives_every_arm_the_same_questions() -> None:
    one, other = Bank(examples(), 3), Bank(examples(), 3)
    assert [e.item.kind for e in one(20)] == [e.item.kind for e in other(20)]


def test_all_arms_are_told_and_drawn(tmp_path: Path) -> None:
    model = small_model()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    assert run(model, small_format(), decode, examples(), TINY, tmp_path)
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert told.keys() == {*(f"rlvr-{name}" for name in rlvr_arms(TINY.rlvr)), "mgrd"}
    assert told["rlvr-failed-only"]["before"] == told["rlvr-published"]["before"]
    assert [row["number"] for row in told["mgrd"]["rounds"]] == [0, 1, 2]
    assert (tmp_path / "figure-rlvr.png").exists() and (tmp_path / "figure-mgrd.png").exists()
    assert all(torch.equal(value, start[name]) for name, value in model.state_dict().items())


def test_arms_that_a_sitting_did_not_hold_come_in_the_next(tmp_path: Path) -> None:
    settings = replace(TINY, arms=("rlvr-unfiltered", "mgrd"), sitting_s=0.5)
    sittings = 0
    while not run(small_model(), small_format(), decode, examples(), settings, tmp_path):
        sittings += 1
        assert sittings < 10
    assert sittings >= 1
    assert json.loads((tmp_path / "metrics.json").read_text()).keys() == {"rlvr-unfiltered", "mgrd"}
