"""`EncoderStream`: any split, bad push or tail gives the frames of one pass; the future never changes the past."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from streaming_encoder import AudioInputError, EncoderStream
from streaming_encoder.model import AudioModel
from tests.encoder_reference import embedded_model, noise, sample, small_model

SAME = 1e-5  # far under the 1e-4 that the invariant allows
FRAME = 320


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Steps this short gain nothing from a second thread, and lose much where tests share the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def hear(
    pcm: np.ndarray, chunk: int = 32, right_ms: int | None = None, model: AudioModel | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """One push and the end: (final, tail). right_ms: None is the checkpoint's own, 320 of the embedded model."""
    stream = EncoderStream(model or embedded_model(), chunk, right_ms)
    return stream.push(pcm), stream.finish()


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    assert one.shape == other.shape
    return (one - other).abs().max().item() if one.numel() else 0.0


@given(
    cuts=st.lists(st.integers(0, 48_000), max_size=12),
    end=st.integers(0, 48_000),
    chunk=st.sampled_from([16, 32, 64]),
    right_ms=st.sampled_from([0, 160, 320, 640]),
)
@settings(max_examples=20, deadline=None)
def test_any_split_gives_the_same_frames(cuts: list[int], end: int, chunk: int, right_ms: int) -> None:
    pcm = noise(end, 1)
    final, tail = hear(pcm, chunk, right_ms)
    stream = EncoderStream(embedded_model(), chunk, right_ms)
    pieces = [stream.push(piece) for piece in np.split(pcm, sorted(cut for cut in cuts if cut < end))]
    assert difference(torch.cat(pieces), final) <= SAME
    assert difference(stream.finish(), tail) <= SAME


@pytest.mark.parametrize("size", [1, 37, 160, 320, 512, 1000])
def test_small_pushes_of_speech(size: int) -> None:
    pcm = sample(4)[: 9000 if size == 1 else None]
    final, tail = hear(pcm, 16)
    stream = EncoderStream(embedded_model(), 16)
    pieces = [stream.push(pcm[start : start + size]) for start in range(0, len(pcm), size)]
    assert difference(torch.cat(pieces), final) <= SAME
    assert difference(stream.tail(), tail) <= SAME


@pytest.mark.parametrize(("chunk", "right_ms"), [(16, 0), (32, 0), (32, 160), (32, 320), (64, 640), (16, 640)])
def test_frames_come_with_the_last_sample_they_need(chunk: int, right_ms: int) -> None:
    stream = EncoderStream(embedded_model(), chunk, right_ms)
    need = chunk * FRAME + right_ms * 16
    assert len(stream.push(noise(need - 1))) == 0
    assert len(stream.push(noise(1))) == chunk // 4
    assert len(stream.push(noise(chunk * FRAME - 1))) == 0
    assert len(stream.push(noise(1))) == chunk // 4
    assert stream.samples == need + chunk * FRAME
    assert (stream.chunk_samples, stream.right_context_samples) == (chunk * FRAME, right_ms * 16)


@pytest.mark.parametrize("right_ms", [0, 160, 320, 640])
def test_the_future_never_changes_the_past_but_right_context_is_heard(right_ms: int) -> None:
    chunk = 16 * FRAME
    pcm = noise(3 * chunk + right_ms * 16 + chunk, 2)
    base, _ = hear(pcm, 16, right_ms)
    for committed in (1, 2, 3):
        horizon = committed * chunk + right_ms * 16
        later = pcm.copy()
        later[horizon:] = noise(len(pcm) - horizon, 77)
        changed, _ = hear(later, 16, right_ms)
        assert torch.equal(changed[: committed * 4], base[: committed * 4])
        assert difference(changed[committed * 4 :], base[committed * 4 :]) > 0.01
        # The last sample within the horizon is heard by the chunk (else right context would be a delay for nothing).
        within = pcm.copy()
        within[horizon - 320 : horizon] = 0.9
        heard, _ = hear(within, 16, right_ms)
        assert difference(heard[committed * 4 - 4 : committed * 4], base[committed * 4 - 4 : committed * 4]) > 1e-3


@pytest.mark.parametrize("right_ms", [0, 320, 640])
def test_tail_over_a_segment_boundary_leaves_the_stream_alone(right_ms: int) -> None:
    quiet, peeking = (EncoderStream(small_model(), 32, right_ms) for _ in range(2))
    pcm = noise(32 * 16000, 6)
    boundary = quiet.plan.segment_frames * FRAME
    # The last samples before the chunk that fills the segment is final, so that tail() itself must cross the boundary.
    cuts = [boundary - 10240, boundary, boundary + right_ms * 16 - 1, boundary + 9000]
    for piece in np.split(pcm, cuts):
        assert torch.equal(quiet.push(piece), peeking.push(piece))
        assert torch.equal(peeking.tail(), peeking.tail())
    assert torch.equal(quiet.finish(), peeking.finish())


def test_a_segment_begins_as_a_turn_begins() -> None:
    boundary = 1472 * FRAME
    pcm = noise(boundary + 40_000, 8)
    pcm[:1600] = 0.99  # a running maximum that the second segment must not inherit
    final, tail = hear(pcm, model=small_model())
    first, first_tail = hear(pcm[:boundary], model=small_model())
    second, second_tail = hear(pcm[boundary:], model=small_model())
    assert len(first_tail) == 0
    assert difference(torch.cat([first, second]), final) <= SAME
    assert difference(second_tail, tail) <= SAME


