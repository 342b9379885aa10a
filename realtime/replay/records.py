"""What stands on a tape, record by record, and each as bytes. Knows no file and no conversation."""

from __future__ import annotations

import hashlib
import zlib
from importlib.metadata import version
from typing import Any, Literal

import msgspec

from realtime.engine import messages as m

# Longer text and audio of what we sent is kept as its hash: enough to tell whether it is the same.
WHOLE_BYTES = 512


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay must rebuild. `models` holds SHA-256 sums of the manifests, which hold those of the weights."""

    side: Literal["session", "engine"]
    settings: dict[str, Any]
    models: dict[str, str]
    opening: dict[str, Any] = {}
    seed: bytes = b""
    has_endpoint: bool = True
    package: str = msgspec.field(default_factory=lambda: version("forethought"))


class Record(msgspec.Struct, frozen=True, array_like=True):
    """Base of all records."""


# --- what comes from outside ------------------------------------------------------------------------


class Resumed(Record, frozen=True, tag="r", array_like=True):
    """Task `task` (counted from 0 as they were made) went on; what it waited for brought no value."""

    task: int


class Got(Record, frozen=True, tag="g", array_like=True):
    """Task `task` went on with something from outside: see `realtime.replay.values`."""

    task: int
    value: list[Any]


class Cancelled(Record, frozen=True, tag="c", array_like=True):
    """Task `task` was cancelled."""

    task: int


class Popped(Record, frozen=True, tag="p", array_like=True):
    """WebRTC's track asked for a frame."""


class Lost(Record, frozen=True, tag="l", array_like=True):
    """The engine was lost."""

    message: str


class Back(Record, frozen=True, tag="b", array_like=True):
    """A new engine is ready."""


class Now(Record, frozen=True, tag="n", array_like=True):
    """A reading of the clock."""

    ns: int


class Refused(Record, frozen=True, tag="x", array_like=True):
    """The engine's channel refused the message before."""

    error: str
    message: str


class Handled(Record, frozen=True, tag="h", array_like=True):
    """The engine took a message."""

    message: m.ToEngine


class Stepped(Record, frozen=True, tag="s", array_like=True):
    """The engine made one step."""


# --- what came of it --------------------------------------------------------------------------------


class Said(Record, frozen=True, tag="m", array_like=True):
    """A message of the engine: an input of the session, an output of the engine."""

    message: m.FromEngine


class Event(Record, frozen=True, tag="e", array_like=True):
    """An event left for the client."""

    body: dict[str, Any]


class Told(Record, frozen=True, tag="t", array_like=True):
    """A message for the engine."""

    body: dict[str, Any]


class Judged(Record, frozen=True, tag="j", array_like=True):
    """A call of the turn machine and its decisions: see `realtime.replay.turns`."""

    call: str
    arguments: list[Any]
    decisions: list[dict[str, Any]]


class Closed(Record, frozen=True, tag="d", array_like=True):
    """A turn was closed; its ledger."""

    status: str
    statement: dict[str, Any] | None


class Failed(Record, frozen=True, tag="f", array_like=True):
    """Task `task` ended with an error."""

    task: int
    error: str


class Ended(Record, frozen=True, tag="z", array_like=True):
    """The end. A reason says that the recording was stopped while the conversation went on."""

    reason: str = ""


_RECORDS = (
    Resumed | Got | Cancelled | Popped | Lost | Back | Now | Refused | Handled | Stepped | Said | Event | Told | Judged
    | Closed | Failed | Ended
)  # fmt: skip
_encoder = msgspec.msgpack.Encoder()
_header: msgspec.msgpack.Decoder[Header] = msgspec.msgpack.Decoder(Header)
_record: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(_RECORDS)


def framed(value: Header | Record) -> bytes:
    """A value as a frame of the file: length, CRC-32, msgpack."""
    body = _encoder.encode(value)
    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def decode_header(body: bytes) -> Header:
    """Raises `msgspec.DecodeError`."""
    return _header.decode(body)


def decode_record(body: bytes) -> Record:
    """Raises `msgspec.DecodeError`."""
    record: Record = _record.decode(body)
    return record


def read_back(record: Record) -> Record:
    """The record as a tape would give it back: tuples are lists there."""
    return decode_record(_encoder.encode(record))


def folded(value: Any) -> dict[str, Any]:
    """A message or event as plain values, long text and audio in it as length and hash."""
    plain: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(bytes,))
    return {name: _hashed(part) for name, part in plain.items()}


def _hashed(part: Any) -> Any:
    if not isinstance(part, str | bytes) or len(part) <= WHOLE_BYTES:
        return part
    content = part.encode(errors="surrogatepass") if isinstance(part, str) else part
    return f"{len(part)} {type(part).__name__}, sha256 {hashlib.sha256(content).hexdigest()}"
