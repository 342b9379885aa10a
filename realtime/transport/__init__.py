"""Sockets in, 16 kHz audio and text out; events and paced audio back. It knows no model, no mind and no engine."""

from realtime.transport.auth import AccessPolicy, Admitted, Caller, Refused, SecretVerifier
from realtime.transport.link import AudioIn, ClientText, Gone, Incoming, Link, PlayoutFrameLike
from realtime.transport.resampler import Resampler
from realtime.transport.routes import CallRoutes, SecretMinter, SessionHost, TransportConfig
from realtime.transport.uvicorn_socket import uvicorn_socket_options
from realtime.transport.webrtc import WebRtcLink, WebRtcOptions, answer
from realtime.transport.websocket import WebSocketLimits, WebSocketLink

__all__ = [
    "AccessPolicy",
    "Admitted",
    "AudioIn",
    "CallRoutes",
    "Caller",
    "ClientText",
    "Gone",
    "Incoming",
    "Link",
    "PlayoutFrameLike",
    "Refused",
    "Resampler",
    "SecretMinter",
    "SecretVerifier",
    "SessionHost",
    "TransportConfig",
    "WebRtcLink",
    "WebRtcOptions",
    "WebSocketLimits",
    "WebSocketLink",
    "answer",
    "uvicorn_socket_options",
]
