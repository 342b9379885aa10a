"""Frames of an answer as the protocol takes them: s16le at the rate of the response's format. It knows no turn."""

from __future__ import annotations

import soxr

from tts_bridge import PlayoutFrame

# Audio that rides RTP is only counted by the protocol, as PCM of its own rate.
COUNT_HZ = 24_000


class WireAudio:
    """One client's way from playout frames to wire PCM.

    Args:
        rate_hz: of the playout.
        is_counted_only: WebRTC: every second sample is enough to count milliseconds.
    """

    def __init__(self, rate_hz: int, *, is_counted_only: bool) -> None:
        self._rate_hz = rate_hz
        self._is_counted_only = is_counted_only
        self._narrow: soxr.ResampleStream | None = None

    def pcm16(self, frame: PlayoutFrame, rate_hz: int) -> bytes:
        """The frame at `rate_hz`: 24,000 for audio/pcm, 8,000 for G.711 (which the protocol then encodes)."""
        if self._is_counted_only:
            return frame.pcm[:: self._rate_hz // COUNT_HZ].tobytes()
        if rate_hz == self._rate_hz:
            return frame.pcm.tobytes()
        if self._narrow is None or frame.first:
            self._narrow = soxr.ResampleStream(self._rate_hz, rate_hz, 1, dtype="int16")
        narrow: bytes = self._narrow.resample_chunk(frame.pcm, last=frame.last).tobytes()
        return narrow
