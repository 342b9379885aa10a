"""uvicorn's WebSocket protocol with a way out: a peer that reads nothing is dropped. It knows nothing of sessions.

An ASGI application cannot abort a connection: `close` waits behind a full write buffer for as long as the peer keeps
the TCP window shut, and so does uvicorn's own answer to a missed ping.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from realtime.transport.websocket import MAX_MESSAGE_BYTES

# What is left of the ten seconds that a slow reader has in all.
_GRACE_S = 1.0


class RealtimeSocket(WebSocketsSansIOProtocol):
    """Offers `scope["state"]["expel"](code, reason)`: queue a close frame, then cut the connection after a second."""

    async def run_asgi(self) -> None:
        self.scope["state"]["expel"] = self._expel
        await super().run_asgi()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(_GRACE_S, self.transport.abort)

    def _expel(self, code: int, reason: str) -> None:
        if self.disconnected:
            return
        if not self.close_sent:
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        # Its presence also tells uvicorn that the connection is being closed already.
        self.close_timer = self.loop.call_later(_GRACE_S, self.transport.abort)


def uvicorn_socket_options() -> dict[str, Any]:
    """Keyword arguments for uvicorn.Config, each with its reason."""
    return {
        "ws": RealtimeSocket,
        "ws_max_size": MAX_MESSAGE_BYTES,
        # Below the 60 s after which common proxies drop a silent connection; a dead peer is gone after 30 s.
        "ws_ping_interval": 15.0,
        "ws_ping_timeout": 15.0,
        # Audio does not compress, and what inflates cannot be bounded before it is inflated.
        "ws_per_message_deflate": False,
    }
