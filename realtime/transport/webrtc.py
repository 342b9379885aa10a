"""WebRTC shell: an offer in, an answer and a Link out. It knows no event's meaning and makes no turn decision.

aiortc's receiver is used for SRTP and RTCP only. Its jitter buffer is replaced, through a private name (pinned in
pyproject.toml, guarded by a test), by a tap that passes every packet to our own buffer and nothing to aiortc's decoder
thread, whose queue is unbounded and which can take one frame per packet only. From there everything happens on
the event loop, in the callback in which the packet arrived: order, conceal, decode, resample, inbox.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import structlog
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from numpy.typing import NDArray

from realtime.clock import NS_PER_MS, NS_PER_S, Clock, MonotonicClock
from realtime.errors import ClientError
from realtime.transport.inbox import Inbox
from realtime.transport.jitter_buffer import Conceal, Decision, JitterBuffer, JitterPolicy, Play, RtpAudio
from realtime.transport.link import Gone, Incoming, PlayoutFrameLike
from realtime.transport.opus import RATE_HZ, OpusDecoder
from realtime.transport.playout_track import PlayoutTrack
from realtime.transport.resampler import Resampler
from realtime.transport.sdp import check_offer, without_hidden_candidates

log = structlog.get_logger(__name__)

DATA_CHANNEL = "oai-events"
JITTER_BUFFER_ATTRIBUTE = "_RTCRtpReceiver__jitter_buffer"
# What aiortc and aioice raise for descriptions that no browser would write.
_OFFER_FAULTS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OSError,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
_TICK_NS = 20 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class WebRtcOptions:
    """Limits of a call; times in seconds, each with its reason."""

    # Empty by default: gathering waits for seconds where a public STUN server cannot be reached.
    ice_servers: tuple[str, ...] = ()
    negotiate_s: float = 10.0
    connect_s: float = 15.0
    # Nothing at all from the peer (RTP, RTCP, SCTP). A browser that sends no audio still reports every 2.5 to 7.5 s.
    silence_s: float = 8.0
    slow_reader_s: float = 8.0
    # High water of the data channel, and the point at which waiting is over at once.
    outbox_bytes: int = 1 << 20
    outbox_limit_bytes: int = 8 << 20
    max_message_bytes: int = 21 << 20
    inbox_audio_ms: int = 10_000
    jitter: JitterPolicy = field(default_factory=JitterPolicy)
    # Told of every outgoing frame how many ns behind its beat it left.
    frame_left: Callable[[int], None] | None = None


class _PacketTap:
    """Stands where aiortc has its JitterBuffer: `add(packet) -> (send_pli, frame to decode)`."""

    def __init__(self, take: Callable[[RtpPacket], None]) -> None:
        self._take = take

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        self._take(packet)
        return False, None


def replace_jitter_buffer(receiver: RTCRtpReceiver, take: Callable[[RtpPacket], None]) -> None:
    """Lead every packet of `receiver` to `take`. Raises AttributeError where aiortc has moved the name."""
    getattr(receiver, JITTER_BUFFER_ATTRIBUTE)
    setattr(receiver, JITTER_BUFFER_ATTRIBUTE, _PacketTap(take))


class AudioReceiver:
    """Packets to 16 kHz PCM with true positions: buffer, decoder and resampler in a row, on the event loop."""

    def __init__(self, inbox: Inbox, clock: Clock, policy: JitterPolicy) -> None:
        self.buffer = JitterBuffer(policy)
        self.decoder = OpusDecoder()
        self.last_packet_ns: int | None = None
        self._inbox = inbox
        self._clock = clock
        self._resampler = Resampler(RATE_HZ)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, packet: RtpPacket) -> None:
        now_ns = self.last_packet_ns = self._clock.now_ns()
        audio = RtpAudio(packet.sequence_number, packet.timestamp, packet.ssrc, packet.payload)
        self._deliver(self.buffer.push(audio, now_ns), now_ns)
        self._arm(now_ns)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        now_ns = self._clock.now_ns()
        self._deliver(self.buffer.poll(now_ns), now_ns)
        self._arm(now_ns)

    def _arm(self, now_ns: int) -> None:
        self.stop()
        deadline_ns = self.buffer.deadline_ns(now_ns)
        if deadline_ns is not None and not self._inbox.ended:
            # Never sooner than a ms: a deadline that rounding has put into the past must not spin.
            self._timer = self._loop.call_later(max(deadline_ns - now_ns, NS_PER_MS) / NS_PER_S, self._tick)

    def _deliver(self, decisions: list[Decision], now_ns: int) -> None:
        for decision in decisions:
            match decision:
                case Play(payload, samples):
                    pcm = self.decoder.decode(payload, samples)
                case Conceal(samples):
                    pcm = self.decoder.conceal(samples)
                case _:
                    pcm = np.zeros(decision.samples, dtype=np.int16)
            self._put(pcm, now_ns)

    def _put(self, pcm: NDArray[np.int16], now_ns: int) -> None:
        at_sample = self._resampler.output_samples
        self._inbox.put_audio(at_sample, self._resampler.push(pcm), now_ns)


class WebRtcLink:
    """A Link over one peer connection. Made by `answer`; frees everything in `close`."""

    kind: Literal["webrtc"] = "webrtc"
    output_rate_hz = RATE_HZ

    def __init__(self, connection: RTCPeerConnection, options: WebRtcOptions, clock: Clock, peer: str) -> None:
        self.peer = peer
        self.options = options
        self.connection = connection
        self.track = PlayoutTrack(clock, options.frame_left)
        self.inbox = Inbox(audio_ms=options.inbox_audio_ms)
        self.audio = AudioReceiver(self.inbox, clock, options.jitter)
        self._clock = clock
        self._channel: Any = None  # RTCDataChannel, once the client has opened it
        self._unsent: deque[str] = deque()
        self._unsent_bytes = 0
        self._opened_ns = clock.now_ns()
        self._alive_ns = self._opened_ns
        self._checked_ns = self._opened_ns
        self._packets_seen = -1
        self._slow_since_ns: int | None = None
        self._closing: asyncio.Future[None] | None = None
        connection.on("datachannel", self._on_channel)
        connection.on("connectionstatechange", self._on_state)

    # Link

    async def incoming(self) -> AsyncIterator[Incoming]:
        while True:
            item = await self.inbox.get(timeout_s=1.0)
            if item is not None:
                yield item
                if isinstance(item, Gone):
                    return
            if self._clock.now_ns() - self._checked_ns >= NS_PER_S:
                await self._watch()

    async def send(self, event: dict[str, Any]) -> None:
        if self.inbox.ended:
            return
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        if self._channel is None or self._channel.readyState != "open":
            self._unsent.append(text)
            self._unsent_bytes += len(text)
            if self._unsent_bytes > self.options.outbox_bytes:
                self._fail("slow reader")
            return
        self._channel.send(text)
        if self._channel.bufferedAmount > self.options.outbox_limit_bytes:
            self._fail("slow reader")

    def attach_playout(self, pop: Callable[[], PlayoutFrameLike]) -> None:
        self.track.attach(pop)

    async def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            # A future of its own: freeing goes on when the task that asked for it is cancelled.
            self._closing = asyncio.ensure_future(self._free(code, reason))
        await asyncio.shield(self._closing)

    async def _free(self, code: int, reason: str) -> None:
        self.inbox.end(reason or "closed")
        log.info("link_closed", peer=self.peer, code=code, reason=reason, **self.audio.buffer.stats.as_dict())
        try:
            await self._drain()
        finally:
            self.audio.stop()
            self.track.stop()
            await self.connection.close()

    # Happenings

    def _on_channel(self, channel: Any) -> None:
        if channel.label != DATA_CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_message)
        channel.on("close", self._on_channel_closed)
        while self._unsent:
            channel.send(self._unsent.popleft())
        self._unsent_bytes = 0

    def _on_message(self, raw: str | bytes) -> None:
        if len(raw) > self.options.max_message_bytes:
            self._fail("message too big")
        elif not self.inbox.put_text(raw):
            self._fail("too many messages")

    def _on_channel_closed(self) -> None:
        self.inbox.end("closed by client")

    def _on_state(self) -> None:
        state = self.connection.connectionState
        log.debug("connection_state", peer=self.peer, state=state)
        if state == "failed":
            self.inbox.end("connection failed")
        elif state == "closed":
            self.inbox.end("closed by client")

    def _fail(self, reason: str) -> None:
        """End the link; whoever reads `incoming` sees Gone and closes."""
        log.warning("link_failed", peer=self.peer, reason=reason)
        self.inbox.end(reason)

    async def _watch(self) -> None:
        """Once a second, from the reader: is the peer there, and does it read?"""
        now_ns = self._checked_ns = self._clock.now_ns()
        seconds = (now_ns - self._opened_ns) / NS_PER_S
        if self.connection.connectionState in ("new", "connecting"):
            self._alive_ns = now_ns
            if seconds > self.options.connect_s:
                self._fail("never connected")
            return
        await self._note_life(now_ns)
        if (now_ns - self._alive_ns) / NS_PER_S > self.options.silence_s:
            self._fail("media timeout")
        full = self._channel is not None and self._channel.bufferedAmount > self.options.outbox_bytes
        if not full:
            self._slow_since_ns = None
        elif self._slow_since_ns is None:
            self._slow_since_ns = now_ns
        elif (now_ns - self._slow_since_ns) / NS_PER_S > self.options.slow_reader_s:
            self._fail("slow reader")

    async def _note_life(self, now_ns: int) -> None:
        last_ns = self.audio.last_packet_ns
        if last_ns is not None and now_ns - last_ns < NS_PER_S:
            self._alive_ns = now_ns
            return
        packets = 0
        for report in (await self.connection.getStats()).values():
            if report.type == "transport":
                packets += report.packetsReceived
        if packets != self._packets_seen:
            self._packets_seen, self._alive_ns = packets, now_ns

    async def _drain(self) -> None:
        """Give what was sent last (an error, most often) half a second to leave."""
        for _ in range(25):
            if self._channel is None or self._channel.readyState != "open" or not self._channel.bufferedAmount:
                return
            await asyncio.sleep(0.02)


async def answer(
    offer_sdp: str, *, options: WebRtcOptions | None = None, clock: Clock | None = None, peer: str = "webrtc"
) -> tuple[str, WebRtcLink]:
    """Accept an offer: the answer's SDP and the link. The caller owns the link and must close it.

    Raises ClientError (codes invalid_offer, sdp_too_large) for an offer that cannot work; nothing is left open then.
    """
    check_offer(offer_sdp)
    options = options or WebRtcOptions()
    servers = [RTCIceServer(urls=url) for url in options.ice_servers]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
    link = WebRtcLink(connection, options, clock or MonotonicClock(), peer)
    try:
        async with asyncio.timeout(options.negotiate_s):
            offer = RTCSessionDescription(sdp=without_hidden_candidates(offer_sdp), type="offer")
            await connection.setRemoteDescription(offer)
            _wire_audio(link)
            await connection.setLocalDescription(await connection.createAnswer())
    except _OFFER_FAULTS as fault:
        await link.close(1002, "invalid offer")
        # The parser's own words may quote the offer; the type is enough to find the place.
        raise ClientError(
            f"the offer cannot be answered ({type(fault).__name__})", param="sdp", code="invalid_offer"
        ) from fault
    except BaseException:
        await link.close(1011, "negotiation stopped")
        raise
    return connection.localDescription.sdp, link


def _wire_audio(link: WebRtcLink) -> None:
    """Use the first audio section for both directions, Opus only; everything else is answered as inactive."""
    audio = None
    for transceiver in link.connection.getTransceivers():
        if audio is None and transceiver.kind == "audio":
            audio = transceiver
        else:
            transceiver.direction = "inactive"
    if audio is None:
        raise ValueError("no audio section")
    opus = [codec for codec in audio._codecs if codec.mimeType.lower() == "audio/opus"]
    if not opus:
        raise ValueError("no Opus in common")
    audio._codecs = opus
    audio.sender.replaceTrack(link.track)
    audio.direction = "sendrecv"
    replace_jitter_buffer(audio.receiver, link.audio.take)
