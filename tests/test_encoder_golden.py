"""Streaming against one masked pass in float64, for every chunk size, several right contexts, and past a segment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from streaming_encoder import EncoderStream
from tests.encoder_reference import embedded_model, noise, reference_embeddings, sample, small_model

TOLERANCE = 1e-4  # of values up to about 24


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Steps this short gain nothing from a second thread, and lose much where tests share the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def hear(pcm: np.ndarray, chunk: int = 32, right_ms: int | None = None) -> torch.Tensor:
    stream = EncoderStream(embedded_model(), chunk, right_ms)
    return torch.cat([stream.push(pcm), stream.finish()])


def assert_same(heard: torch.Tensor, reference: torch.Tensor) -> None:
    assert heard.dtype == torch.float32
    assert heard.shape == reference.shape
    assert (heard - reference).abs().max().item() <= TOLERANCE


@pytest.mark.parametrize("chunk", [16, 32, 64])
@pytest.mark.parametrize("index", [0, 4, 9])
def test_a_spoken_question(index: int, chunk: int) -> None:
    pcm = sample(index)
    assert_same(hear(pcm, chunk), reference_embeddings(pcm, chunk))


@pytest.mark.parametrize("right_ms", [0, 160, 640, 1280])
@pytest.mark.parametrize("chunk", [16, 32])
def test_with_right_context(right_ms: int, chunk: int) -> None:
    pcm = sample(1)
    assert_same(hear(pcm, chunk, right_ms), reference_embeddings(pcm, chunk, right_ms // 20))


@pytest.mark.parametrize("samples", [0, 1, 159, 1279, 1280, 1281, 10239, 10240, 10241, 20480])
@pytest.mark.parametrize("right_ms", [0, 320])
def test_every_kind_of_end(samples: int, right_ms: int) -> None:
    pcm = noise(samples, 3)
    heard = hear(pcm, 32, right_ms)
    assert heard.shape == (-(-samples // 1280), 576)
    if samples:
        assert_same(heard, reference_embeddings(pcm, 32, right_ms // 20))


@pytest.mark.parametrize(("right_ms", "segment"), [(0, 1472), (640, 1440)])
def test_past_the_end_of_a_segment(right_ms: int, segment: int) -> None:
    pcm = noise(31 * 16000, 5)
    stream = EncoderStream(small_model(), 32, right_ms)
    heard = torch.cat([stream.push(pcm), stream.finish()])
    assert_same(heard, reference_embeddings(pcm, 32, right_ms // 20, segment, small_model()))
