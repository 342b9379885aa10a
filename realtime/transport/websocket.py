"""WebSocket shell: one socket as a Link. It passes text on unparsed and knows neither events nor audio formats.

Incoming messages are not queued here at all: the socket is read when the conversation asks, and TCP holds back a
client that sends faster. Outgoing events wait in an outbox with a bound in bytes and in time.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from realtime.transport.link import ClientText, Gone, Incoming, PlayoutFrameLike

log = structlog.get_logger(__name__)

# An append event carries up to 15 MiB of audio, which is 20 MiB as base64, plus its JSON.
MAX_MESSAGE_BYTES = 21 << 20

NORMAL_CLOSURE = 1000
MESSAGE_TOO_BIG = 1009
TRY_AGAIN_LATER = 1013


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    max_message_bytes: int = MAX_MESSAGE_BYTES
    # A minute of 24 kHz audio as base64 events; a client that is further behind does not listen any more.
    outbox_bytes: int = 4 << 20
    # One event must leave within this time; the row for slow readers allows 10 s in all.
    slow_reader_s: float = 8.0
    close_s: float = 1.0


class WebSocketLink:
    """A Link over an accepted WebSocket. `serve` makes it, runs it and frees it."""

    kind: Literal["websocket"] = "websocket"
    output_rate_hz = 24_000

    def __init__(self, socket: WebSocket, limits: WebSocketLimits) -> None:
        client = socket.client
        self.peer = f"{client.host}:{client.port}" if client else "websocket"
        self._socket = socket
        self._limits = limits
        self._outbox: deque[str] = deque()
        self._outbox_bytes = 0
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._reason: tuple[int, str] | None = None

    async def incoming(self) -> AsyncIterator[Incoming]:
        while self._reason is None:
            try:
                message = await self._receive()
            except WebSocketDisconnect:
                break
            if message is None or message["type"] == "websocket.disconnect":
                break
            raw = message.get("text")
            if raw is None:
                raw = message.get("bytes") or b""
            if len(raw) > self._limits.max_message_bytes:
                await self.close(MESSAGE_TOO_BIG, "message too big")
                break
            yield ClientText(raw)
        gone = self._reason[1] if self._reason is not None else "closed by client"
        self._end(NORMAL_CLOSURE, gone)
        yield Gone(gone)

    async def _receive(self) -> Any:
        """The next ASGI message, or None when the link is closed from our side meanwhile.

        Two futures instead of a plain await: a peer that keeps its window shut would hold the reader for ever.
        """
        if self._socket.client_state is not WebSocketState.CONNECTED:
            return None
        reading = asyncio.ensure_future(self._socket.receive())
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait((reading, closing), return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            for waiter in (reading, closing):
                waiter.cancel()

    async def send(self, event: dict[str, Any]) -> None:
        if self._reason is not None:
            return
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        self._outbox.append(text)
        self._outbox_bytes += len(text)
        if self._outbox_bytes > self._limits.outbox_bytes:
            self._expel()
        self._wake.set()

    def attach_playout(self, pop: Callable[[], PlayoutFrameLike]) -> None:
        """Nothing to pull: over a WebSocket audio travels as events."""

    async def close(self, code: int, reason: str) -> None:
        self._end(code, reason)

    async def pump(self) -> None:
        """Send what is in the outbox until the link ends, then what is left of it, then close with the link's code."""
        while self._reason is None:
            if self._outbox:
                await self._send_next()
            else:
                self._wake.clear()
                await self._wake.wait()
        try:
            async with asyncio.timeout(self._limits.slow_reader_s):
                while self._outbox:
                    await self._send_next()
        except TimeoutError:
            self._reason = (TRY_AGAIN_LATER, "slow reader")
        await self._close_socket()

    async def _send_next(self) -> None:
        text = self._outbox.popleft()
        self._outbox_bytes -= len(text)
        try:
            async with asyncio.timeout(self._limits.slow_reader_s):
                await self._socket.send_text(text)
        except TimeoutError:
            self._expel()
        except (WebSocketDisconnect, RuntimeError, OSError):
            self._outbox.clear()
            self._end(NORMAL_CLOSURE, "closed by client")

    def _end(self, code: int, reason: str) -> None:
        if self._reason is None:
            self._reason = (code, reason)
            log.info("link_closed", peer=self.peer, code=code, reason=reason)
        self._closed.set()
        self._wake.set()

    def _expel(self) -> None:
        """The client does not read: what is queued will never leave."""
        self._outbox.clear()
        self._outbox_bytes = 0
        self._end(TRY_AGAIN_LATER, "slow reader")

    async def _close_socket(self) -> None:
        code, reason = self._reason or (NORMAL_CLOSURE, "")
        expel = self._socket.scope.get("state", {}).get("expel")
        if code == TRY_AGAIN_LATER and expel is not None:
            expel(code, reason)  # an ordinary close waits behind the bytes that nobody reads
            return
        try:
            async with asyncio.timeout(self._limits.close_s):
                await self._socket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
            log.debug("close_not_sent", peer=self.peer, code=code)


async def serve(
    socket: WebSocket,
    run: Callable[[WebSocketLink], Awaitable[None]],
    *,
    subprotocol: str | None = None,
    limits: WebSocketLimits | None = None,
) -> None:
    """Accept the socket, run a conversation on it, and leave nothing behind."""
    await socket.accept(subprotocol=subprotocol)
    link = WebSocketLink(socket, limits or WebSocketLimits())
    async with asyncio.TaskGroup() as group:
        group.create_task(link.pump(), name=f"websocket_pump/{link.peer}")
        try:
            await run(link)
        finally:
            await link.close(NORMAL_CLOSURE, "finished")
