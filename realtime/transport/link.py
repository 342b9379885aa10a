"""What a conversation sees of its client: a link that brings text and audio in and takes events and frames out.

It does not know which wire is below it, what the text means, or who decides when to speak.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

# The rate of everything that listens: AudioIn is always 16 kHz mono.
INPUT_RATE_HZ = 16_000

WireKind = Literal["webrtc", "websocket"]


@dataclass(frozen=True, slots=True)
class ClientText:
    """One message of the client, not yet parsed (JSON is the protocol's business)."""

    raw: str | bytes


@dataclass(frozen=True, slots=True, eq=False)
class AudioIn:
    """Audio from a media track.

    pcm: int16 [samples], mono, 16 kHz. `at_sample` is the position of its first sample in the link's stream;
    consecutive AudioIn are contiguous: what was lost is concealed, what was dropped is silence, nothing is skipped.
    `arrival_ns` is the monotonic time at which the packet that completed it arrived.
    """

    at_sample: int
    pcm: NDArray[np.int16]
    arrival_ns: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The last thing a link ever delivers: the client is no longer there, and why (a short constant reason)."""

    reason: str


Incoming = ClientText | AudioIn | Gone


class PlayoutFrameLike(Protocol):
    """The part of a playout frame that a wire needs."""

    @property
    def pcm(self) -> NDArray[np.int16]: ...


class Link(Protocol):
    """One connected client.

    `send` never waits for the client: events go to a bounded outbox, and a client that does not read is closed with
    1013 within 10 s. After the link is closed `send` does nothing; the reader learns of it from `incoming`.
    """

    @property
    def kind(self) -> WireKind: ...

    @property
    def output_rate_hz(self) -> int:
        """48000 over WebRTC, 24000 over WebSocket."""
        ...

    @property
    def peer(self) -> str: ...

    def incoming(self) -> AsyncIterator[Incoming]:
        """Everything from the client, in order of arrival; ends after one Gone. One reader only."""
        ...

    async def send(self, event: dict[str, Any]) -> None: ...

    def attach_playout(self, pop: Callable[[], PlayoutFrameLike]) -> None:
        """WebRTC: pull one 20 ms frame from `pop` per beat. WebSocket: does nothing (audio travels as events)."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye and free everything; may be called more than once, returns when nothing is left."""
        ...
