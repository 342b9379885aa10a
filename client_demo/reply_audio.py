"""Received audio on the time line of the session, as one strip of samples. Knows neither events nor files.

Position 0 is the moment at which the input stream began, so a reply beside its question lies where it was heard.
Audio with a position of its own (RTP) lies by it; audio sent ahead of time (PCM deltas) lies one after another, each
no sooner than it arrived, as a player would play it.
"""

from __future__ import annotations

import numpy as np

from client_demo.speech_gate import Pcm
from client_demo.wire import AudioPacket

# An hour, the longest session: 345 MB at 48 kHz. What comes later is left out.
MAX_S = 60 * 60


class ReplyStrip:
    """Collects packets; `samples()` lays them out. Keeps at most `MAX_S` of audio."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._pieces: list[tuple[int, Pcm]] = []  # (ns on our clock at which it sounds, samples)
        self._free_ns = 0
        self._anchor: tuple[int, int] | None = None  # (arrival ns, position) of the first packet with a position
        self._kept = 0

    def push(self, packet: AudioPacket) -> None:
        if packet.sample_rate_hz != self.sample_rate_hz:
            raise ValueError(f"{packet.sample_rate_hz} Hz audio on a {self.sample_rate_hz} Hz strip")
        if self._kept + packet.pcm.size > MAX_S * self.sample_rate_hz:
            return
        self._kept += packet.pcm.size
        if packet.position_samples is None:
            at_ns = max(self._free_ns, packet.arrival_ns)
        else:
            self._anchor = self._anchor or (packet.arrival_ns, packet.position_samples)
            at_ns = self._anchor[0] + self._ns(packet.position_samples - self._anchor[1])
        self._free_ns = at_ns + self._ns(packet.pcm.size)
        self._pieces.append((at_ns, packet.pcm))

    def flush(self, at_ns: int) -> None:
        """Barge-in: what would sound after `at_ns` is not heard."""
        while self._pieces and self._pieces[-1][0] >= at_ns:
            self._kept -= self._pieces.pop()[1].size
        if self._pieces:
            begin_ns, pcm = self._pieces[-1]
            keep = max(0, (at_ns - begin_ns) * self.sample_rate_hz // 1_000_000_000)
            self._pieces[-1] = (begin_ns, pcm[:keep])
        self._free_ns = min(self._free_ns, at_ns)

    def samples(self, origin_ns: int) -> Pcm:
        """Everything from `origin_ns` to the last sample, int16 [n]; silence where nothing sounded."""
        placed = [((at_ns - origin_ns) * self.sample_rate_hz // 1_000_000_000, pcm) for at_ns, pcm in self._pieces]
        length = max((start + pcm.size for start, pcm in placed), default=0)
        strip = np.zeros(max(0, length), dtype=np.int16)
        for start, pcm in placed:
            skip = max(0, -start)
            if skip < pcm.size:
                strip[start + skip : start + pcm.size] = pcm[skip:]
        return strip

    def _ns(self, samples: int) -> int:
        return samples * 1_000_000_000 // self.sample_rate_hz
