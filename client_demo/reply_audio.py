"""Received audio on the time line of the session, as one strip of samples. Knows neither events nor files.

Position 0 is the moment at which the input stream began, so a reply beside its question lies where it was heard.
Audio with a position of its own (RTP) lies by it, as the least delayed packet dictates; audio sent ahead of time (PCM
deltas) lies one after another, each no sooner than it arrived, as a player would play it.
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
        self._pieces: list[tuple[int, Pcm]] = []  # (place - anchor, samples); places are samples of our clock
        self._free = 0
        self._anchor: int | None = None  # place of RTP position 0; None where packets have no position
        self._kept = 0

    def push(self, packet: AudioPacket) -> None:
        if packet.sample_rate_hz != self.sample_rate_hz:
            raise ValueError(f"{packet.sample_rate_hz} Hz audio on a {self.sample_rate_hz} Hz strip")
        if self._kept + packet.pcm.size > MAX_S * self.sample_rate_hz:
            return
        self._kept += packet.pcm.size
        arrived = self._place(packet.arrival_ns)
        if packet.position_samples is None:
            place = max(self._free, arrived)
        else:
            place = packet.position_samples
            self._anchor = min(arrived - place, arrived - place if self._anchor is None else self._anchor)
        self._free = place + packet.pcm.size
        self._pieces.append((place, packet.pcm))

    def flush(self, at_ns: int) -> None:
        """Barge-in: what would sound after `at_ns` is not heard."""
        cut = self._place(at_ns) - (self._anchor or 0)
        while self._pieces and self._pieces[-1][0] >= cut:
            self._kept -= self._pieces.pop()[1].size
        if self._pieces:
            place, pcm = self._pieces[-1]
            self._pieces[-1] = (place, pcm[: cut - place])
        self._free = min(self._free, cut)

    def samples(self, origin_ns: int) -> Pcm:
        """Everything from `origin_ns` to the last sample, int16 [n]; silence where nothing sounded."""
        origin = self._place(origin_ns) - (self._anchor or 0)
        length = max((place - origin + pcm.size for place, pcm in self._pieces), default=0)
        strip = np.zeros(max(0, length), dtype=np.int16)
        for place, pcm in self._pieces:
            start = place - origin
            skip = max(0, -start)
            if skip < pcm.size:
                strip[start + skip : start + pcm.size] = pcm[skip:]
        return strip

    def _place(self, at_ns: int) -> int:
        return at_ns * self.sample_rate_hz // 1_000_000_000
