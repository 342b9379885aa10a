"""The WebSocket wire against servers that refuse, babble, or are none."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import numpy as np
import pytest
from websockets.asyncio.server import Request, Response, ServerConnection, serve

from client_demo.errors import ServerRefused, WireLost
from client_demo.source import PacedSource
from client_demo.websocket_client import open_websocket
from client_demo.wire import AudioPacket, ServerAddress, WireEvent

Handler = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, **options: object) -> AsyncIterator[ServerAddress]:
    async with serve(handler, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type]
        yield ServerAddress("127.0.0.1", server.sockets[0].getsockname()[1], False)


async def test_audio_leaves_as_20_ms_events_and_deltas_come_back_as_packets() -> None:
    received: list[dict[str, str]] = []
    paths: list[str] = []
    pcm = np.arange(480, dtype="<i2")

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        paths.append(socket.request.path)
        delta = {"type": "response.output_audio.delta", "delta": base64.b64encode(pcm.tobytes()).decode()}
        await socket.send(json.dumps(delta | {"response_id": "r", "item_id": "a"}))
        async for message in socket:
            received.append(json.loads(message))

    async with serving(handler) as address, open_websocket(address, PacedSource(24_000)) as wire:
        event, packet = await wire.inbox.get(2), await wire.inbox.get(2)
        await asyncio.sleep(0.2)
        await wire.send({"type": "response.cancel"})
        await asyncio.sleep(0.05)
    assert isinstance(event, WireEvent) and "delta" not in event.payload
    assert isinstance(packet, AudioPacket) and np.array_equal(packet.pcm, pcm)
    assert (packet.response_id, packet.item_id, packet.arrival_ns) == ("r", "a", event.arrival_ns)
    assert paths == ["/v1/realtime?model=forethought&forethought=events"]
    audio = [base64.b64decode(one["audio"]) for one in received if one["type"] == "input_audio_buffer.append"]
    assert 8 <= len(audio) <= 14 and {len(one) for one in audio} == {960}
    assert {"type": "response.cancel"} in received
    assert wire.sent.samples // 480 == pytest.approx(len(audio), abs=1)


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("no json", "not a JSON event"),
        ("[1]", "not a JSON event"),
        ('{"type":"response.output_audio.delta","delta":"AAA"}', "not base64"),
        ('{"type":"response.output_audio.delta","delta":"AAAA"}', "16 bit"),
    ],
)
async def test_a_server_that_babbles_ends_the_wire_with_a_reason(message: str, word: str) -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send(message)
        await socket.wait_closed()

    async with serving(handler) as address, open_websocket(address, PacedSource(24_000)) as wire:
        with pytest.raises(WireLost, match=word):
            while True:
                assert not isinstance(await wire.inbox.get(2), AudioPacket)


async def test_a_closed_connection_is_said_again_and_again() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.close(1013, "too many sessions")

    async with serving(handler) as address, open_websocket(address, PacedSource(24_000)) as wire:
        for _ in range(2):
            with pytest.raises(WireLost, match="1013 too many sessions"):
                await wire.inbox.get(2)
        with pytest.raises(WireLost):
            await wire.send({"type": "response.cancel"})


async def test_a_refusal_carries_the_servers_reason() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        assert request.headers["Authorization"] == "Bearer ek_1"
        return connection.respond(HTTPStatus.UNAUTHORIZED, json.dumps({"error": {"message": "the key has expired"}}))

    async def handler(socket: ServerConnection) -> None:
        raise AssertionError("never reached")

    async with serving(handler, process_request=refuse) as address:
        with pytest.raises(ServerRefused, match="HTTP 401: the key has expired"):
            async with open_websocket(address, PacedSource(24_000), key="ek_1"):
                pass


async def test_an_error_of_the_body_comes_out_bare() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serving(handler) as address:
        with pytest.raises(KeyError, match="mine"):
            async with open_websocket(address, PacedSource(24_000)):
                raise KeyError("mine")
