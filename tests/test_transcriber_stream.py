"""Words of a stream: the same however the sound was cut, never taken back, and written over what was heard alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from realtime.transcriber import Line, Transcriber, TranscriberStream
from realtime.transcriber.model import Memory
from realtime.transcriber.transcript import most_tokens
from streaming_encoder import EncoderStream
from tests.encoder_reference import noise, small_model
from tests.transcriber_tiny import tiny_transcriber

RATE_HZ = 16_000
SEEDS = (2, 3, 4, 6, 7)  # those of the random weights that write more than one word


def taken_down(transcriber: Transcriber, pcm: np.ndarray, cuts: list[int]) -> tuple[list[list[str]], Line]:
    """The words of every step, and the line at the end."""
    encoder = EncoderStream(small_model(), right_context_ms=320)
    stream = TranscriberStream(transcriber)
    notes = [stream.hear(step) for part in np.split(pcm, cuts) for step in encoder.hear(part)]
    return notes, stream.line(encoder.hear_tail())


@pytest.mark.parametrize("seed", SEEDS)
def test_any_split_gives_the_same_words(seed: int) -> None:
    pcm = noise(6 * RATE_HZ, seed)
    random = np.random.default_rng(seed)
    whole = taken_down(tiny_transcriber(seed), pcm, [])
    for _ in range(3):
        cuts = sorted(random.integers(0, len(pcm), 12).tolist())
        assert taken_down(tiny_transcriber(seed), pcm, cuts) == whole


def test_random_weights_say_something() -> None:
    """Or the tests of this file would prove nothing."""
    lines = [taken_down(tiny_transcriber(seed), noise(6 * RATE_HZ, seed), []) for seed in SEEDS]
    assert sum(len(line.words) > 1 for _, line in lines) > 3
    assert any(notes != [[]] * len(notes) for notes, _ in lines)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_line_leaves_the_stream_as_it_is(seed: int) -> None:
    pcm = noise(5 * RATE_HZ, seed)
    transcriber = tiny_transcriber(seed)
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(transcriber)
    notes = []
    for start in range(0, len(pcm), 2000):  # a rehearsal after every push, and its words as drafts of what follows
        notes += [stream.hear(step) for step in encoder.hear(pcm[start : start + 2000])]
        stream.line(encoder.hear_tail())
    expected_notes, expected = taken_down(transcriber, pcm, [])
    assert (notes, stream.line(encoder.hear_tail()).words) == (expected_notes, expected.words)


@pytest.mark.parametrize("seed", SEEDS)
def test_guesses_change_no_word(seed: int) -> None:
    transcriber = tiny_transcriber(seed)
    shape = transcriber.network.shape
    heard, written = Memory(shape, 400), Memory(shape, shape.positions)
    with torch.inference_mode():
        transcriber.network.hear(torch.randn(300, shape.width, generator=torch.Generator().manual_seed(seed)), heard)
        plain = transcriber.write([], [], written, heard)
        ids = [token.id for token in plain.tokens]
        for draft in (ids, [*ids, 5, 6], ids[1:], [9, *ids], [5, 6, 7]):
            guessed = transcriber.write([], [draft], written, heard)
            assert [(token.id, token.at) for token in guessed.tokens] == [
                (token.id, token.at) for token in plain.tokens
            ]
            assert guessed.finish == pytest.approx(plain.finish, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_loop_ends(seed: int) -> None:
    _, line = taken_down(tiny_transcriber(seed), noise(20 * RATE_HZ, seed), [])
    assert len(line.logprobs) <= most_tokens(20 * 50 + 16)


def test_a_turn_longer_than_a_segment_goes_on_with_its_words() -> None:
    pcm = noise(40 * RATE_HZ, 3)
    transcriber = tiny_transcriber(3)
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(transcriber)
    lines = []
    for start in range(0, len(pcm), 2 * RATE_HZ):
        for step in encoder.hear(pcm[start : start + 2 * RATE_HZ]):
            stream.hear(step)
        lines.append(stream.line(encoder.hear_tail()).words)
    after = lines[16:]  # the first segment is over: its words stand
    assert len({words[:1] for words in after}) == 1
    assert len(after[-1]) >= len(after[0][:1])


def test_a_new_turn_knows_nothing_of_the_last() -> None:
    transcriber = tiny_transcriber(1)
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(transcriber)
    for step in encoder.hear(noise(4 * RATE_HZ, 8)):
        stream.hear(step)
    encoder.reset()
    stream.reset()
    pcm = noise(4 * RATE_HZ, 1)
    notes = [stream.hear(step) for step in encoder.hear(pcm)]
    expected_notes, expected = taken_down(transcriber, pcm, [])
    assert (notes, stream.line(encoder.hear_tail()).words) == (expected_notes, expected.words)


def test_without_sound_there_is_no_word() -> None:
    stream = TranscriberStream(tiny_transcriber(0))
    assert stream.line(EncoderStream(small_model(), right_context_ms=320).hear_tail()).words == ()


def settled_words(stream: TranscriberStream) -> list[str]:
    return [word for run in stream.settled for word in run.words]


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_what_is_settled_is_what_every_later_line_begins_with(seed: int) -> None:
    """Across the segments of a turn, too."""
    pcm = noise(11 * RATE_HZ, seed)
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(tiny_transcriber(seed))
    before: list[str] = []
    settled: list[int] = []  # steps at which something was
    steps = encoder.hear(pcm)
    border = len(steps) * 9 // 10
    for number, step in enumerate(steps):
        stream.hear(replace(step, begins_segment=number in (0, border)))
        words = settled_words(stream)
        assert words[: len(before)] == before
        ends = [run.until for run in stream.settled]
        assert ends == sorted(ends) and all(end <= stream.frames for end in ends)
        assert all(run.words and run.logprobs for run in stream.settled)
        if len(words) > len(before):
            assert list(stream.line([]).words[: len(words)]) == words
            settled.append(number)
        before = words
    # That words settle within a segment, too, shows `test_engine_folding`: random weights are seldom of one mind.
    assert border in settled
    stream.reset()
    assert not stream.settled and stream.frames == 0
