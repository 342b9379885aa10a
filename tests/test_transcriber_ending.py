"""The ending: one linear layer, absent where a checkpoint has none, in the place of the full stop where it has one."""

from __future__ import annotations

import pytest
import torch

from realtime.errors import CheckpointError
from realtime.transcriber import Transcriber
from realtime.transcriber.ending import BIAS, WEIGHT, Ending, load_ending
from realtime.transcriber.model import Memory
from tests.decoder_tiny import DictSource
from tests.transcriber_tiny import tiny_transcriber

WIDTH = 16


def finish(transcriber: Transcriber) -> float:
    shape = transcriber.network.shape
    heard = Memory(shape, 64)
    transcriber.network.hear(torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(3)), heard)
    text = transcriber.write([], [], Memory(shape, shape.positions), heard)
    assert text.tokens
    return text.finish


def test_a_checkpoint_may_have_no_ending() -> None:
    assert load_ending(DictSource({}), WIDTH) is None


def test_an_ending_of_another_width_is_refused() -> None:
    with pytest.raises(CheckpointError, match="ending"):
        load_ending(DictSource({WEIGHT: torch.zeros(WIDTH + 1), BIAS: torch.zeros(1)}), WIDTH)


def test_it_is_a_probability_of_one_row() -> None:
    ending = load_ending(DictSource({WEIGHT: torch.ones(WIDTH), BIAS: torch.tensor([-1.0])}), WIDTH)
    assert ending is not None
    assert ending.probability(torch.full((WIDTH,), 1 / WIDTH)) == pytest.approx(0.5)
    assert ending.probability(torch.full((WIDTH,), 3 / WIDTH)) == pytest.approx(0.8808, abs=1e-4)


def test_the_transcriber_asks_it_behind_the_last_word() -> None:
    plain = tiny_transcriber()
    asked: list[torch.Tensor] = []

    class Told(Ending):
        def probability(self, row: torch.Tensor) -> float:
            asked.append(row)
            return 0.25

    told = Transcriber(plain.network, plain._vocabulary, plain.most_frames, Told(torch.empty(0), torch.empty(0)))
    assert finish(told) == 0.25 != finish(plain)
    assert [tuple(row.shape) for row in asked] == [(WIDTH,)]
