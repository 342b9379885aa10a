"""The study of the encoder: drift falls with what a frame may see, and distillation lowers what it measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from streaming_encoder import ChunkPlan, EncoderStream
from tests.encoder_reference import noise, small_model
from training.encoder_study import Drift, EncoderStudy, distil, draw, drift, table, whole_turn


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    return [(noise(length, seed=length) * 20_000).astype(np.int16) for length in (40_000, 25_600, 61_000)]


def test_a_chunk_as_long_as_the_turn_has_no_drift(clips: list[np.ndarray]) -> None:
    model = small_model()
    clip = clips[1]  # whole embeddings
    wanted = whole_turn(model, [clip])
    found = drift(model, ChunkPlan(len(clip) // 320, 0, 1472), [clip], wanted)
    assert found.error < 1e-9
    assert found.correlation == pytest.approx(1.0, abs=1e-5)


def test_more_right_context_drifts_less_and_costs_more(clips: list[np.ndarray]) -> None:
    model = small_model()
    study = EncoderStudy(chunks=(16, 64), right_context_ms=(0, 320, 30_000))
    found = {(d.chunk_ms, d.right_context_ms): d for d in table(model, study, clips, whole_turn(model, clips))}
    assert set(found) == {(320, 0), (320, 320), (1280, 0), (1280, 320)}  # 30 s of it fit no positions
    assert found[320, 320].error < found[320, 0].error
    assert found[1280, 0].error < found[320, 0].error
    assert found[320, 320].cost == 2.0


def test_the_whole_turn_is_what_no_stream_hears(clips: list[np.ndarray]) -> None:
    """Frames of the whole turn see its end; those of a stream with small chunks do not."""
    model = small_model()
    stream = EncoderStream(model, 16)
    streamed = torch.cat([stream.push(clips[0]), stream.finish()])
    whole = model.adapter(whole_turn(model, [clips[0]])[0], None)
    assert streamed.shape == whole.shape
    assert (streamed - whole).abs().max() > 1e-3


def test_distillation_learns_what_it_is_asked_and_leaves_the_teacher(clips: list[np.ndarray]) -> None:
    model = small_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    study = EncoderStudy(chunks=(16,), right_context_ms=(0,), distil_seconds=2.0, learning_rate=3e-3, batch=3)
    student = distil(model, study, clips)
    wanted = whole_turn(model, clips)
    plan = ChunkPlan.for_config(model.config, 16, 0)
    assert drift(student, plan, clips, wanted).error < 0.9 * drift(model, plan, clips, wanted).error
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in student.parameters())


def test_the_table_is_drawn(tmp_path: Path) -> None:
    points = [Drift(320, right, 0.1 / (1 + right), 0.9, 1.0) for right in (0, 160)]
    draw({"as published": points, "distilled": points}, tmp_path / "drift.png")
    assert (tmp_path / "drift.png").stat().st_size > 5_000
