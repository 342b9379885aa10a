"""The queue between a wire and its one reader, bounded in ms of audio and bytes of text. It knows nothing of RTP.

Drop policy: a reader that falls behind loses the oldest audio and gets silence of the same length in its place, so
that sample positions stay true. Text is never dropped: more than its bound ends the link.
"""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np
from numpy.typing import NDArray

from realtime.transport.link import INPUT_RATE_HZ, AudioIn, ClientText, Gone, Incoming

# One step of replacement silence; a second is small enough for any detector to take at once.
_MAX_SILENCE_SAMPLES = INPUT_RATE_HZ


class Inbox:
    """Single-threaded: filled from event loop callbacks, read by one task with `get`."""

    def __init__(self, *, audio_ms: int = 10_000, text_bytes: int = 32 << 20) -> None:
        self._audio: deque[AudioIn] = deque()
        self._text: deque[ClientText] = deque()
        self._audio_limit_samples = audio_ms * INPUT_RATE_HZ // 1000
        self._text_limit_bytes = text_bytes
        self._audio_samples = 0
        self._text_bytes = 0
        self._position = 0
        self._gone: Gone | None = None
        self._ready = asyncio.Event()
        self.dropped_samples = 0

    @property
    def ended(self) -> bool:
        return self._gone is not None

    @property
    def audio_ms(self) -> int:
        """Audio that waits for the reader."""
        return self._audio_samples * 1000 // INPUT_RATE_HZ

    def put_audio(self, at_sample: int, pcm: NDArray[np.int16], arrival_ns: int) -> None:
        """int16 [samples] at 16 kHz; positions must be contiguous from 0."""
        if self.ended or not len(pcm):
            return
        self._audio.append(AudioIn(at_sample, pcm, arrival_ns))
        self._audio_samples += len(pcm)
        while self._audio_samples > self._audio_limit_samples and len(self._audio) > 1:
            dropped = len(self._audio.popleft().pcm)
            self._audio_samples -= dropped
            self.dropped_samples += dropped
        self._ready.set()

    def put_text(self, raw: str | bytes) -> bool:
        """False where the reader is too far behind; the caller then closes the link."""
        if self.ended:
            return True
        if self._text_bytes + len(raw) > self._text_limit_bytes:
            return False
        self._text.append(ClientText(raw))
        self._text_bytes += len(raw)
        self._ready.set()
        return True

    def end(self, reason: str) -> None:
        """Nothing more will come; what is queued is still delivered, then one Gone. The first reason counts."""
        if self._gone is None:
            self._gone = Gone(reason)
            self._ready.set()

    async def get(self, timeout_s: float) -> Incoming | None:
        """The next thing to deliver, or None after `timeout_s`. Cancelling loses nothing."""
        if not (self._text or self._audio or self._gone):
            self._ready.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._ready.wait()
            except TimeoutError:
                return None
        return self._take()

    def _take(self) -> Incoming | None:
        if self._text:
            text = self._text.popleft()
            self._text_bytes -= len(text.raw)
            return text
        if self._audio:
            audio = self._audio[0]
            behind = audio.at_sample - self._position
            if behind > 0:
                audio = AudioIn(
                    self._position, np.zeros(min(behind, _MAX_SILENCE_SAMPLES), dtype=np.int16), audio.arrival_ns
                )
            else:
                self._audio.popleft()
                self._audio_samples -= len(audio.pcm)
            self._position += len(audio.pcm)
            return audio
        return self._gone
