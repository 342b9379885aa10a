"""Two real peers over loopback (ICE, DTLS, SRTP, SCTP, Opus): both directions, bad networks, bad offers, no leaks.

Fault-matrix rows: 1, 2, 4, 7, 12, 25.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
from dataclasses import dataclass

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import ClientError, LimitError
from realtime.transport.link import ClientText, Gone
from realtime.transport.sdp import check_offer
from realtime.transport.webrtc import (
    JITTER_BUFFER_ATTRIBUTE,
    WebRtcLink,
    WebRtcOptions,
    answer,
    replace_jitter_buffer,
)
from tests.transport_peers import FRAME, Client, call, listen, lossy


@dataclass
class Frame:
    pcm: np.ndarray


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Band-limited noise at 48 kHz: a sharp correlation peak that survives Opus."""
    raw = np.random.default_rng(seed).standard_normal(int(seconds * 48_000))
    return (np.convolve(raw, np.ones(24) / 5, "same") * 3000).astype(np.int16)


def offset(heard: np.ndarray, sent: np.ndarray) -> int:
    """Position of `sent` in `heard` by cross-correlation, in samples."""
    size = 1 << int(np.ceil(np.log2(len(heard) + len(sent))))
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size))
    return int(np.argmax(np.fft.irfft(spectrum)[: len(heard)]))


async def leaked_tasks() -> list[asyncio.Task[object]]:
    for _ in range(20):
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if not left:
            break
        await asyncio.sleep(0.05)
    return left


async def test_the_private_name_is_where_we_replace_it() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    receiver = connection.addTransceiver("audio").receiver
    stock = getattr(receiver, JITTER_BUFFER_ATTRIBUTE)
    assert stock.capacity == 16 and callable(stock.add)
    taken: list[object] = []
    replace_jitter_buffer(receiver, taken.append)
    assert getattr(receiver, JITTER_BUFFER_ATTRIBUTE).add("packet") == (False, None)
    assert taken == ["packet"]
    await connection.close()


def test_a_moved_name_is_noticed() -> None:
    class Moved(RTCRtpReceiver):
        def __init__(self) -> None:
            pass

    with pytest.raises(AttributeError):
        replace_jitter_buffer(Moved(), lambda _packet: None)


async def test_audio_in_keeps_its_time_and_its_level() -> None:
    pcm = noise(2.0)
    async with call(pcm) as (client, link):
        heard = await listen(link, 1.5)
        pcm16 = np.concatenate([item.pcm for item in heard])
        sent16 = pcm[3 * 9600 : 3 * 24_000 : 3]  # 0.6 s to 1.5 s, at 16 kHz
        at = offset(pcm16.astype(float), sent16.astype(float))
        # What the position says and what was sent: the codec's look-ahead of 6.5 ms and nothing else.
        assert at - 9600 == pytest.approx(104, abs=2)
        # From the frame's leaving to its delivery, on the same clock. The median, because the machine is shared.
        delays_ms = [(item.arrival_ns - sent) / 1e6 for item, sent in zip(heard, client.speaker.sent_ns, strict=False)]
        assert np.median(delays_ms) < 10
        level = np.std(pcm16[at : at + len(sent16)]) / np.std(sent16)
        assert 0.6 < level < 1.1  # the client's own encoder (aiortc) takes 3 dB


async def test_audio_out_arrives_on_the_beat() -> None:
    pcm = noise(1.2, seed=5)
    frames = iter(np.split(pcm, len(pcm) // FRAME))
    async with call(np.zeros(FRAME, dtype=np.int16)) as (client, link):
        link.attach_playout(lambda: Frame(next(frames, np.zeros(FRAME, dtype=np.int16))))
        remote = await asyncio.wait_for(client.remote, 5)
        heard = []
        for _ in range(75):
            frame = await asyncio.wait_for(remote.recv(), 5)
            heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0])
        at = offset(np.concatenate(heard).astype(float), pcm[4800:28_800].astype(float))
        assert at > 0
        match = np.concatenate(heard)[at : at + 24_000]
        assert np.corrcoef(match, pcm[4800:28_800])[0, 1] > 0.9
        assert np.std(match) / np.std(pcm[4800:28_800]) == pytest.approx(1, abs=0.1)
        assert link.track.stats.slipped_ms == 0


