"""The one interface behind which a client does not care whether it speaks WebSocket or WebRTC. It opens no socket.

A wire pulls 20 ms frames from an `AudioSource` and sends them, logs when each left, sends events, and hands out what
arrives (events and audio, in order, each stamped with CLOCK_MONOTONIC at its arrival) through one bounded `Inbox`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import urlencode, urlsplit

from client_demo.errors import UsageFailure, WireFailure, WireLost
from client_demo.source import AudioSource, SendLog
from client_demo.speech_gate import Pcm

TransportName = Literal["webrtc", "websocket"]
# PCM on the WebSocket is 24 kHz by the protocol; Opus on WebRTC runs at 48 kHz.
WIRE_RATE_HZ: dict[TransportName, int] = {"websocket": 24_000, "webrtc": 48_000}

MODEL = "forethought"
OPEN_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class WireEvent:
    """A JSON event as it came; of an audio delta the samples are taken out and follow as an `AudioPacket`."""

    payload: Mapping[str, Any]
    arrival_ns: int

    @property
    def type(self) -> str:
        return str(self.payload.get("type", ""))


def event_of(message: str | bytes) -> dict[str, Any]:
    """The JSON object of a message. Raises `WireLost`: who does not send one is no server of ours."""
    try:
        payload = json.loads(message)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        raise WireLost("the server sent a message that is not a JSON event")
    return payload


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """Received audio, int16 [n] mono. `position_samples` is its place in the stream where the wire has one (RTP);
    `response_id` and `item_id` say whose audio it is where the wire says so (WebSocket)."""

    pcm: Pcm
    sample_rate_hz: int
    arrival_ns: int
    position_samples: int | None = None
    response_id: str | None = None
    item_id: str | None = None


Happening = WireEvent | AudioPacket


class Inbox:
    """What has arrived and was not read yet, in order.

    Bound: 15,000 entries, five minutes of 20 ms audio packets. A client that reads so late is broken, so passing
    the bound ends the wire with `WireLost` instead of dropping what is to be measured.
    """

    LIMIT = 15_000

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Happening | None] = asyncio.Queue()
        self._failure: WireFailure | None = None
        self._closed = False

    def put(self, happening: Happening) -> None:
        if self._closed:
            return
        if self._queue.qsize() >= self.LIMIT:
            self.close(WireLost("the client did not read for five minutes; its inbox is full"))
            return
        self._queue.put_nowait(happening)

    def close(self, failure: WireFailure) -> None:
        """Nothing more will come; `failure` says why. The first reason stands."""
        if not self._closed:
            self._closed = True
            self._failure = failure
            self._queue.put_nowait(None)

    @property
    def closed(self) -> bool:
        return self._closed

    async def get(self, timeout_s: float) -> Happening | None:
        """The next arrival, or None if none came in time. Raises the reason when the wire has ended."""
        try:
            async with asyncio.timeout(timeout_s):
                happening = await self._queue.get()
        except TimeoutError:
            return None
        if happening is None:
            self._queue.put_nowait(None)
            assert self._failure is not None, "the inbox was closed without a reason"
            raise self._failure
        return happening


class Wire(Protocol):
    """An open connection to a server."""

    transport: TransportName
    inbox: Inbox
    sent: SendLog

    async def send(self, event: Mapping[str, Any]) -> None:
        """Send one client event. Raises `WireLost`."""
        ...


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the server is, from one URL of any of its schemes."""

    host: str
    port: int
    secure: bool
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> ServerAddress:
        """From `http(s)://` or `ws(s)://host[:port][/prefix]`. Raises `UsageFailure`."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
            raise UsageFailure(f"{url!r} is no server address. Write it as http://localhost:8080.")
        secure = parts.scheme in ("https", "wss")
        try:
            port = parts.port or (443 if secure else 80)
        except ValueError as error:
            raise UsageFailure(f"{url!r} has an impossible port. Write it as http://localhost:8080.") from error
        return cls(parts.hostname, port, secure, parts.path.rstrip("/"))

    @property
    def loopback(self) -> bool:
        """Whether the server is on this machine, and so on this machine's clock."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def _host_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def http(self, path: str, **query: str) -> str:
        return self._url("https" if self.secure else "http", path, query)

    def websocket(self, path: str, **query: str) -> str:
        return self._url("wss" if self.secure else "ws", path, query)

    def _url(self, scheme: str, path: str, query: Mapping[str, str]) -> str:
        tail = f"?{urlencode(query)}" if query else ""
        return f"{scheme}://{self._host_port}{self.prefix}{path}{tail}"


def authorization(key: str | None) -> dict[str, str]:
    """The header of a client secret or key; none where the server needs none."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def open_wire(
    transport: TransportName, address: ServerAddress, source: AudioSource, *, key: str | None = None
) -> AbstractAsyncContextManager[Wire]:
    """Connect to `address`; `source` is sent from the moment the connection stands.

    Entering raises `ServerUnreachable` or `ServerRefused`; what ends the wire later comes out of its inbox.
    """
    if transport == "websocket":
        from client_demo.websocket_client import open_websocket  # noqa: PLC0415  import only the wire that is used

        return open_websocket(address, source, key=key)
    if transport == "webrtc":
        from client_demo.webrtc_client import open_webrtc  # noqa: PLC0415  aiortc takes half a second to import

        return open_webrtc(address, source, key=key)
    raise UsageFailure(f"unknown transport {transport!r}: use webrtc or websocket")


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the body: cancelled and awaited when the body ends, however it ends.

    An error of the body comes out bare, not inside the task group's ExceptionGroup, so callers can catch it by type.
    """
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        children = [group.create_task(one) for one in work]
        try:
            yield
        except Exception as error:  # the boundary of the group: raised again below, unwrapped
            failure = error
        finally:
            for child in children:
                child.cancel()
    if failure is not None:
        raise failure
