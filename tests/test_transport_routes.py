"""A real uvicorn with our routes and real clients: calls, secrets, sockets, limits, places, slow readers.

Fault-matrix rows: 16, 20, 21, 22 (what the transport passes on), 25, 30, 31, 32.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime.errors import ClientError, LimitError
from realtime.transport import (
    AccessPolicy,
    CallRoutes,
    ClientText,
    Gone,
    Link,
    TransportConfig,
    WebSocketLimits,
    uvicorn_socket_options,
)
from tests.transport_peers import FRAME, Client


class EchoHost:
    """A host whose conversations greet, echo events, and on request flood or hang up."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.group = group
        self.full = False
        self.runs: list[dict[str, Any]] = []
        self.gone: asyncio.Queue[str] = asyncio.Queue()

    def admit(self) -> None:
        if self.full:
            raise LimitError("this server is full", code="too_many_sessions")

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.group.create_task(work, name=name)

    async def run(self, link: Link, *, session: dict[str, Any] | None, model: str | None, extensions: bool) -> None:
        self.runs.append({"kind": link.kind, "session": session, "model": model, "extensions": extensions})
        await link.send({"type": "session.created"})
        async for item in link.incoming():
            if isinstance(item, Gone):
                self.gone.put_nowait(item.reason)
            elif isinstance(item, ClientText):
                await self.answer(link, item)

    async def answer(self, link: Link, item: ClientText) -> None:
        if item.raw == "flood":
            for _ in range(400):
                await link.send({"type": "flood", "audio": "A" * 100_000})
                await asyncio.sleep(0.001)
        elif item.raw == "bye":
            await link.send({"type": "error"})
            await link.close(4000, "as you wish")
        else:
            await link.send({"type": "echo", "bytes": len(item.raw)})


class Minter:
    def verify(self, token: str) -> Mapping[str, Any] | None:
        return {"instructions": "bound"} if token == "ek_good" else None

    def mint(self, body: dict[str, Any] | None) -> Mapping[str, Any]:
        if body and "session" not in body:
            raise ClientError("session is missing", param="session")
        return {"value": "ek_good", "expires_at": 1, "session": {"type": "realtime"}}


class Served:
    def __init__(self, host: EchoHost, calls: CallRoutes, port: int) -> None:
        self.host, self.calls, self.port = host, calls, port
        self.http = httpx.AsyncClient(base_url=f"http://localhost:{port}/v1/realtime", timeout=10)
        self.ws = f"ws://localhost:{port}/v1/realtime"


