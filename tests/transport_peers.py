"""What the transport's tests share: a client peer over loopback, and a way to make its network bad."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from realtime.clock import MonotonicClock
from realtime.transport.link import AudioIn, Gone, Incoming
from realtime.transport.webrtc import WebRtcLink, WebRtcOptions, answer

RATE_HZ = 48_000
FRAME = 960


class Speaker(MediaStreamTrack):
    """A client's microphone: `pcm` (48 kHz mono int16) on the beat, then silence; remembers when each frame left."""

    kind = "audio"

    def __init__(self, pcm: np.ndarray) -> None:
        super().__init__()
        self.pcm = pcm
        self.sent_ns: list[int] = []
        self._clock = MonotonicClock()
        self._begin_ns: int | None = None

    async def recv(self) -> av.AudioFrame:
        index = len(self.sent_ns)
        if self._begin_ns is None:
            self._begin_ns = self._clock.now_ns()
        wait_ns = self._begin_ns + index * 20_000_000 - self._clock.now_ns()
        if wait_ns > 0:
            await asyncio.sleep(wait_ns / 1e9)
        self.sent_ns.append(self._clock.now_ns())
        block = self.pcm[index * FRAME : (index + 1) * FRAME]
        block = np.pad(block, (0, FRAME - len(block))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, index * FRAME, Fraction(1, RATE_HZ)
        return frame


class Client:
    """The other side of a call: a real peer connection with a microphone and the events channel."""

    def __init__(self, pcm: np.ndarray) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.speaker = Speaker(pcm)
        self.channel = self.connection.createDataChannel("oai-events")
        self.sender = self.connection.addTrack(self.speaker)
        self.events: asyncio.Queue[str] = asyncio.Queue()
        self.channel.on("message", self.events.put_nowait)
        self.remote: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self.connection.on("track", self._on_track)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self.remote.set_result(track)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    def impair(self, fate: Callable[[bytes], list[bytes]]) -> None:
        """Pass each SRTP datagram of this client through `fate`, which returns what really leaves."""
        transport = self.sender.transport.transport
        really_send = transport._send

        async def send(data: bytes) -> None:
            is_rtp = 127 < data[0] < 192 and not 192 <= data[1] <= 208
            for datagram in fate(data) if is_rtp else [data]:
                await really_send(datagram)

        transport._send = send


def lossy(rate: float, seed: int) -> Callable[[bytes], list[bytes]]:
    chance = random.Random(seed)
    return lambda data: [] if chance.random() < rate else [data]


@asynccontextmanager
async def call(pcm: np.ndarray, options: WebRtcOptions | None = None) -> AsyncIterator[tuple[Client, WebRtcLink]]:
    client = Client(pcm)
    sdp, link = await answer(await client.offer(), options=options)
    try:
        await client.accept(sdp)
        yield client, link
    finally:
        await client.connection.close()
        await link.close(1000, "test over")


async def listen(link: WebRtcLink, seconds: float) -> list[AudioIn]:
    """What arrives in the next `seconds` of audio; checks that it is contiguous."""
    heard: list[AudioIn] = []
    incoming: AsyncIterator[Incoming] = link.incoming()
    async for item in incoming:
        if isinstance(item, Gone):
            break
        if isinstance(item, AudioIn):
            if heard:
                assert item.at_sample == heard[-1].at_sample + len(heard[-1].pcm)
            heard.append(item)
            if item.at_sample - heard[0].at_sample >= seconds * 16_000:
                break
    return heard
