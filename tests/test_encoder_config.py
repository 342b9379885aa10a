"""config.json into frozen values, chunk plans from them, and refusal of what the code cannot run."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from streaming_encoder import AudioConfig, CheckpointMismatchError, ChunkPlan, EncoderSettingError
from tests.encoder_reference import EMBEDDED

EMBEDDED_JSON: dict[str, Any] = json.loads((EMBEDDED / "config.json").read_text())
CONFIG = AudioConfig.parse(EMBEDDED_JSON)


def test_the_embedded_model_is_understood() -> None:
    assert CONFIG.frame_samples == 320
    assert CONFIG.embedding_samples == 1280
    assert CONFIG.frames_per_embedding == 4
    assert CONFIG.encoder.chunk_frames == (16, 32, 64)
    assert CONFIG.encoder.right_context_ms == 320
    assert CONFIG.adapter.prosody == 31
    assert ChunkPlan.for_config(CONFIG) == ChunkPlan(chunk_frames=32, right_frames=16, segment_frames=1472)


def test_right_context_is_the_checkpoints_or_the_callers() -> None:
    assert ChunkPlan.for_config(CONFIG, right_context_ms=0).right_frames == 0
    document = copy.deepcopy(EMBEDDED_JSON)
    del document["encoder"]["right_context_ms"]
    assert ChunkPlan.for_config(AudioConfig.parse(document)).right_frames == 0


@pytest.mark.parametrize(("right_ms", "segment"), [(0, 1472), (160, 1472), (320, 1472), (640, 1440)])
def test_a_segment_and_its_right_context_stay_within_the_positions(right_ms: int, segment: int) -> None:
    plan = ChunkPlan.for_config(CONFIG, 32, right_ms)
    assert plan.segment_frames == segment
    assert plan.segment_frames % 32 == 0
    assert plan.cache_frames <= CONFIG.encoder.max_positions


@pytest.mark.parametrize(
    ("chunk", "right_ms"), [(0, 0), (-32, 0), (30, 0), (128, 0), (32, -20), (32, 30), (32, 29_400), (64, 10**9)]
)
def test_impossible_plans_are_refused(chunk: int, right_ms: int) -> None:
    with pytest.raises(EncoderSettingError):
        ChunkPlan.for_config(CONFIG, chunk, right_ms)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("frontend", "window", "hamming"),
        ("frontend", "left_pad", 200),
        ("frontend", "win_length", 320),
        ("frontend", "n_mels", 0),
        ("frontend", "scale", "4"),
        ("frontend", "log_floor", float("nan")),
        ("encoder", "conv_lookahead_frames", 1),
        ("encoder", "activation", "silu"),
        ("encoder", "heads", 5),
        ("encoder", "layers", True),
        ("encoder", "chunk_frames", []),
        ("encoder", "chunk_frames", [30]),
        ("encoder", "chunk_frames", "32"),
        ("encoder", "default_chunk_frames", 8),
        ("encoder", "segment_frames", 1470),
        ("encoder", "max_positions", 1000),
        ("encoder", "right_context_ms", -1),
        ("adapter", "input", 384),
        ("adapter", "stack", None),
    ],
)
def test_an_unusable_value_is_refused(section: str, key: str, value: object) -> None:
    document = copy.deepcopy(EMBEDDED_JSON)
    document[section][key] = value
    with pytest.raises(CheckpointMismatchError, match=r"config\.json"):
        AudioConfig.parse(document)


@pytest.mark.parametrize("section", ["frontend", "encoder", "adapter"])
def test_a_missing_section_is_named(section: str) -> None:
    document = {name: value for name, value in EMBEDDED_JSON.items() if name != section}
    with pytest.raises(CheckpointMismatchError, match=section):
        AudioConfig.parse(document)
