"""The inbox: bounded, positions true, nothing lost by cancelling, one Gone at the end."""

from __future__ import annotations

import asyncio

import numpy as np

from realtime.transport.inbox import Inbox
from realtime.transport.link import AudioIn, ClientText, Gone


def block(value: int = 7) -> np.ndarray:
    return np.full(320, value, dtype=np.int16)


async def test_a_slow_reader_loses_the_oldest_audio_and_keeps_true_positions() -> None:  # row 19
    inbox = Inbox(audio_ms=1000)
    for index in range(500):  # ten seconds
        inbox.put_audio(index * 320, block(), 0)
    assert inbox.audio_ms <= 1000
    inbox.end("done")
    position, silent = 0, 0
    while not isinstance(item := await inbox.get(1), Gone):
        assert isinstance(item, AudioIn)
        assert item.at_sample == position
        assert len(item.pcm) <= 16_000
        position += len(item.pcm)
        silent += int((item.pcm == 0).sum())
    assert position == 500 * 320
    assert silent == inbox.dropped_samples == 450 * 320


async def test_text_is_bounded_and_never_dropped() -> None:
    inbox = Inbox(text_bytes=100)
    assert inbox.put_text("x" * 60)
    assert not inbox.put_text("y" * 60)
    assert await inbox.get(1) == ClientText("x" * 60)
    assert inbox.put_text(b"y" * 60)


async def test_the_end_comes_after_what_was_queued_and_only_the_first_reason_counts() -> None:
    inbox = Inbox()
    inbox.put_text("last words")
    inbox.end("first")
    inbox.end("second")
    inbox.put_text("too late")
    assert [await inbox.get(1), await inbox.get(1)] == [ClientText("last words"), Gone("first")]


async def test_waiting_times_out_and_cancelling_loses_nothing() -> None:
    inbox = Inbox()
    assert await inbox.get(0.01) is None
    reader = asyncio.ensure_future(inbox.get(5))
    await asyncio.sleep(0)
    inbox.put_text("kept")
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert await inbox.get(1) == ClientText("kept")
