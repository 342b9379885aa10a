"""The fit of the vote: it finds what separates ends from pauses, and what it writes is what the transcriber loads."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.turn_ending import STRETCHES, Fit, Rows, area, fit, logistic, texts, write
from realtime.transcriber.ending import load_ending
from streaming_encoder import TensorParts
from streaming_encoder.checkpoint import INDEX_NAME
from training.checkpoint import write_parts

WIDTH, ENCODER_WIDTH = 8, 6


def drawn(count: int, seed: int = 0) -> Rows:
    """One direction of the hidden row tells an end, so does one of the sound, and the words tell a little."""
    random = np.random.default_rng(seed)
    is_end = random.random(count) < 0.4
    hidden = random.normal(size=(count, WIDTH)).astype(np.float32)
    hidden[:, 2] += 1.5 * is_end
    sound = random.normal(size=(count, STRETCHES, ENCODER_WIDTH)).astype(np.float32)
    sound[:, -1, 4] += 1.5 * is_end
    prior = np.clip(0.5 + 0.2 * is_end + random.normal(size=count) * 0.2, 0, 1).astype(np.float32)
    groups, inserted = np.array(["one", "other"])[np.arange(count) % 2], ~is_end & (random.random(count) < 0.5)
    backgrounds = np.array(["own", "cut", "noise"])[np.arange(count) % 3]
    return Rows(groups, backgrounds, is_end, inserted, hidden, sound, prior, np.zeros(count, np.int64))


def test_a_logistic_regression_is_calibrated() -> None:
    random = np.random.default_rng(1)
    signs = random.normal(size=(20_000, 2)).astype(np.float32)
    odds = 1.5 * signs[:, 0] - 0.5 * signs[:, 1] - 1.0
    weight, bias = logistic(signs, random.random(len(odds)) < 1 / (1 + np.exp(-odds)), 1.0)
    assert weight == pytest.approx([1.5, -0.5], abs=0.1)
    assert bias == pytest.approx(-1.0, abs=0.1)


def test_the_vote_tells_more_of_unseen_turns_than_either_sign() -> None:
    found, unseen = fit(drawn(2_000)), drawn(2_000, seed=1)
    ending, both = (area(score, unseen.is_end) for score in (found.ending(unseen), found.score(unseen)))
    assert both > ending > 0.85
    assert both > area(unseen.prior, unseen.is_end)
    silent = Rows(**(vars(unseen) | {"sound": np.zeros_like(unseen.sound)}))
    assert area(found.ending(silent), unseen.is_end) < ending - 0.02, "it reads the sound, too"


def test_what_is_written_is_what_is_loaded_and_may_be_written_again(tmp_path: Path) -> None:
    write_parts({"decoder.norm.weight": torch.ones(3)}, tmp_path)
    found = fit(drawn(400))
    for bias in (found.bias, 0.25):
        write(Fit(found.weight, bias, found.vote, found.vote_bias), ENCODER_WIDTH, tmp_path)
        parts = TensorParts(tmp_path)
        ending = load_ending(parts, WIDTH, ENCODER_WIDTH)
        assert ending is not None
        assert ending.bias.item() == pytest.approx(bias)
        row, latest = (torch.randn(shape, generator=torch.Generator().manual_seed(3)) for shape in ((WIDTH,), (40, 6)))
        seen = torch.cat([row, latest[-STRETCHES * 8 :].reshape(STRETCHES, 8, 6).mean(1).flatten()])
        told = ending.by_words(row) + ending.by_sound(latest)
        assert told == pytest.approx(float(seen @ torch.from_numpy(found.weight)) + bias, abs=1e-4)
    names = ["bias", "sound", "weight"]
    assert parts.names() == ["decoder.norm.weight", *(f"transcriber.ending.{name}" for name in names)]
    index = json.loads((tmp_path / INDEX_NAME).read_text())
    assert index["metadata"]["total_size"] == sum(parts.tensor(name).nbytes for name in parts.names())


def test_the_same_seed_draws_the_same_texts() -> None:
    drawn_twice = [list(islice(texts(np.random.default_rng(3)), 50)) for _ in range(2)]
    assert drawn_twice[0] == drawn_twice[1]
    assert all(drawn_twice[0])
