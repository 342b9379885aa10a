"""Batched hearing equals a stream of each clip alone, at every length, right context and chunk."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_encoder import AudioConfig, AudioModel, ChunkPlan, EncoderStream
from streaming_encoder.prosody import WIDTH
from tests.encoder_reference import noise, small_config
from training.hearing import BatchHearing

SAME = 1e-5


@functools.cache
def model(right_ms: int, prosody: int) -> AudioModel:
    config = small_config()
    config["encoder"]["right_context_ms"] = right_ms
    config["adapter"].update(prosody=prosody, input=32 + prosody)
    torch.manual_seed(right_ms)
    made = AudioModel(AudioConfig.parse(config))
    torch.nn.init.normal_(made.encoder.pos)
    return made.requires_grad_(False).eval()


def heard(of: AudioModel, clips: list[np.ndarray], chunk: int, extra: int = 0) -> list[torch.Tensor]:
    """Embeddings of each clip, heard together; `extra` samples of padding that belong to none."""
    pcm = torch.zeros(len(clips), max(map(len, clips)) + extra)
    for row, clip in zip(pcm, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(clip)
    found = BatchHearing(of, ChunkPlan.for_config(of.config, chunk)).hear(pcm, [len(clip) for clip in clips])
    embeddings = of.adapter(found.frames, found.prosody)
    return [row[:count] for row, count in zip(embeddings, found.counts, strict=True)]


def streamed(of: AudioModel, clip: np.ndarray, chunk: int) -> torch.Tensor:
    stream = EncoderStream(of, chunk)
    return torch.cat([stream.push(clip), stream.finish()])


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60_000), min_size=1, max_size=4),
    right_ms=st.sampled_from([0, 20, 160, 320, 640]),
    chunk=st.sampled_from([16, 32, 64]),
    prosody=st.sampled_from([0, WIDTH]),
    seed=st.integers(0, 99),
)
def test_a_batch_hears_what_streams_hear(
    lengths: list[int], right_ms: int, chunk: int, prosody: int, seed: int
) -> None:
    of = model(right_ms, prosody)
    clips = [noise(length, seed=seed + index) for index, length in enumerate(lengths)]
    for clip, embeddings in zip(clips, heard(of, clips, chunk), strict=True):
        alone = streamed(of, clip, chunk)
        assert embeddings.shape == alone.shape
        assert (embeddings - alone).abs().max() < SAME


@pytest.mark.parametrize("right_ms", [0, 320])
def test_the_longest_turn_of_a_segment_is_heard_as_a_stream_hears_it(right_ms: int) -> None:
    of = model(right_ms, WIDTH)
    longest = BatchHearing(of, ChunkPlan.for_config(of.config, 32)).longest_samples
    clip = noise(longest)
    assert (heard(of, [clip], 32)[0] - streamed(of, clip, 32)).abs().max() < SAME


def test_neither_padding_nor_neighbours_change_a_clip() -> None:
    of = model(320, WIDTH)
    clip = noise(20_000)
    alone = heard(of, [clip], 32)[0]
    loud = noise(45_000, seed=5)
    assert (heard(of, [loud, clip], 32)[1] - alone).abs().max() < SAME
    assert (heard(of, [clip], 32, extra=30_000)[0] - alone).abs().max() < SAME


def test_the_right_context_is_heard_and_no_more() -> None:
    """A change of sound changes the chunks that see it within their right context, and none before."""
    of = model(160, 0)
    clip = noise(48_000)
    other = clip.copy()
    changed = 30_720  # the end of the third chunk of 640 ms
    other[changed:] = noise(len(clip) - changed, seed=9)
    before, after = heard(of, [clip], 32)[0], heard(of, [other], 32)[0]
    assert torch.equal(before[:16], after[:16])
    assert not torch.equal(before[16:24], after[16:24])
