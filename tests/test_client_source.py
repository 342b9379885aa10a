"""What is sent, when: no drift, no overlap, and every sample's moment of leaving."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_demo.audio_file import recording_of
from client_demo.source import FRAME_NS, PacedSource, SendLog, SpeechMap

RATE = 24_000
FRAME = 480


def loud(samples: int) -> np.ndarray:
    return np.full(samples, 8000, np.int16)


async def test_frames_come_at_real_time_pace_even_when_one_is_late() -> None:
    source = PacedSource(RATE)
    begin = time.monotonic()
    for index in range(15):
        await source.next_frame()
        if index == 4:
            time.sleep(0.07)  # noqa: ASYNC251  the loop itself is late, as under load
    elapsed = time.monotonic() - begin
    assert 0.299 <= elapsed < 0.36


async def test_a_recording_comes_out_whole_where_it_was_promised_and_silence_around_it() -> None:
    moment = 0
    source = PacedSource(RATE, now_ns=lambda: moment)
    sent: list[np.ndarray] = []

    async def pull(count: int) -> None:
        nonlocal moment
        for _ in range(count):
            moment += 10 * FRAME_NS  # far behind, so nothing waits
            sent.append(await source.next_frame())

    await pull(3)
    first = source.queue(recording_of("a", loud(1000), RATE))
    second = source.queue(recording_of("b", loud(FRAME), RATE))
    await pull(8)
    strip = np.concatenate(sent)
    assert first == (3 * FRAME, 3 * FRAME + 1000) and second == (6 * FRAME, 7 * FRAME)
    assert np.array_equal(np.flatnonzero(strip), [*range(*first), *range(*second)])
    assert not source.speaking and source.max_lag_ms > 0
    assert source.speech.last_before(4 * FRAME) is not None and source.speech.last_before(3 * FRAME) is None


def test_a_recording_of_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz"):
        PacedSource(RATE).queue(recording_of("a", loud(10), 16_000))


@given(st.lists(st.integers(0, 50_000_000), min_size=1, max_size=60), st.data())
def test_a_sample_left_with_the_frame_that_holds_it(gaps: list[int], data: st.DataObject) -> None:
    log = SendLog(RATE)
    stamps, moment = [], 10**9
    for gap in gaps:
        moment += gap
        stamps.append(moment)
        log.frame_left(moment)
    sample = data.draw(st.integers(1, log.samples))
    assert log.left_ns(sample) == stamps[(sample - 1) // FRAME]
    assert log.left_ns(log.samples + 1) is None
    assert log.samples_at(stamps[-1]) == log.samples and log.samples_at(stamps[0] - 1) == 0


def test_the_speech_map_knows_what_was_voiced_between_two_positions() -> None:
    speech = SpeechMap()
    speech.add(1000, recording_of("a", loud(480), RATE))
    assert speech.last_before(10_000) == 1480 and speech.last_before(1100) is None
    assert speech.voiced_between(0, 2000) and not speech.voiced_between(1480, 2000)