async def test_events_travel_both_ways_and_wait_for_the_channel() -> None:
    async with call(np.zeros(FRAME, dtype=np.int16)) as (client, link):
        await link.send({"type": "session.created"})  # before the channel is open
        client.channel.on("open", lambda: client.channel.send('{"type":"session.update"}'))
        async for item in link.incoming():
            if isinstance(item, ClientText):
                break
        assert item == ClientText('{"type":"session.update"}')
        await link.send({"type": "later", "text": "ü"})
        got = [await asyncio.wait_for(client.events.get(), 5) for _ in range(2)]
        assert [json.loads(event)["type"] for event in got] == ["session.created", "later"]


async def test_loss_drifts_by_0_samples_and_leaves_no_delay() -> None:  # rows 1, 2, 4
    pcm = noise(4.0)
    async with call(pcm) as (client, link):
        client.impair(lossy(0.05, seed=3))
        heard = await listen(link, 3.6)
        stats = link.audio.buffer.stats
        assert stats.lost >= 3 and stats.concealed_samples == stats.lost * FRAME
        pcm16 = np.concatenate([item.pcm for item in heard]).astype(float)
        early = offset(pcm16[: 16_000 * 2], pcm[:48_000:3][4800:12_800].astype(float)) - 4800
        late = offset(pcm16[16_000 * 2 :], pcm[::3][16_000 * 2 + 8000 : 16_000 * 2 + 20_000].astype(float)) - 8000
        assert late == early, "after the losses the audio stands where it stood before them"
        tail = heard[-10:]
        position_ms = (tail[-1].at_sample + len(tail[-1].pcm)) / 16
        lag_ms = (tail[-1].arrival_ns - client.speaker.sent_ns[0]) / 1e6 - position_ms
        assert lag_ms < 60, "what a loss delayed has been caught up"


async def test_corrupt_datagrams_are_dropped() -> None:  # row 7
    async with call(noise(2.0)) as (client, link):
        count = 0

        def corrupt(data: bytes) -> list[bytes]:
            nonlocal count
            count += 1
            return [data[:20] + bytes([data[20] ^ 1]) + data[21:]] if count % 10 == 0 else [data]

        client.impair(corrupt)
        heard = await listen(link, 1.2)
        assert link.audio.buffer.stats.lost >= 4
        assert link.audio.decoder.refused == 0
        assert sum(len(item.pcm) for item in heard) >= 16_000


async def test_a_client_that_leaves_is_noticed_at_once_and_everything_is_freed() -> None:
    threads = threading.active_count()
    async with call(noise(1.0)) as (client, link):
        await listen(link, 0.2)
        await client.connection.close()
        async with asyncio.timeout(3):
            gone = [item async for item in link.incoming() if isinstance(item, Gone)]
        assert gone == [Gone("closed by client")]
        await link.close(1000, "done")
        await link.close(1000, "twice")
        assert link.connection.connectionState == "closed"
    assert await leaked_tasks() == []
    assert threading.active_count() <= threads + 1  # the executor of the client's encoder
    del client, link, gone
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is WebRtcLink]


async def test_a_silent_peer_times_out() -> None:  # row 12
    async with call(noise(3.0), WebRtcOptions(silence_s=1.5)) as (client, link):
        await listen(link, 0.3)

        async def black_hole(_data: bytes) -> None:
            pass

        client.sender.transport.transport._send = black_hole
        async with asyncio.timeout(6):
            gone = [item async for item in link.incoming() if isinstance(item, Gone)]
        assert gone == [Gone("media timeout")]


async def test_a_peer_that_never_connects_is_given_up() -> None:
    client = Client(noise(0.1))
    _, link = await answer(await client.offer(), options=WebRtcOptions(connect_s=0.5))
    async with asyncio.timeout(5):
        gone = [item async for item in link.incoming() if isinstance(item, Gone)]
    assert gone == [Gone("never connected")]
    await link.close(1000, "test over")
    await client.connection.close()
    assert await leaked_tasks() == []


