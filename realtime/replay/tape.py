"""The tape of one session or of one engine: a line of records, as they came. Knows files and records, no conversation.

Everything that the outside gave (what clients sent, votes, clock readings, which task ran next) and everything that
came of it stand in one order. Replay walks that line: what it asks for must be the next record, and what it does must
be the next record, so the first difference is found where it happens.

    file    = "forethought tape 1\\n" frame*        the first frame is the Header
    frame   = length (4 bytes, big endian) crc32 (4 bytes) msgpack
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import structlog

from realtime.engine import messages as m
from realtime.errors import ConfigurationError, TapeError

log = structlog.get_logger("tape")

FORMAT = 1
MAGIC = b"forethought tape "
# A client's largest message is 21 MiB.
MAX_FRAME_BYTES = 32 * 1024 * 1024
# Written in one piece: some 50 ms of a conversation, so a killed process loses no more.
BATCH_BYTES = 4 * 1024
# What may wait for a slow disk; a minute of conversation. Beyond it the recording stops, not the conversation.
MAX_WAITING_BYTES = 8 * 1024 * 1024
# Longer text and audio of what we sent is kept as its hash: enough to tell whether it is the same.
WHOLE_BYTES = 512

# A tape never replaces another file, and is never written through a link.
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL

R = TypeVar("R", bound="Record")


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
    body = _encoder.encode(value)
    return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def folded(value: Any) -> dict[str, Any]:
    """A message or event as plain values, long text and audio in it as length and hash."""
    plain: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(bytes,))
    return {name: _hashed(part) for name, part in plain.items()}


def _hashed(part: Any) -> Any:
    if not isinstance(part, str | bytes) or len(part) <= WHOLE_BYTES:
        return part
    content = part.encode() if isinstance(part, str) else part
    return f"{len(part)} {type(part).__name__}, sha256 {hashlib.sha256(content).hexdigest()}"


def manifest_hash(*paths: Path) -> str:
    """SHA-256 over files that name others' hashes."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


class TapeWriter:
    """Writes one tape, mode 0600, in a thread of its own. Nothing that goes wrong here reaches the conversation.

    Past `limit_bytes`, on a full disk and on one that does not keep up it stops, and what is there can be replayed.
    """

    def __init__(self, path: Path, header: Header, limit_bytes: int) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self.taken_bytes = self._written_bytes = 0
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._descriptor: int | None = None
        self.is_over = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tape")
        self._last = self._thread.submit(self._open)
        self._take(MAGIC + b"%d\n" % FORMAT)
        self._take(framed(header))

    def write(self, record: Record) -> None:
        """Never raises, never waits."""
        if self.is_over:
            return
        frame = framed(record)
        if self.taken_bytes + len(frame) > self._limit_bytes:
            self.close(f"the tape may hold {self._limit_bytes} bytes")
        elif self.taken_bytes - self._written_bytes > MAX_WAITING_BYTES:
            self.close("the disk does not keep up")
        else:
            self._take(frame)

    def close(self, reason: str = "") -> None:
        """No more records; what is waiting is still written."""
        if self.is_over:
            return
        if reason:
            log.warning("recording_stopped", tape=self._path.name, reason=reason)
        self._take(framed(Ended(reason)))
        self.is_over = True
        self._send()
        self._last = self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    @property
    def is_writing(self) -> bool:
        """Something that was taken is not on the disk yet."""
        return not self._last.done()

    def _take(self, piece: bytes) -> None:
        self.taken_bytes += len(piece)
        self._batch.append(piece)
        self._batch_bytes += len(piece)
        if self._batch_bytes >= BATCH_BYTES:
            self._send()

    def _send(self) -> None:
        piece, self._batch, self._batch_bytes = b"".join(self._batch), [], 0
        self._last = self._thread.submit(self._write, piece)

    # --- in the thread ------------------------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self._path, NEW_FILE, 0o600)
        except OSError as error:
            self._fail(error)

    def _write(self, piece: bytes) -> None:
        begin, descriptor = self._written_bytes, self._descriptor
        if descriptor is None:
            return
        try:
            while piece:
                done = os.write(descriptor, piece)
                self._written_bytes += done
                piece = piece[done:]
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, begin)  # a tape ends with a whole record
            self._close()
            self._fail(error)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _fail(self, error: OSError) -> None:
        self.is_over = True
        log.error("recording_failed", tape=self._path.name, reason=error.strerror)


