"""Cuts a stream of 16 kHz PCM into detector frames and keeps its last seconds. Knows nothing of voice or turns.

Any split of the same samples gives the same frames at the same positions (checked by a property test).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.errors import AudioError
from realtime.turns.decisions import SAMPLE_RATE_HZ

# Silero's frame at 16 kHz: 32 ms.
FRAME_SAMPLES = 512
# A whole turn of the largest length (120 s), its 5 s of lead, and room for a slow reader: 4.5 MB a session.
RING_S = 140
INT16_SCALE = 32_768.0

Pcm16 = npt.NDArray[np.int16]
PcmFloat = npt.NDArray[np.float32]


class Listener:
    """Owner of the sample position, the unfinished frame and the ring of recent audio of one session.

    The ring holds `ring_s` seconds as int16 (32 kB a second); older audio is dropped without notice.
    """

    def __init__(self, ring_s: int = RING_S) -> None:
        self._ring = np.zeros(ring_s * SAMPLE_RATE_HZ, dtype=np.int16)
        self._samples = 0
        self._frame_sample = 0

    @property
    def samples(self) -> int:
        """Samples pushed so far: the position of now."""
        return self._samples

    @property
    def frame_sample(self) -> int:
        """Position of the first sample of the next frame `push` will return."""
        return self._frame_sample

    @property
    def oldest_sample(self) -> int:
        """Position of the oldest sample still kept."""
        return max(0, self._samples - len(self._ring))

    def push(self, pcm: npt.NDArray[Any]) -> list[PcmFloat]:
        """Take mono 16 kHz `pcm`, int16 or float32 in [-1, 1], shape [n], n >= 0; return the frames it completed.

        Each frame is float32 [FRAME_SAMPLES] in [-1, 1); the first begins at the `frame_sample` from before the
        call, the others follow without gap. Raises `AudioError` for another dtype or shape and for samples that
        are not finite; nothing of such a push is taken.
        """
        incoming = as_int16(pcm)
        frames: list[PcmFloat] = []
        step = len(self._ring) // 2  # so that an unfinished frame is never overwritten by a push longer than the ring
        for begin in range(0, len(incoming), step):
            self._write(incoming[begin : begin + step])
            while self._samples - self._frame_sample >= FRAME_SAMPLES:
                frames.append(self._frame())
        return frames

    def audio(self, from_sample: int, to_sample: int) -> Pcm16:
        """A copy of [from_sample, to_sample), int16. Raises `AudioError` where part of it is not kept (any more)."""
        if not self.oldest_sample <= from_sample <= to_sample <= self._samples:
            raise AudioError(
                f"samples {from_sample} to {to_sample} are not kept: there are {self.oldest_sample} to {self._samples}"
            )
        positions = np.arange(from_sample, to_sample) % len(self._ring)
        return self._ring[positions]

    def _write(self, pcm: Pcm16) -> None:
        begin = self._samples % len(self._ring)
        head = min(len(pcm), len(self._ring) - begin)
        self._ring[begin : begin + head] = pcm[:head]
        self._ring[: len(pcm) - head] = pcm[head:]
        self._samples += len(pcm)

    def _frame(self) -> PcmFloat:
        frame = self.audio(self._frame_sample, self._frame_sample + FRAME_SAMPLES)
        self._frame_sample += FRAME_SAMPLES
        return frame.astype(np.float32) / np.float32(INT16_SCALE)


def as_int16(pcm: npt.NDArray[Any]) -> Pcm16:
    """`pcm` (int16 or float32 with full scale 1.0, shape [n]) as int16, clipped. Raises `AudioError` as `push` does."""
    if pcm.ndim != 1:
        raise AudioError(f"audio must be mono samples of shape [n], not {pcm.shape}")
    if pcm.dtype == np.int16:
        return pcm
    if pcm.dtype != np.float32:
        raise AudioError(f"audio samples must be int16 or float32, not {pcm.dtype}")
    if not np.isfinite(pcm).all():
        raise AudioError("audio contains samples that are not finite")
    return np.clip(np.rint(pcm * INT16_SCALE), -INT16_SCALE, INT16_SCALE - 1).astype(np.int16)


def as_float32(pcm: npt.NDArray[Any]) -> PcmFloat:
    """`pcm` (int16 or float32, shape [n]) as float32 with full scale 1.0. Raises `AudioError` as `push` does."""
    if pcm.dtype == np.int16 and pcm.ndim == 1:
        return pcm.astype(np.float32) / np.float32(INT16_SCALE)
    return as_int16(pcm).astype(np.float32) / np.float32(INT16_SCALE)
