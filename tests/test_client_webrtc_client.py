"""The WebRTC wire: arrival stamped before any buffer, hang-up told, refusals in words."""

from __future__ import annotations

import json

import numpy as np
import pytest
from aiortc import RTCPeerConnection
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket
from av import AudioFrame
from hypothesis import given
from hypothesis import strategies as st

from client_demo.errors import ServerRefused, WireLost
from client_demo.source import PacedSource
from client_demo.webrtc_client import ArrivalOrder, mono, open_webrtc, swap_jitter_buffer
from client_demo.wire import AudioPacket, ServerAddress, WireEvent
from tests.client_scripted_server import Script, scripted_server


def packet(timestamp: int) -> RtpPacket:
    one = RtpPacket(timestamp=timestamp % 2**32, payload=b"x")
    one._data = b"x"  # type: ignore[attr-defined]
    return one


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 50), min_size=1, max_size=60))
def test_packets_pass_at_once_and_keep_their_place_over_the_wrap(first: int, steps: list[int]) -> None:
    order = ArrivalOrder()
    position = 0
    for step in [0, *steps]:
        position += step * 960
        _, frame = order.add(packet(first + position))
        assert frame is not None and frame.timestamp == (first + position) % 2**32
        assert order.arrival_ns(position) is not None
        assert order.arrival_ns(position) is None
    assert order.late == 0


def test_a_packet_after_its_successor_is_dropped_and_counted() -> None:
    order = ArrivalOrder()
    frames = [order.add(packet(timestamp))[1] for timestamp in (0, 1920, 960, 1920, 2880)]
    assert [frame is not None for frame in frames] == [True, True, False, False, True]
    assert order.late == 2


def test_stamps_of_packets_that_never_decode_are_bounded() -> None:
    order = ArrivalOrder()
    for index in range(2000):
        order.add(packet(index * 960))
    assert len(order._arrivals) == ArrivalOrder.LIMIT


async def test_the_private_name_of_the_jitter_buffer_has_not_moved() -> None:
    peer = RTCPeerConnection()
    sender = peer.addTransceiver("audio").sender
    receiver = peer.getTransceivers()[0].receiver
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, JitterBuffer)
    order = ArrivalOrder()
    swap_jitter_buffer(sender, peer, order)
    assert receiver._RTCRtpReceiver__jitter_buffer is order
    await peer.close()


@pytest.mark.parametrize(("layout", "packed"), [("mono", True), ("stereo", True), ("stereo", False)])
def test_the_first_channel_is_taken_of_any_layout(layout: str, packed: bool) -> None:
    left, right = np.arange(960, dtype=np.int16), np.full(960, -1, np.int16)
    channels = [left] if layout == "mono" else [left, right]
    samples = np.stack(channels)
    array = np.ascontiguousarray(samples.T.reshape(1, -1) if packed else samples)
    frame = AudioFrame.from_ndarray(array, format="s16" if packed else "s16p", layout=layout)
    assert np.array_equal(mono(frame), left)


async def test_events_and_audio_flow_and_the_server_is_told_of_the_end() -> None:
    async with scripted_server() as server:
        address = ServerAddress.parse(server.url)
        async with open_webrtc(address, PacedSource(48_000)) as wire:
            await wire.send({"type": "session.update", "session": {"type": "realtime"}})
            kinds, packets = [], []
            while len(kinds) < 2 or len(packets) < 10:
                happening = await wire.inbox.get(5)
                assert happening is not None
                if isinstance(happening, WireEvent):
                    kinds.append(happening.type)
                elif isinstance(happening, AudioPacket):
                    packets.append(happening)
        assert kinds[:2] == ["session.created", "session.updated"]
        places = [one.position_samples for one in packets]
        assert places == [index * 960 for index in range(len(places))] and {one.pcm.size for one in packets} == {960}
        assert wire.sent.samples >= 9 * 960 and server.hung_up == ["call_1"]
        with pytest.raises(WireLost):
            while True:
                await wire.inbox.get(1)


async def test_a_refused_call_carries_the_servers_reason() -> None:
    async with scripted_server(Script(refuse="call")) as server:
        with pytest.raises(ServerRefused, match="HTTP 429: too many calls"):
            async with open_webrtc(ServerAddress.parse(server.url), PacedSource(48_000)):
                pass
        assert json.dumps(server.hung_up) == "[]"
