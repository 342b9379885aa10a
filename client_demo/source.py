"""What a client says, in 20 ms frames at real-time pace, and when each sample left. It knows no wire.

Pacing is absolute: frame i is due 20 · (i + 1) ms after the first call, when a microphone would have finished
capturing it. A frame that is late does not move the ones after it, so the stream never drifts.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from client_demo.audio_file import Recording
from client_demo.speech_gate import Pcm

FRAME_MS = 20
NS_PER_MS = 1_000_000
FRAME_NS = FRAME_MS * NS_PER_MS


def frame_samples(sample_rate_hz: int) -> int:
    """Samples of one 20 ms frame; exact for every rate that a wire uses."""
    samples, rest = divmod(sample_rate_hz * FRAME_MS, 1000)
    assert rest == 0, f"{sample_rate_hz} Hz has no whole 20 ms frame"
    return samples


class AudioSource(Protocol):
    """Anything that has a 20 ms frame to say, when it is due."""

    sample_rate_hz: int

    async def next_frame(self) -> Pcm:
        """The next frame, int16 [20 ms], no sooner than it would have been captured."""
        ...


class SendLog:
    """When each 20 ms frame of the input stream left the client; positions are samples from the first frame.

    Written by the wire at the moment it hands a frame over (to the socket, or to the Opus encoder). An hour of
    frames takes 1.5 MB.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.frame_samples = frame_samples(sample_rate_hz)
        self._left_ns: array[int] = array("q")

    def frame_left(self, at_ns: int) -> None:
        self._left_ns.append(at_ns)

    @property
    def samples(self) -> int:
        """Samples sent so far."""
        return len(self._left_ns) * self.frame_samples

    @property
    def origin_ns(self) -> int | None:
        """When position 0 was captured: one frame before the first frame left. None before that."""
        return self._left_ns[0] - FRAME_NS if self._left_ns else None

    def left_ns(self, sample: int) -> int | None:
        """When the sample that ends at position `sample` left, with the frame that holds it; None if it has not."""
        index = max(0, sample - 1) // self.frame_samples
        return self._left_ns[index] if index < len(self._left_ns) else None

    def samples_at(self, at_ns: int) -> int:
        """How many samples had left at `at_ns`."""
        return bisect_right(self._left_ns, at_ns) * self.frame_samples

    def to_ms(self, sample: int) -> float:
        return sample * 1000 / self.sample_rate_hz

    def to_samples(self, position_ms: float) -> int:
        return round(position_ms * self.sample_rate_hz / 1000)


class SpeechMap:
    """Where in the input stream the voiced frames of the queued recordings lie; positions in samples, rising."""

    def __init__(self) -> None:
        self._ends: list[int] = []

    def add(self, start_sample: int, recording: Recording) -> None:
        self._ends.extend(start_sample + int(end) for end in recording.voiced_ends)

    def last_before(self, sample: int) -> int | None:
        """End of the last voiced frame at or before `sample`; None if nothing was voiced by then."""
        index = bisect_right(self._ends, sample)
        return self._ends[index - 1] if index else None

    def first_after(self, sample: int) -> int | None:
        """End of the first voiced frame that ends after `sample`; None if nothing more is voiced."""
        index = bisect_right(self._ends, sample)
        return self._ends[index] if index < len(self._ends) else None

    def voiced_between(self, start_sample: int, end_sample: int) -> bool:
        return bisect_right(self._ends, start_sample) < bisect_right(self._ends, end_sample)


class PacedSource:
    """Recordings one after another, and silence when there is none, as a microphone in a quiet room sends it.

    `queue` is unbounded in number but each recording is at most an hour, and the clients queue one at a time.
    """

    def __init__(self, sample_rate_hz: int, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.speech = SpeechMap()
        self.max_lag_ms = 0.0  # the most that one frame of a recording was late
        self._frame = frame_samples(sample_rate_hz)
        self._silence = np.zeros(self._frame, dtype=np.int16)
        self._now_ns = now_ns
        self._due_ns: int | None = None
        self._pulled = 0  # frames
        self._waiting: deque[Pcm] = deque()
        self._queued_end = 0  # samples; where the last queued recording ends, rounded up to a frame

    def queue(self, recording: Recording) -> tuple[int, int]:
        """Say `recording` from the next free frame on; returns the samples [start, end) of the stream it takes."""
        if recording.sample_rate_hz != self.sample_rate_hz:
            raise ValueError(f"a {recording.sample_rate_hz} Hz recording in a {self.sample_rate_hz} Hz stream")
        start = max(self._pulled * self._frame, self._queued_end)
        frames = -(-recording.pcm.size // self._frame)
        padded = np.zeros(frames * self._frame, dtype=np.int16)
        padded[: recording.pcm.size] = recording.pcm
        self._waiting.extend(padded.reshape(frames, self._frame))
        self._queued_end = start + frames * self._frame
        self.speech.add(start, recording)
        return start, start + recording.pcm.size

    @property
    def speaking(self) -> bool:
        return bool(self._waiting)

    async def next_frame(self) -> Pcm:
        """The next frame when it is due; one that is late comes at once, and the next is due at its own time."""
        now = self._now_ns()
        self._due_ns = now + FRAME_NS if self._due_ns is None else self._due_ns + FRAME_NS
        if self._due_ns > now:
            await asyncio.sleep((self._due_ns - now) / 1e9)
        self._pulled += 1
        if not self._waiting:
            return self._silence
        self.max_lag_ms = max(self.max_lag_ms, (self._now_ns() - self._due_ns) / NS_PER_MS)
        return self._waiting.popleft()
