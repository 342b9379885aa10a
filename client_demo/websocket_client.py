"""The wire over `WS /v1/realtime`: PCM s16le mono 24 kHz in base64, 20 ms to an event. Knows no turn and no ledger.

A packet here is a `response.output_audio.delta`: it arrives when its message has been read from the socket.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import websockets
from websockets.asyncio.client import ClientConnection, connect

from client_demo.errors import ServerRefused, ServerUnreachable, WireLost
from client_demo.source import AudioSource, SendLog
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

# The protocol allows 15 MiB of audio in one event; base64 adds a third.
MAX_MESSAGE_BYTES = 24 * 1024 * 1024


class WebSocketWire:
    """One open `/v1/realtime` socket; made by `open_websocket`."""

    transport: TransportName = "websocket"

    def __init__(self, socket: ClientConnection, source: AudioSource) -> None:
        self.inbox = Inbox()
        self.sent = SendLog(source.sample_rate_hz)
        self._socket = socket
        self._source = source

    async def send(self, event: Mapping[str, Any]) -> None:
        try:
            await self._socket.send(json.dumps(event))
        except websockets.ConnectionClosed as closed:
            raise _lost(closed) from closed

    async def speak(self) -> None:
        """Send the source, frame by frame, until cancelled or the socket is gone."""
        while not self.inbox.closed:
            pcm = await self._source.next_frame()
            audio = base64.b64encode(pcm.astype("<i2").tobytes()).decode("ascii")
            self.sent.frame_left(time.monotonic_ns())
            try:
                await self._socket.send(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}')
            except websockets.ConnectionClosed as closed:
                self.inbox.close(_lost(closed))

    async def listen(self) -> None:
        """Stamp and pass on what arrives, until the socket closes."""
        try:
            async for message in self._socket:
                self._arrived(message, time.monotonic_ns())
        except websockets.ConnectionClosed as closed:
            self.inbox.close(_lost(closed))
        else:
            self.inbox.close(WireLost("the server closed the connection"))

    def _arrived(self, message: str | bytes, arrival_ns: int) -> None:
        try:
            payload = event_of(message)
        except WireLost as lost:
            self.inbox.close(lost)
            return
        delta = payload.pop("delta", None) if payload.get("type") == "response.output_audio.delta" else None
        self.inbox.put(WireEvent(payload, arrival_ns))
        if delta is None:
            return
        try:
            pcm = np.frombuffer(base64.b64decode(delta, validate=True), dtype="<i2").astype(np.int16)
        except (ValueError, TypeError, binascii.Error):
            self.inbox.close(WireLost("the server sent an audio delta that is not base64 of 16 bit samples"))
            return
        rate = WIRE_RATE_HZ["websocket"]
        self.inbox.put(
            AudioPacket(pcm, rate, arrival_ns, None, _text(payload, "response_id"), _text(payload, "item_id"))
        )


@asynccontextmanager
async def open_websocket(
    address: ServerAddress, source: AudioSource, *, key: str | None = None
) -> AsyncIterator[WebSocketWire]:
    """Connect and begin to send `source` (24 kHz). Raises `ServerUnreachable` or `ServerRefused`."""
    url = address.websocket("/v1/realtime", model=MODEL, forethought="events")
    socket = await _connect(url, address, key)
    wire = WebSocketWire(socket, source)
    try:
        async with beside(wire.listen(), wire.speak()):
            yield wire
    finally:
        await socket.close()


async def _connect(url: str, address: ServerAddress, key: str | None) -> ClientConnection:
    try:
        return await connect(
            url,
            additional_headers=authorization(key),
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=2,
            max_size=MAX_MESSAGE_BYTES,
            compression=None,  # PCM does not compress, and deflate would cost time on the path that is measured
            proxy=None if address.loopback else True,
        )
    except websockets.InvalidStatus as error:
        status = error.response.status_code
        raise ServerRefused(f"{url} answered HTTP {status}{_error_text(error.response.body)}") from error
    except websockets.InvalidHandshake as error:
        raise ServerRefused(f"{url} does not speak WebSocket. Is this the right server and port?") from error
    except (OSError, EOFError, TimeoutError) as error:
        raise ServerUnreachable(
            f"nothing answers at {url}. Start the server with `forethought serve`, or give its address with --url."
        ) from error


def _error_text(body: bytes | bytearray | None) -> str:
    """`: message` of the JSON error in a refusal's body, or nothing."""
    try:
        return f": {json.loads(body or b'')['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return ""


def _lost(closed: websockets.ConnectionClosed) -> WireLost:
    reason = f" ({closed.rcvd.code} {closed.rcvd.reason})".replace(" )", ")") if closed.rcvd else ""
    return WireLost(f"the connection to the server ended{reason}")


def _text(payload: Mapping[str, Any], name: str) -> str | None:
    value = payload.get(name)
    return value if isinstance(value, str) else None
