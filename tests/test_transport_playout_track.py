"""The paced track: on the beat, catching up by a little, letting go of the rest, silent without a source."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from realtime.clock import MonotonicClock
from realtime.transport.opus import OpusDecoder
from realtime.transport.playout_track import FRAME_SAMPLES, MAX_BURST_FRAMES, PlayoutTrack


@dataclass
class Frame:
    pcm: np.ndarray


async def test_frames_leave_on_the_beat_and_do_not_drift() -> None:
    track, clock = PlayoutTrack(), MonotonicClock()
    begin = clock.now_ns()
    packets = [await track.recv() for _ in range(51)]
    assert 1.0 <= (clock.now_ns() - begin) / 1e9 < 1.1
    assert [packet.pts for packet in packets] == [index * FRAME_SAMPLES for index in range(51)]


async def test_a_short_stall_is_caught_up_and_a_long_one_slips() -> None:
    track, clock = PlayoutTrack(), MonotonicClock()
    await track.recv()

    async def burst_after(seconds: float) -> int:
        await asyncio.sleep(seconds)
        count = 0
        while True:
            begin = clock.now_ns()
            await track.recv()
            if clock.now_ns() - begin > 4_000_000:
                return count
            count += 1

    assert await burst_after(0.055) in (1, 2, 3)
    assert track.stats.slipped_ms == 0
    assert await burst_after(0.5) <= MAX_BURST_FRAMES + 1
    assert 400 <= track.stats.slipped_ms <= 460
    assert track.stats.late_frames >= 2


async def test_what_is_popped_is_what_is_sent() -> None:
    track, decoder = PlayoutTrack(), OpusDecoder()
    silent = decoder.decode(bytes(await track.recv()), FRAME_SAMPLES)
    assert np.abs(silent).max() == 0
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(FRAME_SAMPLES * 20) / 48_000)).astype(np.int16)
    frames = iter(np.split(tone, 20))
    track.attach(lambda: Frame(next(frames)))
    heard = np.concatenate([decoder.decode(bytes(await track.recv()), FRAME_SAMPLES) for _ in range(20)])
    assert np.corrcoef(heard[2120:18120], tone[2000:18000])[0, 1] > 0.99


async def test_a_stopped_track_ends() -> None:
    track = PlayoutTrack()
    waiting = [await track.recv()]
    track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()
    assert len(waiting) == 1


async def test_every_frame_is_told_how_late_it_left() -> None:
    told: list[int] = []
    track = PlayoutTrack(frame_left=told.append)
    for _ in range(4):
        await track.recv()
    assert told == list(track.lateness_ns) and len(told) == 3, "the first frame makes the beat"
