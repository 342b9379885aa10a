"""Opus: durations read from headers, concealment by libopus, and a decoder that survives what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.transport.opus import OpusDecoder, OpusEncoder, packet_samples


def encode(pcm: np.ndarray) -> list[bytes]:
    encoder = OpusEncoder()
    return [bytes(encoder.encode(block)) for block in pcm.reshape(-1, 960)]


def tone(samples: int) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(samples) / 48_000)).astype(np.int16)


def level(pcm: np.ndarray) -> float:
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (bytes([0 << 3]), 480),
        (bytes([3 << 3]), 2880),
        (bytes([13 << 3 | 1]), 1920),
        (bytes([16 << 3 | 2]), 240),
        (bytes([31 << 3 | 3, 6]), 5760),
        (bytes([31 << 3 | 3, 7]), None),
        (bytes([31 << 3 | 3, 0]), None),
        (bytes([31 << 3 | 3]), None),
        (b"", None),
    ],
)
def test_duration_is_in_the_header(packet: bytes, samples: int | None) -> None:
    assert packet_samples(packet) == samples


def test_a_voice_comes_back_2_5_ms_later_at_its_own_level() -> None:
    noise = np.convolve(np.random.default_rng(0).standard_normal(960 * 50), np.ones(40) / 6, "same") * 3000
    pcm = noise.astype(np.int16)
    decoder = OpusDecoder()
    heard = np.concatenate([decoder.decode(packet, 960) for packet in encode(pcm)]).astype(float)
    scores = [np.dot(pcm[9600:19200], heard[9600 + lag : 19200 + lag]) for lag in range(1000)]
    assert int(np.argmax(scores)) == 120
    assert level(heard[9600:]) == pytest.approx(level(pcm[9600:]), rel=0.05)


def test_timestamps_count_samples() -> None:
    encoder = OpusEncoder()
    assert [encoder.encode(tone(960)).pts for _ in range(3)] == [0, 960, 1920]


def test_a_lost_frame_is_bridged_and_a_long_gap_fades() -> None:
    packets = encode(tone(960 * 40))
    decoder = OpusDecoder()
    before = [decoder.decode(packet, 960) for packet in packets[:20]]
    bridged = decoder.conceal(960)
    assert len(bridged) == 960
    assert 0.5 < level(bridged) / level(before[-1]) < 1.2
    gap = decoder.conceal(960 * 50)
    assert len(gap) == 960 * 50
    assert level(gap[4800:]) == 0
    after = [decoder.decode(packet, 960) for packet in packets[30:]]
    assert level(after[-1]) == pytest.approx(level(before[-1]), rel=0.05)


def test_what_is_refused_is_concealed_and_the_next_packet_is_heard() -> None:
    packets = encode(tone(960 * 20))
    decoder = OpusDecoder()
    for packet in packets[:10]:
        decoder.decode(packet, 960)
    damaged = bytes([31 << 3 | 3, 0x41]) + b"\xff" * 3  # padding longer than the packet
    assert len(decoder.decode(damaged, 960)) == 960
    assert decoder.refused == 1
    for packet in packets[10:]:
        pcm = decoder.decode(packet, 960)
    assert level(pcm) == pytest.approx(8000 / np.sqrt(2), rel=0.1)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(min_size=0, max_size=60), max_size=8))
def test_any_bytes_give_exactly_the_samples_of_the_timeline(payloads: list[bytes]) -> None:
    decoder = OpusDecoder()
    for payload in payloads:
        samples = packet_samples(payload)
        if samples is not None:
            pcm = decoder.decode(payload, samples)
            assert pcm.shape == (samples,) and pcm.dtype == np.int16
        assert decoder.conceal(333).shape == (333,)