def prepare_directory(directory: Path) -> None:
    """Make the directory of tapes, for its owner alone. Raises `ConfigurationError`."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot record to {directory}: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ConfigurationError(f"cannot record to {directory}: it is not ours to write to")


def read_tape(path: Path) -> tuple[Header, Iterator[Record]]:
    """The header, and the records as they are asked for. Both raise `TapeError` for what is no whole tape of ours."""
    pieces = _frames(path)
    try:
        return _header.decode(next(pieces)), _records(path, pieces)
    except StopIteration:
        raise TapeError(f"{path} is empty") from None
    except msgspec.DecodeError as error:
        raise TapeError(f"{path} has a header that this version cannot read: {error}") from error


def _records(path: Path, pieces: Iterable[bytes]) -> Iterator[Record]:
    for position, piece in enumerate(pieces):
        try:
            yield _record.decode(piece)
        except msgspec.DecodeError as error:
            raise TapeError(f"{path} is damaged: record {position} is none") from error


def _frames(path: Path) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise TapeError(f"cannot read {path}: {error.strerror}") from error
    with file:
        first = file.readline(64)
        if not first.startswith(MAGIC):
            raise TapeError(f"{path} is not a tape")
        if first != MAGIC + b"%d\n" % FORMAT:
            form = first[len(MAGIC) :].decode(errors="replace").strip()
            raise TapeError(f"{path} has format {form!r} and this version reads {FORMAT}; replay it where it was made")
        while head := file.read(8):
            size = int.from_bytes(head[:4], "big")
            body = file.read(size) if size <= MAX_FRAME_BYTES else b""
            if len(head) < 8 or len(body) < size or zlib.crc32(body) != int.from_bytes(head[4:], "big"):
                raise TapeError(f"{path} is damaged at byte {file.tell()}")
            yield body


class Difference(Exception):
    """A replay left the tape at record `position`."""

    def __init__(self, position: int, expected: object, got: object) -> None:
        super().__init__(f"record {position}: expected {expected}, got {got}")
        self.position, self.expected, self.got = position, expected, got


class Walk:
    """A replay's place on the tape. Raises `Difference` wherever the replay leaves it."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = iter(records)
        self._next: Record | None = next(self._records, None)
        self.position = 0
        self.counts: dict[str, int] = {}
        self.tokens = self.ledgers = 0
        self.end: str | None = None  # the reason on the end mark, once it was reached

    @property
    def next(self) -> Record | None:
        return self._next

    def differ(self, got: object) -> Difference:
        return Difference(self.position, "nothing more" if self._next is None else self._next, got)

    def read(self, kind: type[R]) -> R:
        """What the replay asks of the outside."""
        record = self._next
        if not isinstance(record, kind):
            raise self.differ(f"a wish for {kind.__name__}")
        self._advance(record)
        return record

    def meet(self, got: Record) -> None:
        """What the replay did."""
        if self._next != got and self._next != _record.decode(_encoder.encode(got)):  # a tape knows no tuples
            raise self.differ(got)
        self._advance(got)

    def _advance(self, record: Record) -> None:
        name = type(record).__name__
        self.counts[name] = self.counts.get(name, 0) + 1
        match record:
            case Said(message=m.Note() | m.Thought() as thinking):
                self.tokens += thinking.tokens
            case Said(message=m.Done() as done):
                self.tokens += done.answer_tokens
            case Closed(statement=dict()):
                self.ledgers += 1
            case Ended():
                self.end = record.reason
        self._next = next(self._records, None)
        self.position += 1
