"""Words of a stream: the same however the sound was cut, never taken back, and written over what was heard alone."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch

from realtime.transcriber import Line, Transcriber, TranscriberStream
from realtime.transcriber.model import Memory
from realtime.transcriber.respelling import respelled
from realtime.transcriber.transcriber import LEAST_LOGPROB, Text
from realtime.transcriber.transcript import Token, most_tokens
from streaming_encoder import EncoderStream, Heard
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


def listened(transcriber: Transcriber, pcm: np.ndarray) -> tuple[TranscriberStream, EncoderStream, Line]:
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(transcriber)
    for step in encoder.hear(pcm):
        stream.hear(step)
    return stream, encoder, stream.line(encoder.hear_tail())


@pytest.mark.parametrize("seed", SEEDS)
def test_how_likely_words_are_is_what_the_network_says_of_them(seed: int) -> None:
    """Written whole, over the same frames, in one pass from the beginning."""
    transcriber, pcm = tiny_transcriber(seed), noise(3 * RATE_HZ, seed)
    network, shape = transcriber.network, transcriber.network.shape
    stream, encoder, line = listened(transcriber, pcm)
    assert line.words
    frames = [step.frames for step in EncoderStream(small_model(), right_context_ms=320).hear(pcm)]
    tail = encoder.hear_tail()
    heard, written = Memory(shape, 2048), Memory(shape, shape.positions)
    with torch.inference_mode():
        for part in (*frames, *(step.frames for step in tail), tail[-1].ahead):
            network.hear(part, heard)
    for words in (line.words, (*line.words[:-1], "bo"), ("bo", *line.words), ("bo",), line.words[:-1] or ("bq",)):
        likely = stream.weigh(words)
        assert likely is not None and len(likely) == len(words) and max(likely) <= 0
        text = stream._line[0].tokens
        spelled = respelled(text, words, transcriber._vocabulary)
        ids = [*spelled.ids, shape.end]
        with torch.inference_mode():
            written.count = 0
            hidden, _ = network.write([*shape.start, *spelled.ids], written, heard)
            logits = network.allowed(network.logits(hidden[len(shape.start) - 1 :]), from_first=True)
            logprobs = torch.log_softmax(logits, 1)[range(len(ids)), ids].clamp_min(LEAST_LOGPROB)
        assert sum(likely) == pytest.approx(float(logprobs.sum()), abs=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_asking_leaves_the_stream_as_it_is(seed: int) -> None:
    pcm, transcriber = noise(5 * RATE_HZ, seed), tiny_transcriber(seed)
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(transcriber)
    notes = []
    for start in range(0, len(pcm), 8000):
        notes += [stream.hear(step) for step in encoder.hear(pcm[start : start + 8000])]
        line = stream.line(encoder.hear_tail())
        first = stream.weigh(("bo", *line.words[1:]))
        assert stream.weigh(line.words) is None or stream.weigh(("bo", *line.words[1:])) == first
    expected_notes, expected = taken_down(transcriber, pcm, [])
    assert (notes, stream.line(encoder.hear_tail()).words) == (expected_notes, expected.words)


def test_what_is_gone_cannot_be_asked() -> None:
    stream, encoder, line = listened(tiny_transcriber(3), noise(3 * RATE_HZ, 3))
    assert stream.weigh(line.words) is not None and stream.weigh(()) is None
    for step in encoder.hear(noise(RATE_HZ, 4)):
        stream.hear(step)
    assert stream.weigh(line.words) is None, "more was heard since"
    stream.line(encoder.hear_tail())
    assert stream.weigh(line.words) is not None
    stream.reset()
    assert stream.weigh(line.words) is None


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
            assert guessed.ending == pytest.approx(plain.ending, abs=1e-4)


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


def test_what_is_behind_the_window_is_not_heard() -> None:
    """What stands before `first` changes nothing; where words were heard is still counted from the segment's begin."""
    transcriber = tiny_transcriber(3)
    shape = transcriber.network.shape
    frames = torch.randn(200, shape.width, generator=torch.Generator().manual_seed(3))
    texts = []
    with torch.inference_mode():
        for behind in (0, 120):
            heard, written = Memory(shape, 400), Memory(shape, shape.positions)
            transcriber.network.hear(torch.full((behind, shape.width), 9.0), heard)
            transcriber.network.hear(frames, heard)
            heard.first = behind
            text = transcriber.write([], [], written, heard)
            texts.append([(token.id, token.at - behind) for token in text.tokens][:8])  # a longer sound may say more
    assert texts[0] == texts[1] and texts[0]


class Scripted:
    """A transcriber of 20 words, 16 frames each, that loses the thread at `loses_at` frames unless it is given one."""

    def __init__(self, loses_at: int, thread: int) -> None:
        self.network, self.most_frames, self.ending = tiny_transcriber(0).network, 400, None
        self._loses_at, self._thread = loses_at, thread

    def write(self, agreed: list[Token], drafts: object, written: Memory, heard: Memory, kept: int = 0) -> Text:
        said = [Token(n, 16 * n, 0.0, True, f"w{n}") for n in range(heard.count // 16)]
        assert list(agreed) == said[: len(agreed)]
        is_lost = heard.count >= self._loses_at and len(agreed) < self._thread
        return Text(said[: max(1, len(agreed))] if is_lost else said)

    def words(self, text: list[Token]) -> list[str]:
        return [token.letters for token in text]


def test_a_text_that_loses_the_thread_is_written_behind_the_last_one() -> None:
    stream = TranscriberStream(cast(Transcriber, Scripted(loses_at=240, thread=5)))
    nothing = torch.zeros(0, stream._heard.keys.shape[3])
    for number in range(10):
        stream.hear(Heard(nothing, nothing.new_zeros(32, 16), nothing.new_zeros(0, 16), number == 0, None))
        assert len(stream._passed) == 2 * number + 2
    assert stream.line([]).words == tuple(f"w{n}" for n in range(20))


def agreeing(transcriber: Transcriber, pcm: np.ndarray) -> tuple[TranscriberStream, EncoderStream, list[int]]:
    """A stream that has heard `pcm`, its encoder, and the first frame that was heard behind each step."""
    encoder, stream = EncoderStream(small_model(), right_context_ms=320), TranscriberStream(transcriber)
    firsts = []
    for step in encoder.hear(pcm):
        stream.hear(step)
        firsts.append(stream._heard.first)
    return stream, encoder, firsts


def test_the_sound_of_words_that_stay_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window only moves on, never beyond what is settled, and begins anew with a segment."""
    monkeypatch.setattr("realtime.transcriber.stream.AGREED_BEFORE_FRAMES", 100)
    monkeypatch.setattr("realtime.transcriber.stream.LOOK_BACK_FRAMES", 20)
    moved = 0
    for seed in SEEDS:
        stream, encoder, firsts = agreeing(tiny_transcriber(seed), noise(16 * RATE_HZ, seed))
        assert firsts == sorted(firsts)
        assert firsts[-1] <= max((run.until for run in stream.settled), default=0)
        moved += firsts[-1] > 0
        (step, *_) = encoder.hear_tail()
        stream.hear(replace(step, begins_segment=True))
        assert stream._heard.first == 0
    assert moved, "nothing was agreed: the test proves nothing"


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
