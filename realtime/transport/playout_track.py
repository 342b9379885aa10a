"""The outgoing audio track: one 20 ms frame per beat of the monotonic clock. It knows no turn and no voice.

aiortc sends what `recv` returns as soon as it returns it, so the pacing is here. So is the encoding: aiortc takes
packets as well as frames, and its own encoder costs 4 ms more delay and 3 dB (see `opus.OpusEncoder`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from realtime.clock import NS_PER_MS, NS_PER_S, Clock, MonotonicClock
from realtime.transport.link import PlayoutFrameLike
from realtime.transport.opus import RATE_HZ, OpusEncoder

FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
# Frames that may leave back to back after a late one. The listener's buffer takes 60 ms; a longer burst would only
# be thrown away there, so beyond it the beat itself moves on.
MAX_BURST_FRAMES = 3
# A frame is called late when it leaves a quarter of a beat after its time.
_LATE_NS = FRAME_MS * NS_PER_MS // 4
_JITTER_WINDOW_FRAMES = 60 * 1000 // FRAME_MS


@dataclass(slots=True)
class PacingStats:
    frames: int = 0
    late_frames: int = 0
    slipped_ms: int = 0


class PlayoutTrack(MediaStreamTrack):
    """Pulled by aiortc's sender. Silence until `pop` is attached; `pop` gives int16 [960] at 48 kHz, mono.

    `frame_left` is told of every frame how many ns behind its beat it left.
    """

    kind = "audio"

    def __init__(self, clock: Clock | None = None, frame_left: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self.stats = PacingStats()
        # How late each of the last frames left, in ns: one minute of them.
        self.lateness_ns: deque[int] = deque(maxlen=_JITTER_WINDOW_FRAMES)
        self._clock = clock or MonotonicClock()
        self._frame_left = frame_left
        self._pop: Callable[[], PlayoutFrameLike] | None = None
        self._beat_ns: int | None = None
        self._encoder = OpusEncoder()

    def attach(self, pop: Callable[[], PlayoutFrameLike]) -> None:
        self._pop = pop

    async def recv(self) -> av.Packet[AudioStream]:
        if self.readyState != "live":
            raise MediaStreamError
        await self._wait_for_beat()
        if self.readyState != "live":
            raise MediaStreamError
        self.stats.frames += 1
        return self._encoder.encode(self._next_pcm())

    def _next_pcm(self) -> NDArray[np.int16]:
        if self._pop is None:
            return np.zeros(FRAME_SAMPLES, dtype=np.int16)
        pcm = self._pop().pcm
        assert pcm.dtype == np.int16 and pcm.shape == (FRAME_SAMPLES,), "playout frames are int16 [960] at 48 kHz"
        return np.ascontiguousarray(pcm)

    async def _wait_for_beat(self) -> None:
        """Sleep until the next beat; after a stall catch up by at most MAX_BURST_FRAMES and let the rest go."""
        now_ns = self._clock.now_ns()
        if self._beat_ns is None:
            self._beat_ns = now_ns
            return
        self._beat_ns += FRAME_MS * NS_PER_MS
        if self._beat_ns > now_ns:
            await asyncio.sleep((self._beat_ns - now_ns) / NS_PER_S)
            now_ns = self._clock.now_ns()
        late_ns = now_ns - self._beat_ns
        self.lateness_ns.append(late_ns)
        if self._frame_left is not None:
            self._frame_left(late_ns)
        if late_ns > _LATE_NS:
            self.stats.late_frames += 1
        slip = late_ns // (FRAME_MS * NS_PER_MS) - MAX_BURST_FRAMES
        if slip > 0:
            self._beat_ns += slip * FRAME_MS * NS_PER_MS
            self.stats.slipped_ms += slip * FRAME_MS
