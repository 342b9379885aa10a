"""The tape of one session or of one engine: a line of records, as they came. Knows files and records, no conversation.

Everything that the outside gave (what clients sent, votes, clock readings, which task ran next) and everything that
came of it stand in one order. Replay walks that line: what it asks for must be the next record, and what it does must
be the next record, so the first difference is found where it happens.

    file    = "forethought tape 1\\n" frame*        the first frame is the Header
    frame   = length (4 bytes, big endian) crc32 (4 bytes) msgpack      see `realtime.replay.records`
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import structlog

from realtime.errors import ConfigurationError, TapeError
from realtime.replay import records as r

log = structlog.get_logger("tape")

FORMAT = 1
MAGIC = b"forethought tape "
# A client's largest message is 21 MiB.
MAX_FRAME_BYTES = 32 * 1024 * 1024
# Written in one piece: some 50 ms of a conversation, so a killed process loses no more.
BATCH_BYTES = 4 * 1024
# What may wait for a slow disk; a minute of conversation. Beyond it the recording stops, not the conversation.
MAX_WAITING_BYTES = 8 * 1024 * 1024
# A tape never replaces another file, and is never written through a link.
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def manifest_hash(*paths: Path) -> str:
    """SHA-256 over files that name others' hashes."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


class TapeWriter:
    """Writes one tape, mode 0600, in a thread of its own. Nothing that goes wrong here reaches the conversation.

    Past `limit_bytes`, on a full disk and on one that does not keep up it stops, and what is there can be replayed.
    """

    def __init__(self, path: Path, header: r.Header, limit_bytes: int) -> None:
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
        self._take(r.framed(header))

    def write(self, record: r.Record) -> None:
        """Never raises, never waits."""
        if self.is_over:
            return
        try:
            frame = r.framed(record)
        except (TypeError, ValueError, OverflowError):  # what no msgpack can hold, such as a number of 70 bits
            self.close(f"a record {type(record).__name__} cannot be written")
            return
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
        self._take(r.framed(r.Ended(reason)))
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


def foreign(header: r.Header) -> TapeError:
    """What to say of a tape whose header names other settings than ours."""
    return TapeError(f"the tape was made by version {header.package}, whose settings are not ours; replay it with that")


def read_tape(path: Path) -> tuple[r.Header, Iterator[r.Record]]:
    """The header, and the records as they are asked for. Both raise `TapeError` for what is no whole tape of ours."""
    pieces = _frames(path)
    try:
        return r.decode_header(next(pieces)), _records(path, pieces)
    except StopIteration:
        raise TapeError(f"{path} is empty") from None
    except msgspec.DecodeError as error:
        raise TapeError(f"{path} has a header that this version cannot read: {error}") from error


def _records(path: Path, pieces: Iterable[bytes]) -> Iterator[r.Record]:
    for position, piece in enumerate(pieces):
        try:
            yield r.decode_record(piece)
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
