"""The wire over `POST /v1/realtime/calls`: Opus over RTP, events over the `oai-events` data channel.

Knows no turn and no ledger. A packet's arrival is stamped when its RTP packet has been decrypted, *before* any
buffer: aiortc's stock jitter buffer holds 80 ms, which would be measured as the server's. It is replaced here by
`ArrivalOrder`, which passes every packet on at once and drops one that arrives after its successor. That is right for
a stopwatch on loopback or a LAN; a person's browser has its own adaptive buffer, which no server can measure.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av import AudioFrame

from client_demo.errors import ServerRefused, ServerUnreachable, WireLost
from client_demo.source import AudioSource, SendLog
from client_demo.speech_gate import Pcm
from client_demo.wire import (
    MODEL,
    OPEN_TIMEOUT_S,
    WIRE_RATE_HZ,
    AudioPacket,
    Inbox,
    ServerAddress,
    TransportName,
    WireEvent,
    authorization,
    beside,
    event_of,
)

RATE_HZ = WIRE_RATE_HZ["webrtc"]
CHANNEL = "oai-events"
RTP_CLOCK = 1 << 32


class ArrivalOrder:
    """Stands in for the receiver's jitter buffer: no waiting, arrival stamps by RTP timestamp.

    Keeps the stamps of at most 10 s of packets; those of packets that never decode are dropped oldest first.
    """

    LIMIT = 500

    def __init__(self) -> None:
        self.late = 0  # packets dropped because a later one had come first
        self._first_timestamp: int | None = None
        self._last_position = -1
        self._arrivals: OrderedDict[int, int] = OrderedDict()

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Interface of aiortc's JitterBuffer: (ask for a key frame, a frame to decode now or None)."""
        now_ns = time.monotonic_ns()
        data: bytes = getattr(packet, "_data", packet.payload)
        if self._first_timestamp is None:
            self._first_timestamp = packet.timestamp
        position = self._unwrap(packet.timestamp)
        if position <= self._last_position:
            self.late += 1
            return False, None
        self._last_position = position
        self._arrivals[position] = now_ns
        if len(self._arrivals) > self.LIMIT:
            self._arrivals.popitem(last=False)
        return False, JitterFrame(data=data, timestamp=packet.timestamp)

    def arrival_ns(self, position: int) -> int | None:
        """When the packet at `position` (samples from the first packet) arrived; forgets it and older ones."""
        stamp = self._arrivals.pop(position, None)
        while self._arrivals and next(iter(self._arrivals)) < position:
            self._arrivals.popitem(last=False)
        return stamp

    def _unwrap(self, timestamp: int) -> int:
        """Samples from the first packet; RTP timestamps are 32 bit and wrap (RFC 3550, section 5.1)."""
        assert self._first_timestamp is not None
        near = max(0, self._last_position)
        offset = (timestamp - self._first_timestamp - near + RTP_CLOCK // 2) % RTP_CLOCK - RTP_CLOCK // 2
        return near + offset


class SourceTrack(MediaStreamTrack):
    """The source as the track that aiortc's sender pulls; the source does the pacing."""

    kind = "audio"

    def __init__(self, source: AudioSource, sent: SendLog) -> None:
        super().__init__()
        self._source = source
        self._sent = sent
        self._position = 0

    async def recv(self) -> AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        pcm = await self._source.next_frame()
        frame = AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._position
        self._position += pcm.size
        self._sent.frame_left(time.monotonic_ns())
        return frame


class WebRtcWire:
    """One open call; made by `open_webrtc`."""

    transport: TransportName = "webrtc"

    def __init__(self, source: AudioSource) -> None:
        self.inbox = Inbox()
        self.sent = SendLog(source.sample_rate_hz)
        self.arrivals = ArrivalOrder()
        # No STUN: on loopback and a LAN host candidates suffice, and an unreachable STUN server costs seconds.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel: RTCDataChannel = self._peer.createDataChannel(CHANNEL)
        self._opened = asyncio.Event()
        self._track: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self._outgoing = SourceTrack(source, self.sent)
        swap_jitter_buffer(self._peer.addTrack(self._outgoing), self._peer, self.arrivals)
        self._channel.on("open", self._opened.set)
        self._channel.on("message", self._message)
        self._channel.on("close", lambda: self.inbox.close(WireLost("the server closed the data channel")))
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._state_changed)

    async def offer(self) -> str:
        """Our SDP, with its candidates in it."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return self._peer.localDescription.sdp

    async def accept(self, answer_sdp: str) -> None:
        """Take the server's SDP and wait for the data channel. Raises `ServerRefused` or `ServerUnreachable`."""
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp=answer_sdp, type="answer"))
        except (ValueError, InvalidStateError, AssertionError) as error:
            raise ServerRefused("the server's SDP answer cannot be used") from error
        if self._channel.readyState == "open":
            self._opened.set()
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._opened.wait()
        except TimeoutError as error:
            raise ServerUnreachable(
                f"the call was accepted, but no media path came up in {OPEN_TIMEOUT_S:.0f} s. Is UDP blocked?"
            ) from error

    async def send(self, event: Mapping[str, Any]) -> None:
        try:
            self._channel.send(json.dumps(event))
        except InvalidStateError as error:
            raise WireLost("the connection to the server ended") from error

    async def listen(self) -> None:
        """Decode and pass on the server's audio until the call ends."""
        track = await self._track
        while not self.inbox.closed:
            try:
                frame = await track.recv()
            except MediaStreamError:
                self.inbox.close(WireLost("the server ended its audio"))
                return
            if isinstance(frame, AudioFrame):
                position = frame.pts or 0
                arrival_ns = self.arrivals.arrival_ns(position) or time.monotonic_ns()
                self.inbox.put(AudioPacket(mono(frame), frame.sample_rate, arrival_ns, position))

    async def close(self) -> None:
        self.inbox.close(WireLost("the call was closed"))
        self._outgoing.stop()
        await self._peer.close()

    def _message(self, message: str | bytes) -> None:
        arrival_ns = time.monotonic_ns()
        try:
            self.inbox.put(WireEvent(event_of(message), arrival_ns))
        except WireLost as lost:
            self.inbox.close(lost)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and not self._track.done():
            self._track.set_result(track)

    def _state_changed(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self.inbox.close(WireLost(f"the media connection {self._peer.connectionState}"))


def swap_jitter_buffer(sender: object, peer: RTCPeerConnection, arrivals: ArrivalOrder) -> None:
    """Put `arrivals` in place of the jitter buffer of the receiver that belongs to `sender`.

    aiortc offers no way to do so, hence the private name; a test fails when it moves.
    """
    for transceiver in peer.getTransceivers():
        if transceiver.sender is sender:
            receiver: RTCRtpReceiver = transceiver.receiver
            if not hasattr(receiver, "_RTCRtpReceiver__jitter_buffer"):
                raise RuntimeError("this aiortc keeps its jitter buffer elsewhere; install the pinned version")
            receiver._RTCRtpReceiver__jitter_buffer = arrivals
            return
    raise RuntimeError("no transceiver belongs to this sender")


def mono(frame: AudioFrame) -> Pcm:
    """The frame's first channel, int16 [samples]; Opus carries the server's mono voice in both."""
    samples = frame.to_ndarray()
    channels = len(frame.layout.channels)
    return np.ascontiguousarray(samples.reshape(-1)[::channels] if samples.shape[0] == 1 else samples[0], np.int16)


@asynccontextmanager
async def open_webrtc(
    address: ServerAddress, source: AudioSource, *, key: str | None = None
) -> AsyncIterator[WebRtcWire]:
    """Place a call and begin to send `source` (48 kHz). Raises `ServerUnreachable` or `ServerRefused`."""
    wire = WebRtcWire(source)
    headers = {"Content-Type": "application/sdp", **authorization(key)}
    async with httpx.AsyncClient(headers=headers, timeout=OPEN_TIMEOUT_S, trust_env=not address.loopback) as http:
        location: str | None = None
        try:
            location, answer = await _place(http, address, await wire.offer())
            await wire.accept(answer)
            async with beside(wire.listen()):
                yield wire
        finally:
            await wire.close()
            await _hang_up(http, address, location)


async def _place(http: httpx.AsyncClient, address: ServerAddress, offer: str) -> tuple[str | None, str]:
    url = address.http("/v1/realtime/calls", model=MODEL, forethought="events")
    try:
        reply = await http.post(url, content=offer.encode())
    except httpx.TransportError as error:
        raise ServerUnreachable(
            f"nothing answers at {url}. Start the server with `forethought serve`, or give its address with --url."
        ) from error
    if not reply.is_success:
        raise ServerRefused(f"{url} answered HTTP {reply.status_code}{_error_text(reply)}")
    return reply.headers.get("Location"), reply.text


async def _hang_up(http: httpx.AsyncClient, address: ServerAddress, location: str | None) -> None:
    """Tell the server that the call is over, so that it need not wait for ICE consent to run out (about 30 s)."""
    if location is None:
        return
    call = location.rstrip("/").rsplit("/", 1)[-1]
    try:
        await http.delete(address.http(f"/v1/realtime/calls/{call}"), timeout=2)
    except httpx.HTTPError:
        return  # the server is gone, which is what hanging up was for


def _error_text(reply: httpx.Response) -> str:
    try:
        return f": {reply.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return ""