@asynccontextmanager
async def served(config: TransportConfig | None = None) -> AsyncIterator[Served]:
    async with asyncio.TaskGroup() as group:
        host = EchoHost(group)
        calls = CallRoutes(host, Minter(), config)
        options = uvicorn.Config(
            Starlette(routes=calls.routes()), log_level="error", lifespan="off", **uvicorn_socket_options()
        )
        server = uvicorn.Server(options)
        listener = socket.create_server(("127.0.0.1", 0))
        serving = group.create_task(server._serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        what = Served(host, calls, listener.getsockname()[1])
        try:
            yield what
        finally:
            await what.http.aclose()
            server.should_exit = True
            server.force_exit = True
            await serving
            listener.close()


SDP = {"content-type": "application/sdp"}


async def test_a_raw_offer_becomes_a_call_and_hanging_up_ends_it() -> None:
    async with served() as server:
        client = Client(np.zeros(FRAME, dtype=np.int16))
        reply = await server.http.post(
            "/calls?model=forethought&forethought=events", content=await client.offer(), headers=SDP
        )
        assert reply.status_code == 201
        assert reply.headers["content-type"].startswith("application/sdp")
        location = reply.headers["location"]
        assert location.startswith("/v1/realtime/calls/rtc_")
        await client.accept(reply.text)
        assert json.loads(await asyncio.wait_for(client.events.get(), 5)) == {"type": "session.created"}
        assert server.host.runs == [{"kind": "webrtc", "session": None, "model": "forethought", "extensions": True}]
        call_id = location.rpartition("/")[2]
        assert (await server.http.post(f"/calls/{call_id}/hangup")).status_code == 200
        assert await asyncio.wait_for(server.host.gone.get(), 5) == "hung up"
        assert (await server.http.delete(f"/calls/{call_id}")).status_code == 404
        assert server.calls.calls == {}
        await client.connection.close()


async def test_a_multipart_offer_brings_its_session() -> None:
    async with served() as server:
        client = Client(np.zeros(FRAME, dtype=np.int16))
        parts = {
            "sdp": (None, await client.offer(), "application/sdp"),
            "session": (None, '{"type":"realtime","instructions":"be brief"}', "application/json"),
        }
        reply = await server.http.post("/calls", files=parts, headers={"authorization": "Bearer ek_good"})
        assert reply.status_code == 201
        deleted = await server.http.delete(reply.headers["location"].removeprefix("/v1/realtime"))
        assert deleted.status_code == 200
        await asyncio.wait_for(server.host.gone.get(), 5)
        assert server.host.runs[0]["session"] == {"type": "realtime", "instructions": "be brief"}
        await client.connection.close()


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"garbage", SDP, 400, "invalid_offer"),
        (b"\xff\xfe", SDP, 400, "invalid_offer"),
        (b"v=0\r\n" + b"a" * (1 << 20), SDP, 413, "body_too_large"),
        (b"{}", {"content-type": "application/json"}, 415, "unsupported_media_type"),
        (b"garbage", {"content-type": "multipart/form-data; boundary=x"}, 400, "invalid_form"),
        (b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x"}, 400, "missing_sdp"),
        (b"--x\r\nbroken", {"content-type": "multipart/form-data"}, 400, "invalid_form"),
    ],
)
async def test_bad_calls_get_an_error_object(content: bytes, headers: dict[str, str], status: int, code: str) -> None:
    async with served() as server:  # row 25
        reply = await server.http.post("/calls", content=content, headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
        assert server.calls.calls == {}


async def test_places_keys_and_room_are_checked_before_anything_is_made() -> None:  # rows 30, 31, 32
    async with served() as server:
        rebound = await server.http.post("/calls", headers={"host": "evil.example"})
        assert (rebound.status_code, rebound.json()["error"]["code"]) == (403, "host_not_allowed")
        foreign = await server.http.post("/calls", headers={"origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in foreign.headers
        expired = await server.http.post("/calls", headers={"authorization": "Bearer ek_old"})
        assert (expired.status_code, expired.json()["error"]["code"]) == (401, "invalid_client_secret")
        server.host.full = True
        full = await server.http.post("/calls", content=b"v=0", headers=SDP)
        assert (full.status_code, full.json()["error"]["code"]) == (503, "too_many_sessions")
        assert int(full.headers["retry-after"]) > 0
        for headers, status in (
            ({"Origin": "https://evil.example"}, 403),
            ({"Authorization": "Bearer ek_old"}, 401),
            ({}, 503),
        ):
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.ws, additional_headers=headers)
            assert refused.value.response.status_code == status
            assert "code" in json.loads(refused.value.response.body)["error"]
        assert server.host.runs == []


async def test_preflight_lets_the_agents_sdk_through() -> None:
    config = TransportConfig(access=AccessPolicy(origins=frozenset({"https://page.example"}), keys=("k",)))
    async with served(config) as server:
        headers = {
            "origin": "https://page.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,x-openai-agents-sdk",
        }
        reply = await server.http.options("/calls", headers=headers)
        assert reply.status_code == 204
        assert reply.headers["access-control-allow-origin"] == "https://page.example"
        assert "x-openai-agents-sdk" in reply.headers["access-control-allow-headers"]
        refused = await server.http.options("/calls", headers={**headers, "origin": "https://evil.example"})
        assert refused.status_code == 403


async def test_client_secrets() -> None:
    async with served(TransportConfig(access=AccessPolicy(keys=("k",)))) as server:
        key = {"authorization": "Bearer k"}
        assert (await server.http.post("/client_secrets", headers=key)).json()["value"] == "ek_good"
        assert (await server.http.post("/client_secrets")).status_code == 401
        chained = await server.http.post("/client_secrets", headers={"authorization": "Bearer ek_good"})
        assert chained.status_code == 403
        for body, param in ((b"{", "body"), (b"[]", "body"), (b'{"a":1}', "session"), (b"[" * 5000, "body")):
            reply = await server.http.post("/client_secrets", headers=key, content=body)
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_a_socket_with_and_without_subprotocols() -> None:
    async with served(TransportConfig(access=AccessPolicy(keys=("k",)))) as server:
        async with connect(f"{server.ws}?model=m", additional_headers={"Authorization": "Bearer k"}) as plain:
            assert plain.subprotocol is None
            assert json.loads(await plain.recv()) == {"type": "session.created"}
            await plain.send("hello")
            assert json.loads(await plain.recv()) == {"type": "echo", "bytes": 5}
        offered = ["realtime", "openai-insecure-api-key.k", "openai-agents-sdk.0.20"]
        async with connect(server.ws, subprotocols=offered) as browser:
            assert browser.subprotocol == "realtime"
            await browser.recv()
        assert [await server.host.gone.get() for _ in range(2)] == ["closed by client"] * 2
        assert [run["model"] for run in server.host.runs] == ["m", None]


async def test_closing_delivers_what_was_sent_before() -> None:
    async with served() as server, connect(server.ws) as client:
        await client.recv()
        await client.send("bye")
        assert json.loads(await client.recv()) == {"type": "error"}
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4000


async def test_15_mib_of_audio_fits_and_more_than_21_mib_is_1009() -> None:  # row 20
    async with served() as server, connect(server.ws, max_size=None) as client:
        await client.recv()
        await client.send("A" * (20 << 20))
        assert json.loads(await client.recv())["bytes"] == 20 << 20
        with pytest.raises(ConnectionClosed) as closed:
            await client.send("A" * (22 << 20))
            await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
        assert await asyncio.wait_for(server.host.gone.get(), 5)
        async with connect(server.ws) as another:
            assert json.loads(await another.recv()) == {"type": "session.created"}


async def test_compression_is_not_offered() -> None:  # row 21
    async with served() as server, connect(server.ws, compression="deflate") as client:
        assert client.protocol.extensions == []


async def test_a_reader_that_stops_reading_is_expelled() -> None:  # row 16
    limits = WebSocketLimits(slow_reader_s=1.0)
    async with served(TransportConfig(websocket=limits)) as server:
        client = await connect(server.ws, max_queue=1, ping_interval=None)
        await client.recv()
        await client.send("flood")
        client.transport.pause_reading()
        reason = await asyncio.wait_for(server.host.gone.get(), 10)
        assert reason == "slow reader"
        client.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await asyncio.wait_for(client.recv(), 5)
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1013


async def test_an_abrupt_reset_is_noticed() -> None:  # row 14
    async with served() as server:
        client = await connect(server.ws)
        await client.recv()
        client.transport.abort()
        assert await asyncio.wait_for(server.host.gone.get(), 5) == "closed by client"