@pytest.mark.parametrize("right_ms", [0, 320])
def test_scratch_rows_of_the_cache_are_never_read(right_ms: int) -> None:
    pcm = noise(50_000, 9)
    final, tail = hear(pcm, 32, right_ms)
    stream = EncoderStream(embedded_model(), 32, right_ms)
    pieces = []
    for piece in np.split(pcm, range(4000, 50_000, 4000)):
        state = stream._state
        with torch.inference_mode():
            state.keys[:, :, state.position :] = torch.nan
            state.values[:, :, state.position :] = torch.nan
        pieces.append(stream.push(piece))
        assert torch.isfinite(stream.tail()).all()
    assert difference(torch.cat(pieces), final) <= SAME
    assert difference(stream.finish(), tail) <= SAME


def test_the_buffers_are_made_once() -> None:
    stream = EncoderStream(small_model(), 64)

    def buffers() -> list[int]:
        state = stream._state
        return [tensor.data_ptr() for tensor in (state.window, state.keys, state.values)]

    before = buffers()
    for _ in range(4):
        stream.push(noise(160_000))
        stream.tail()
    stream.finish()
    assert buffers() == before


def test_two_streams_over_one_model_do_not_touch_each_other() -> None:
    one, other = (EncoderStream(embedded_model()) for _ in range(2))
    voices = noise(40_000, 11), noise(40_000, 12)
    got: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for at in range(0, 40_000, 4000):
        for stream, pcm, out in zip((one, other), voices, got, strict=True):
            out.append(stream.push(pcm[at : at + 4000]))
    for pcm, out, stream in zip(voices, got, (one, other), strict=True):
        final, tail = hear(pcm)
        assert difference(torch.cat(out), final) <= SAME
        assert difference(stream.finish(), tail) <= SAME


@pytest.mark.parametrize("level", [1.0, -1.0])
def test_full_scale_dc_poisons_nothing(level: float) -> None:
    stream = EncoderStream(embedded_model())
    assert torch.isfinite(stream.push(np.full(16_000, level * 1e6, np.float32))).all()
    speech = stream.push(sample(0))
    assert torch.isfinite(speech).all()
    assert speech.std(0).mean() > 0.1  # still hears: frames differ
    stream.finish()
    final, tail = hear(sample(0))
    assert difference(stream.push(sample(0)), final) <= SAME
    assert difference(stream.finish(), tail) <= SAME


def test_int16_and_float32_pushes_may_be_mixed() -> None:
    pcm = sample(2)
    final, tail = hear(pcm)
    stream = EncoderStream(embedded_model())
    pieces = [
        stream.push(piece if n % 2 else (piece / 32768).astype(np.float32))
        for n, piece in enumerate(np.split(pcm, range(3000, len(pcm), 3000)))
    ]
    assert difference(torch.cat(pieces), final) <= SAME
    assert difference(stream.finish(), tail) <= SAME


BAD = [
    np.full(12_000, np.nan, np.float32),
    np.array([0.1, np.inf], np.float32),
    np.zeros((2, 12_000), np.int16),
    np.zeros(12_000, np.float64),
    np.zeros(12_000, np.int32),
]


class StreamMachine(RuleBasedStateMachine):
    """Random life of a stream, held against a second stream that hears each turn in a single push."""

    @initialize(chunk=st.sampled_from([16, 32]), right_ms=st.sampled_from([0, 160, 640]))
    def open(self, chunk: int, right_ms: int) -> None:
        self.settings = (chunk, right_ms)
        self.stream = EncoderStream(embedded_model(), chunk, right_ms)
        self.heard: list[torch.Tensor] = []
        self.pcm = noise(0)
        self.turn = 0

    def _whole(self) -> tuple[torch.Tensor, torch.Tensor]:
        return hear(self.pcm, *self.settings)

    @rule(samples=st.one_of(st.integers(0, 700), st.integers(0, 15_000)))
    def push(self, samples: int) -> None:
        piece = noise(samples, self.turn * 1000 + len(self.heard))
        self.pcm = np.concatenate([self.pcm, piece])
        self.heard.append(self.stream.push(piece))
        assert self.stream.samples == len(self.pcm)

    @rule(bad=st.sampled_from(BAD))
    def push_bad(self, bad: np.ndarray) -> None:
        with pytest.raises(AudioInputError):
            self.stream.push(bad)
        assert self.stream.samples == len(self.pcm)

    @precondition(lambda self: self.heard)
    @rule()
    def peek(self) -> None:
        final, tail = self._whole()
        assert difference(torch.cat(self.heard), final) <= SAME
        assert difference(self.stream.tail(), tail) <= SAME

    @rule(abandon=st.booleans())
    def end_turn(self, abandon: bool) -> None:
        final, tail = self._whole()
        if self.heard:
            assert difference(torch.cat(self.heard), final) <= SAME
        if abandon:
            self.stream.reset()
        else:
            assert difference(self.stream.finish(), tail) <= SAME
        assert self.stream.samples == 0
        self.heard, self.pcm, self.turn = [], noise(0), self.turn + 1


StreamMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestStreamMachine = StreamMachine.TestCase
