"""What the media path costs: receive delay against aiortc's own buffer, pacing, codec and resampler.

    python benchmarks/media.py [receive] [pacing] [resampler] [codec]      all of them by default, about 90 s

Everything runs on this machine over loopback with DTLS, SRTP and Opus. The figures of docs/media.md come from here.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Callable
from fractions import Fraction

import aiortc
import av
import numpy as np
import soxr
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.opus import OpusEncoder as StockEncoder

from realtime.transport.link import AudioIn
from realtime.transport.opus import OpusDecoder, OpusEncoder
from realtime.transport.playout_track import PlayoutTrack
from realtime.transport.resampler import INPUT_RATES_HZ, Resampler
from realtime.transport.webrtc import answer

FRAME = 960
SECONDS = 6


class Microphone(MediaStreamTrack):
    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[float] = []
        self._pcm = (3000 * np.random.default_rng(0).standard_normal(FRAME)).astype(np.int16)

    async def recv(self) -> av.AudioFrame:
        if self.sent:
            await asyncio.sleep(max(0.0, self.sent[0] + len(self.sent) * 0.02 - time.monotonic()))
        frame = av.AudioFrame.from_ndarray(self._pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, len(self.sent) * FRAME, Fraction(1, 48_000)
        self.sent.append(time.monotonic())
        return frame


def impair(client: RTCPeerConnection, fate: Callable[[int], float | None]) -> None:
    """`fate(index)` of an RTP packet: seconds it comes late, or None where it is lost."""
    transport = client.getSenders()[0].transport.transport
    really_send = transport._send
    state = {"index": 0}
    later: set[asyncio.Task[None]] = set()

    async def delayed(data: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await really_send(data)

    async def send(data: bytes) -> None:
        if not (127 < data[0] < 192 and not 192 <= data[1] <= 208):
            return await really_send(data)
        what = fate(state["index"])
        state["index"] += 1
        if what is None:
            return None
        if what == 0:
            return await really_send(data)
        task = asyncio.ensure_future(delayed(data, what))
        later.add(task)
        task.add_done_callback(later.discard)
        return None

    transport._send = send


async def client_side() -> tuple[RTCPeerConnection, Microphone]:
    client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    microphone = Microphone()
    client.createDataChannel("oai-events")
    client.addTrack(microphone)
    await client.setLocalDescription(await client.createOffer())
    return client, microphone


async def ours(fate: Callable[[int], float | None]) -> tuple[list[float], float]:
    """Delay of each 20 ms of audio in ms, by its place on the timeline; and audio delivered less audio sent, in ms."""
    client, microphone = await client_side()
    sdp, link = await answer(client.localDescription.sdp)
    impair(client, fate)
    await client.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
    delays, samples = [], 0
    async for item in link.incoming():
        if isinstance(item, AudioIn):
            samples = item.at_sample + len(item.pcm)
            index = min(samples // 320, len(microphone.sent) - 1)
            delays.append((time.monotonic() - microphone.sent[index]) * 1000)
            if samples >= SECONDS * 16_000:
                break
    # The frame that is on its way counts as missing, and so do the 1.5 ms in the resampler.
    missing = samples / 16 - len(microphone.sent) * 20
    await client.close()
    await link.close(1000, "done")
    return delays, missing


async def stock(fate: Callable[[int], float | None]) -> tuple[list[float], float]:
    """The same through aiortc's own receiver; its frames carry the sender's timestamp."""
    client, microphone = await client_side()
    server = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    server.on("track", tracks.put_nowait)
    await server.setRemoteDescription(RTCSessionDescription(client.localDescription.sdp, "offer"))
    await server.setLocalDescription(await server.createAnswer())
    impair(client, fate)
    await client.setRemoteDescription(RTCSessionDescription(server.localDescription.sdp, "answer"))
    track = await tracks.get()
    delays, frames, index = [], 0, 0
    while index < SECONDS * 50 - 1:
        frame = await track.recv()
        assert frame.pts is not None, "the track stamps every frame"
        index = frame.pts // FRAME
        frames += 1
        delays.append((time.monotonic() - microphone.sent[index]) * 1000)
    missing = (frames - index - 1) * 20.0
    await client.close()
    await server.close()
    return delays, missing


async def receive() -> None:
    chance = np.random.default_rng(4)
    random_loss = set(np.flatnonzero(chance.random(2000) < 0.02) + 10)
    cases: list[tuple[str, Callable[[int], float | None]]] = [
        ("clean", lambda index: 0),
        ("one packet lost at 2 s", lambda index: None if index == 100 else 0),
        ("one packet 60 ms late", lambda index: 0.06 if index == 100 else 0),
        ("one packet 200 ms late", lambda index: 0.2 if index == 100 else 0),
        ("2 % random loss", lambda index: None if index in random_loss else 0),
    ]
    print("\nreceive: delay from the frame's leaving the microphone to its delivery, ms")
    print(f"{'network':24} {'buffer':8} {'p50':>6} {'p99':>7} {'last 1 s':>9} {'audio missing':>14}")
    for name, fate in cases:
        for buffer, run in (("aiortc", stock), ("ours", ours)):
            delays, missing = await run(fate)
            last = float(np.median(delays[-50:]))
            print(
                f"{name:24} {buffer:8} {np.median(delays):6.1f} {np.percentile(delays, 99):7.1f} {last:9.1f}"
                f" {missing:11.1f} ms"
            )


async def pacing() -> None:
    track = PlayoutTrack()
    begin = time.monotonic()
    while time.monotonic() - begin < 30:
        await track.recv()
    late = np.array(track.lateness_ns) / 1e6
    print("\npacing: how late frames leave the track over 30 s, encoder included, ms")
    print(
        f"p50 {np.percentile(late, 50):.2f}  p99 {np.percentile(late, 99):.2f}  max {late.max():.2f}"
        f"  late frames {track.stats.late_frames}/{track.stats.frames}  slipped {track.stats.slipped_ms} ms"
    )


def resampler() -> None:
    print("\nresampler: 20 ms pushes to 16 kHz; delay is the most that the output is behind the input")
    print(f"{'rate':>6} {'filter':10} {'delay ms':>9} {'us/push':>8}")
    for rate_hz in INPUT_RATES_HZ:
        pcm = np.random.default_rng(0).integers(-9000, 9000, rate_hz * 2, dtype=np.int16)
        step = rate_hz // 50
        pushers: list[tuple[str, Callable[[np.ndarray], np.ndarray]]] = [("ours", Resampler(rate_hz).push)]
        if rate_hz != 16_000:
            for quality in ("QQ", "LQ", "HQ"):
                stream = soxr.ResampleStream(rate_hz, 16_000, 1, "int16", quality)
                pushers.append((f"soxr {quality}", stream.resample_chunk))
        for name, push in pushers:
            out, behind = 0, []
            begin = time.perf_counter()
            for at in range(0, len(pcm), step):
                out += len(push(pcm[at : at + step]))
                behind.append((at + step) / rate_hz * 1000 - out / 16)
            cost_us = (time.perf_counter() - begin) / len(behind) * 1e6
            print(f"{rate_hz:6} {name:10} {max(behind[5:]):9.2f} {cost_us:8.0f}")


def codec() -> None:
    raw = np.convolve(np.random.default_rng(0).standard_normal(FRAME * 100), np.ones(40) / 6, "same") * 3000
    pcm = raw.astype(np.int16)
    print("\ncodec: one direction of one call")
    for name in ("aiortc voip stereo", "ours lowdelay mono"):
        decoder, heard, cost = OpusDecoder(), [], []
        stock_encoder, encoder = StockEncoder(), OpusEncoder()
        for index in range(100):
            block = pcm[index * FRAME : (index + 1) * FRAME]
            begin = time.perf_counter()
            if name.startswith("aiortc"):
                frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 48_000, index * FRAME, Fraction(1, 48_000)
                packets = stock_encoder.encode(frame)[0]
            else:
                packets = [bytes(encoder.encode(block))]
            cost.append(time.perf_counter() - begin)
            heard += [decoder.decode(packet, FRAME) for packet in packets]
        out = np.concatenate(heard).astype(float)
        lag = int(np.argmax([np.dot(pcm[9600:28_800], out[9600 + lag : 28_800 + lag]) for lag in range(2000)]))
        gain_db = 20 * np.log10(np.std(out[9600:]) / np.std(pcm[9600:]))
        print(f"{name:20} delay {lag / 48:5.2f} ms  level {gain_db:+5.2f} dB  encode {np.median(cost) * 1e6:4.0f} us")


async def main(names: list[str]) -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"Python {platform.python_version()}, aiortc {aiortc.__version__}, PyAV {av.__version__}")
    if "receive" in names:
        await receive()
    if "pacing" in names:
        await pacing()
    if "resampler" in names:
        resampler()
    if "codec" in names:
        codec()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["receive", "pacing", "resampler", "codec"]))
