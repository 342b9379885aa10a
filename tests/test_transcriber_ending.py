"""The ending: one linear layer over words and sound, absent where a checkpoint has none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import CheckpointError
from realtime.transcriber import Transcriber
from realtime.transcriber.ending import STRETCH_FRAMES, Ending, load_ending, stretches
from realtime.transcriber.model import Memory
from realtime.transcriber.stream import TranscriberStream
from streaming_encoder import Heard
from tests.decoder_tiny import DictSource
from tests.transcriber_tiny import tiny_transcriber

WIDTH = 16


def ending_of(transcriber: Transcriber) -> float:
    shape = transcriber.network.shape
    heard = Memory(shape, 64)
    transcriber.network.hear(torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(3)), heard)
    text = transcriber.write([], [], Memory(shape, shape.positions), heard)
    assert text.tokens
    return text.ending


def loaded(**tensors: torch.Tensor) -> Ending | None:
    """Of a checkpoint with these tensors, and an encoder of the same width as the transcriber."""
    return load_ending(DictSource({f"transcriber.ending.{name}": of for name, of in tensors.items()}), WIDTH, WIDTH)


def test_a_checkpoint_may_have_no_ending() -> None:
    assert loaded() is None


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": torch.zeros(WIDTH + 1), "bias": torch.zeros(1)},
        {"weight": torch.zeros(WIDTH), "bias": torch.zeros(2)},
        {"weight": torch.zeros(WIDTH), "bias": torch.zeros(1), "sound": torch.zeros(2, WIDTH - 1)},
        {"weight": torch.zeros(WIDTH), "bias": torch.zeros(1), "sound": torch.zeros(WIDTH)},
    ],
)
def test_an_ending_of_another_size_is_refused(tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match="ending"):
        loaded(**tensors)


def test_words_and_sound_add_up() -> None:
    ending = loaded(weight=torch.ones(WIDTH), bias=torch.tensor([-1.0]), sound=torch.ones(2, WIDTH) / WIDTH)
    assert ending is not None and ending.frames == 2 * STRETCH_FRAMES
    assert ending.by_words(torch.full((WIDTH,), 3 / WIDTH)) == pytest.approx(2.0)
    assert ending.by_sound(torch.ones(100, WIDTH)) == pytest.approx(2.0)
    plain = loaded(weight=torch.ones(WIDTH), bias=torch.zeros(1))
    assert plain is not None and plain.frames == 0 and plain.by_sound(torch.ones(100, WIDTH)) == 0.0


@given(st.integers(0, 40), st.integers(1, 3))
def test_of_the_sound_the_last_whole_stretches_are_read(frames: int, most: int) -> None:
    latest = torch.arange(frames, dtype=torch.float32)[:, None].expand(frames, 2)
    heard = stretches(latest, most)
    assert heard.shape == (min(most, frames // STRETCH_FRAMES), 2)
    ends = [frames - 1 - STRETCH_FRAMES * back for back in reversed(range(len(heard)))]
    assert heard[:, 0].tolist() == [end - (STRETCH_FRAMES - 1) / 2 for end in ends]


def test_the_transcriber_asks_it_behind_the_last_word() -> None:
    plain = tiny_transcriber()
    asked: list[torch.Tensor] = []

    class Told(Ending):
        def by_words(self, row: torch.Tensor) -> float:
            asked.append(row)
            return 0.25

    told = Transcriber(plain.network, plain._vocabulary, plain.most_frames, Told(torch.empty(0), torch.empty(0)))
    assert ending_of(told) == 0.25 != ending_of(plain)
    assert [tuple(row.shape) for row in asked] == [(WIDTH,)]


def steps(pieces: list[int], frames: torch.Tensor, *, new_segment: int = 0) -> list[Heard]:
    """`frames` in steps of so many; the one with number `new_segment` begins one."""
    parts = frames.split(pieces)
    return [
        Heard(torch.empty(0, WIDTH), part, torch.empty(0, WIDTH), begins_segment=n in (0, new_segment), voice=None)
        for n, part in enumerate(parts)
    ]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(4, 40), min_size=1, max_size=4), st.integers(0, 3))
def test_a_stream_tells_it_the_last_of_the_sound_however_it_came(pieces: list[int], new_segment: int) -> None:
    """The newest frames are those of the tail, whose own last are its right context."""
    plain, told = tiny_transcriber(), []

    class Listening(Ending):
        def by_sound(self, latest: torch.Tensor) -> float:
            told.append(latest[-self.frames :].clone())
            return 0.0

    ending = Listening(torch.zeros(WIDTH), torch.zeros(1), torch.zeros(3, WIDTH))
    stream = TranscriberStream(Transcriber(plain.network, plain._vocabulary, plain.most_frames, ending))
    random = torch.Generator().manual_seed(1)
    for _ in range(2):  # a turn knows nothing of the one before
        told.clear()
        stream.reset()
        sound = torch.randn(sum(pieces), WIDTH, generator=random)
        tail, ahead = torch.randn(6, WIDTH, generator=random), torch.randn(2, WIDTH, generator=random)
        for step in steps(pieces, sound, new_segment=new_segment):
            stream.hear(step)
        stream.line([Heard(torch.empty(0, WIDTH), tail, ahead, begins_segment=False, voice=None)])
        (latest,) = told
        whole = torch.cat([sound, tail, ahead])
        assert torch.equal(latest, whole[-ending.frames :])


def test_where_nothing_was_heard_the_sound_says_nothing() -> None:
    plain = tiny_transcriber()
    ending = Ending(torch.zeros(WIDTH), torch.zeros(1), torch.ones(3, WIDTH))
    stream = TranscriberStream(Transcriber(plain.network, plain._vocabulary, plain.most_frames, ending))
    assert stream.line([]).finish == 0.0
