"""Received audio on the time line: where it was heard, and not what was cut off."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from client_demo.reply_audio import ReplyStrip
from client_demo.wire import AudioPacket

RATE = 24_000
MS = 1_000_000


def packet(at_ms: float, samples: int, value: int = 1, position: int | None = None) -> AudioPacket:
    return AudioPacket(np.full(samples, value, np.int16), RATE, round(at_ms * MS), position)


def test_audio_sent_ahead_of_time_lies_one_after_another() -> None:
    strip = ReplyStrip(RATE)
    for value in (1, 2, 3):
        strip.push(packet(100 + value, 480, value))
    samples = strip.samples(0)
    assert samples.size == 101 * 24 + 3 * 480
    assert [int(samples[101 * 24 + place]) for place in (0, 479, 480, 1439)] == [1, 1, 2, 3]


def test_audio_with_a_position_keeps_it_whatever_its_jitter_and_a_gap_stays_a_gap() -> None:
    strip = ReplyStrip(RATE)
    strip.push(packet(115, 480, 1, 0))
    strip.push(packet(120, 480, 2, 480))
    strip.push(packet(160, 480, 3, 1440))
    samples = strip.samples(100 * MS)
    assert [int(samples[place]) for place in (0, 480, 960, 1440)] == [1, 2, 0, 3]


def test_what_was_flushed_is_not_on_the_strip() -> None:
    strip = ReplyStrip(RATE)
    strip.push(packet(0, 2400, 1))
    strip.push(packet(0, 2400, 2))
    strip.flush(50 * MS)
    strip.push(packet(60, 240, 3))
    samples = strip.samples(0)
    assert samples[1199] == 1 and samples[1200] == 0 and samples[1440] == 3 and samples.size == 1680


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2000)), max_size=20), st.integers(0, 1000))
def test_any_arrivals_give_a_strip_that_holds_all_of_them(arrivals: list[tuple[int, int]], origin_ms: int) -> None:
    strip = ReplyStrip(RATE)
    at_ms = 0
    for gap_ms, samples in arrivals:
        at_ms += gap_ms
        strip.push(packet(at_ms, samples))
    assert int(strip.samples(0).sum()) == sum(samples for _, samples in arrivals)
    assert strip.samples(origin_ms * MS).size <= strip.samples(0).size
