"""Opus: packets to 48 kHz mono PCM with the gaps concealed, and PCM to packets. It knows no order, time or socket.

Concealment is libopus's own: a packet that consists of its table-of-contents byte only means "the frame was not sent"
(RFC 6716 section 3.2.1, a frame of length 0), and the decoder then extends the last pitch and fades. It stays in step
with the stream, which an inserted block of zeros would not do. PyAV offers no call for it, and its empty packet means
"end of stream", after which the decoder refuses everything.

Both directions run on the event loop: 20 ms of audio take about 40 us to decode and 150 us to encode, while handing
them to a thread costs the same loop 110 us (and aiortc's own way of sending 80 us more for a level meter in Python).
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

RATE_HZ = 48_000
_TIME_BASE = Fraction(1, RATE_HZ)
# RFC 6716 section 3.2.5: a packet holds at most 120 ms.
MAX_PACKET_SAMPLES = RATE_HZ * 120 // 1000
# RFC 6716 section 3.1, table 2: samples per frame at 48 kHz for each of the 32 configurations.
_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)
_FRAME_SAMPLES = _SILK * 3 + _HYBRID * 2 + _CELT * 4
# A packet of up to two bytes carries no audio: the encoder says that there is silence (discontinuous transmission).
DTX_PACKET_BYTES = 2
# libopus fades to silence by itself within about this time; after it zeros are cheaper and sound the same.
MAX_CONCEAL_SAMPLES = RATE_HZ * 100 // 1000


def packet_samples(payload: bytes) -> int | None:
    """Duration of an Opus packet in samples at 48 kHz; None where it is not an Opus packet."""
    if not payload:
        return None
    frame = _FRAME_SAMPLES[payload[0] >> 3]
    code = payload[0] & 3
    if code == 3:
        if len(payload) < 2:
            return None
        frames = payload[1] & 0x3F
    else:
        frames = 1 if code == 0 else 2
    samples = frame * frames
    return samples if 0 < samples <= MAX_PACKET_SAMPLES else None


class OpusEncoder:
    """One outgoing stream: `encode(int16 [960])` gives one packet with its timestamp, always.

    Mono and `lowdelay`: 2.5 ms of look-ahead where `voip`, which aiortc's encoder uses, has 6.5 ms; and aiortc's way
    from mono to stereo costs 3 dB. 64 kbit/s because this mode has no speech coder to save with.
    """

    def __init__(self, bit_rate: int = 64_000) -> None:
        codec = AudioCodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext), "libopus is an audio codec"
        codec.bit_rate = bit_rate
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = RATE_HZ
        codec.time_base = _TIME_BASE
        codec.options = {"application": "lowdelay"}
        self._codec = codec
        self._pts = 0

    def encode(self, pcm: NDArray[np.int16]) -> av.Packet[AudioStream]:
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._pts, _TIME_BASE
        packets = self._codec.encode(frame)
        assert len(packets) == 1, "libopus gives one packet for each whole frame"
        packets[0].pts, packets[0].time_base = self._pts, _TIME_BASE
        self._pts += len(pcm)
        return packets[0]


class OpusDecoder:
    """One stream. `decode` and `conceal` give int16 [samples] at 48 kHz and always as many samples as asked for."""

    def __init__(self) -> None:
        self.refused = 0
        self._last_toc: int | None = None
        self._codec = self._open()

    @staticmethod
    def _open() -> AudioCodecContext:
        codec = AudioCodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext), "libopus is an audio codec"
        # Mono at the decoder: libopus mixes a stereo stream down for less than it costs to decode both.
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = RATE_HZ
        return codec

    def decode(self, payload: bytes, samples: int) -> NDArray[np.int16]:
        """A packet of `samples` duration; what libopus refuses is counted and concealed."""
        pcm = self._run(payload)
        if pcm is None:
            self.refused += 1
            return self.conceal(samples)
        self._last_toc = payload[0]
        return _fit(pcm, samples)

    def conceal(self, samples: int) -> NDArray[np.int16]:
        """`samples` of what might have been said: faded out by libopus within 100 ms, then silence."""
        out = np.zeros(samples, dtype=np.int16)
        if self._last_toc is None:
            return out
        lost = bytes([self._last_toc & 0xFC])
        at = 0
        while at < min(samples, MAX_CONCEAL_SAMPLES):
            pcm = self._run(lost)
            if pcm is None or not len(pcm):
                break
            part = pcm[: samples - at]
            out[at : at + len(part)] = part
            at += len(part)
        return out

    def _run(self, payload: bytes) -> NDArray[np.int16] | None:
        if not payload:
            return None
        try:
            frames = self._codec.decode(av.Packet(payload))
        except av.FFmpegError:
            # A decoder that has failed once may refuse all that follows; a new one costs one frame of fade-in.
            self._codec = self._open()
            return None
        parts = [np.asarray(frame.to_ndarray()).reshape(-1) for frame in frames if isinstance(frame, AudioFrame)]
        return np.concatenate(parts).astype(np.int16, copy=False) if parts else None


def _fit(pcm: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """`pcm` cut or padded with silence to `samples`: the packet's own header rules the timeline."""
    if len(pcm) == samples:
        return pcm
    out = np.zeros(samples, dtype=np.int16)
    part = pcm[:samples]
    out[: len(part)] = part
    return out
