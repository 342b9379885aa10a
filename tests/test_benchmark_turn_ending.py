"""The fit of the vote: it finds what separates ends from pauses, and what it writes is what the transcriber loads."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.turn_ending import Fit, Rows, area, fit, logistic, texts, write
from realtime.transcriber.ending import load_ending
from streaming_encoder import TensorParts
from training.checkpoint import write_parts

WIDTH = 8


def drawn(count: int, seed: int = 0) -> Rows:
    """One direction of the hidden row tells an end, and the words tell a little."""
    random = np.random.default_rng(seed)
    is_end = random.random(count) < 0.4
    hidden = random.normal(size=(count, WIDTH)).astype(np.float32)
    hidden[:, 2] += 2.0 * is_end
    prior = np.clip(0.5 + 0.2 * is_end + random.normal(size=count) * 0.2, 0, 1).astype(np.float32)
    return Rows(np.array(["one", "other"])[np.arange(count) % 2], is_end, hidden, prior, np.zeros(count, np.int64))


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


def test_what_is_written_is_what_is_loaded_and_may_be_written_again(tmp_path: Path) -> None:
    write_parts({"decoder.norm.weight": torch.ones(3)}, tmp_path)
    found = fit(drawn(400))
    for bias in (found.bias, 0.25):
        write(Fit(found.weight, bias, found.vote, found.vote_bias), tmp_path)
        parts = TensorParts(tmp_path)
        ending = load_ending(parts, WIDTH)
        assert ending is not None
        assert ending.bias.item() == pytest.approx(bias)
        torch.testing.assert_close(ending.weight, torch.from_numpy(found.weight))
    assert parts.names() == ["decoder.norm.weight", "transcriber.ending.bias", "transcriber.ending.weight"]


def test_the_same_seed_draws_the_same_texts() -> None:
    drawn_twice = [list(islice(texts(np.random.default_rng(3)), 50)) for _ in range(2)]
    assert drawn_twice[0] == drawn_twice[1]
    assert all(drawn_twice[0])
