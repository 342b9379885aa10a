"""What a turn's voice comes to: however its audio was cut, whatever ends were tried, and as the lessons measured it."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_encoder import AudioConfig, AudioModel, EncoderStream, Voice, VoiceMeter
from streaming_encoder.prosody import WIDTH
from tests.encoder_reference import small_config
from tests.test_encoder_prosody import voice
from training.data import measures

RATE_HZ = 16_000


@functools.cache
def model(prosody: int = WIDTH) -> AudioModel:
    config = small_config()
    config["adapter"].update(prosody=prosody, input=32 + prosody)
    return AudioModel(AudioConfig.parse(config)).requires_grad_(False).eval()


def spoken(hz: float, level: float, seconds: float = 2.0, noise: float = 0.0) -> np.ndarray:
    """int16: bursts of voice of 300 ms, with closures of 60 ms and pauses of 200 ms in turn between them."""
    buzz = voice(hz, level, frames=int(seconds * 12.5)).numpy().copy()
    at = 0
    for pause in [0.06, 0.2] * 20:
        at += int(0.3 * RATE_HZ)
        buzz[at : at + int(pause * RATE_HZ)] = 0
        at += int(pause * RATE_HZ)
    buzz += noise * np.random.default_rng(1).standard_normal(len(buzz)).astype(np.float32)
    return np.asarray(np.clip(buzz, -1, 1) * 32_767, np.int16)


def push(stream: EncoderStream, meter: VoiceMeter, pcm: np.ndarray) -> None:
    for step in stream.hear(pcm):
        assert step.voice is not None
        meter.push(step.voice)


def ending(stream: EncoderStream, meter: VoiceMeter) -> Voice | None:
    return meter.measure(step.voice for step in stream.hear_tail() if step.voice is not None)


def whole(pcm: np.ndarray) -> Voice:
    stream, meter = EncoderStream(model()), VoiceMeter()
    push(stream, meter, pcm)
    found = ending(stream, meter)
    assert found is not None
    return found


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 32_000), max_size=6), tried=st.booleans())
def test_neither_cuts_nor_tentative_ends_change_what_is_measured(cuts: list[int], tried: bool) -> None:
    pcm = spoken(140, 0.5)
    stream, meter = EncoderStream(model()), VoiceMeter()
    for part in np.split(pcm, sorted(cuts)):
        push(stream, meter, part)
        if tried:
            ending(stream, meter)
    assert ending(stream, meter) == whole(pcm)


@settings(max_examples=25, deadline=None)
@given(hz=st.floats(85, 300), level=st.floats(0.02, 0.9), noise=st.sampled_from([0.0, 0.05]), s=st.floats(1.0, 6.0))
def test_it_measures_as_the_lessons_do(hz: float, level: float, noise: float, s: float) -> None:
    pcm = spoken(hz, level, s, noise * level)
    samples = pcm.astype(np.float32) / 32_768
    found = whole(pcm)
    assert found.pitch_hz == pytest.approx(measures.pitch_hz(samples), rel=0.03)
    assert found.pitch_hz == pytest.approx(hz, rel=0.03)
    assert found.level_dbfs == pytest.approx(measures.level_dbfs(samples), abs=0.2)
    assert found.speech_s == pytest.approx(measures.speech_seconds(samples), abs=0.021)


def test_silence_around_the_words_counts_for_nothing() -> None:
    pcm, silence = spoken(200, 0.3), np.zeros(40_000, np.int16)
    bare, framed = whole(pcm), whole(np.concatenate([silence, pcm, silence]))
    assert framed.pitch_hz == pytest.approx(bare.pitch_hz, rel=0.02)
    assert framed.level_dbfs == pytest.approx(bare.level_dbfs, abs=0.1)
    assert framed.speech_s == pytest.approx(bare.speech_s, abs=0.021)


def test_where_nobody_spoke_there_is_no_voice_and_a_hiss_has_no_pitch() -> None:
    meter = VoiceMeter()
    assert meter.measure() is None
    stream = EncoderStream(model())
    push(stream, meter, np.zeros(20_000, np.int16))
    assert ending(stream, meter) is None
    meter.reset()
    hiss = (np.random.default_rng(0).standard_normal(32_000) * 1000).astype(np.int16)
    assert whole(hiss).pitch_hz is None


def test_a_new_turn_begins_with_nothing() -> None:
    stream, meter = EncoderStream(model()), VoiceMeter()
    push(stream, meter, spoken(240, 0.9))
    stream.reset()
    meter.reset()
    pcm = spoken(110, 0.1)
    push(stream, meter, pcm)
    assert ending(stream, meter) == whole(pcm)


def test_a_model_that_reads_no_prosody_measures_none() -> None:
    stream = EncoderStream(model(0))
    steps = [*stream.hear(spoken(140, 0.5)), *stream.hear_tail()]
    assert steps and all(step.voice is None for step in steps)


def test_the_adapter_reads_what_it_read_before() -> None:
    prosody = model().prosody
    assert prosody is not None
    sound = voice(150, 0.4)
    torch.testing.assert_close(prosody(sound), prosody.written(*prosody.measure(sound)))