async def test_a_browser_that_hides_its_address_connects_without_waiting() -> None:
    client = Client(noise(1.0))
    hidden = re.sub(
        r"(a=candidate:\S+ \d udp \d+) \S+ ", r"\1 0a1b2c3d-0000-4000-8000-000000000000.local ", await client.offer()
    )
    assert ".local" in hidden
    async with asyncio.timeout(0.8):  # a look-up by mDNS would take a second
        sdp, link = await answer(hidden)
    await client.accept(sdp)
    assert await listen(link, 0.1)
    await client.connection.close()
    await link.close(1000, "test over")


async def test_events_to_a_client_without_a_channel_are_bounded() -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio")
    await connection.setLocalDescription(await connection.createOffer())
    _, link = await answer(connection.localDescription.sdp, options=WebRtcOptions(outbox_bytes=10_000))
    for _ in range(300):
        await link.send({"type": "x", "text": "y" * 100})
    assert link._unsent_bytes < 10_200
    gone = [item async for item in link.incoming() if isinstance(item, Gone)]
    assert gone == [Gone("slow reader")]
    await link.close(1013, "slow reader")
    await connection.close()


async def good_offer() -> str:
    client = Client(np.zeros(FRAME, dtype=np.int16))
    sdp = await client.offer()
    await client.connection.close()
    return sdp


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda sdp: "", "invalid_offer"),
        (lambda sdp: "hello", "invalid_offer"),
        (lambda sdp: "v=0\r\n" * 10, "invalid_offer"),
        (lambda sdp: sdp + "a=x\r\n" * 250_000, "sdp_too_large"),
        (lambda sdp: sdp.replace("m=audio", "m=video"), "invalid_offer"),
        (lambda sdp: sdp.replace("opus", "speex"), "invalid_offer"),
        (lambda sdp: sdp.replace("a=fingerprint", "a=fingerprant"), "invalid_offer"),
        (lambda sdp: sdp.replace("a=ice-ufrag", "a=ice-nothing"), "invalid_offer"),
        (lambda sdp: sdp.replace("a=setup:actpass", "a=setup:sideways"), "invalid_offer"),
        (lambda sdp: sdp.replace("m=audio", "m=audio x y z\r\nm=audio"), "invalid_offer"),
        (lambda sdp: sdp + "a=candidate:1 1 udp 1 127.0.0.1 1 typ host\r\n" * 100, "invalid_offer"),
        (lambda sdp: sdp + "m=audio 9 RTP 0\r\n" * 20, "invalid_offer"),
        (lambda sdp: sdp.replace("m=audio ", "m=audio nine"), "invalid_offer"),
    ],
)
async def test_bad_offers_are_refused_and_leave_nothing(spoil, code: str) -> None:  # row 25
    sdp = await good_offer()
    assert await leaked_tasks() == []
    with pytest.raises(ClientError) as caught:
        _, link = await answer(spoil(sdp))
        await link.close(1000, "it was answered")
    assert caught.value.code == code
    assert isinstance(caught.value, LimitError) is (code == "sdp_too_large")
    assert await leaked_tasks() == []


async def test_a_wrong_fingerprint_ends_the_call() -> None:  # row 25
    client = Client(noise(0.5))
    sdp = await client.offer()
    lines = [
        line[:-2] + ("00" if line[-2:] != "00" else "11") if line.startswith("a=fingerprint:") else line
        for line in sdp.splitlines()
    ]
    answer_sdp, link = await answer("\r\n".join(lines) + "\r\n")
    await client.accept(answer_sdp)
    async with asyncio.timeout(8):
        gone = [item async for item in link.incoming() if isinstance(item, Gone)]
    assert gone[0].reason in ("connection failed", "closed by client")
    await link.close(1000, "test over")
    await client.connection.close()
    assert await leaked_tasks() == []


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300) | st.text(max_size=200).map(lambda text: "v=0\r\nm=audio 9\r\n" + text))
def test_any_text_is_checked_without_surprise(text: str) -> None:
    with pytest.raises(ClientError):
        check_offer(text)
