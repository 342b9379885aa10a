"""The engine process: one socket, one loop, one core. `python -m realtime.engine.worker --fd N --config JSON`.

It ends when its socket does, so it cannot outlive the server however the server dies. SIGINT is the terminal's word
to the server, not to us.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import queue
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from realtime.clock import NS_PER_MS, NS_PER_S, MonotonicClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.errors import ForethoughtError
from realtime.heap import trim
from realtime.mapped import leave

if TYPE_CHECKING:
    from realtime.engine.core import EngineCore
    from realtime.replay.engine import RecordedCore

log = structlog.get_logger("engine")

# Messages that may wait for the loop. 4,096 audio messages of 32 ms from 4 sessions are half a minute: past that the
# reader stops reading and the server sees its own send buffer grow.
INBOX_MESSAGES = 4096
IDLE_WAIT_S = 1.0


class Inbox:
    """Reads frames off the socket in a thread of its own; `None` means the socket has ended."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._queue: queue.Queue[m.ToEngine | None] = queue.Queue(INBOX_MESSAGES)
        threading.Thread(target=self._read, name="engine-inbox", daemon=True).start()

    def get(self, timeout_s: float) -> list[m.ToEngine | None]:
        """Everything that waits; waits up to `timeout_s` for the first."""
        got: list[m.ToEngine | None] = []
        try:
            got.append(self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait())
            while True:
                got.append(self._queue.get_nowait())
        except queue.Empty:
            return got

    def _read(self) -> None:
        try:
            with self._sock.makefile("rb", buffering=1 << 16) as stream:
                while header := stream.read(4):
                    size = int.from_bytes(header, "big")
                    if size > m.MAX_MESSAGE_BYTES:
                        log.error("message_too_large", bytes=size)
                        break
                    self._queue.put(m.decode_to_engine(stream.read(size)))
        except (OSError, msgspec.DecodeError) as error:  # a broken channel cannot be resynchronised
            log.error("channel_broken", error=type(error).__name__)
        self._queue.put(None)


def serve(sock: socket.socket, config: EngineConfig) -> None:
    """Load, warm up, say Ready, and run until the socket ends."""
    from realtime.engine.loader import load_engine  # noqa: PLC0415 - torch loads only in this process, and late

    clock = MonotonicClock()
    started_ns = clock.now_ns()
    core: EngineCore | RecordedCore
    if config.record_dir is None:
        core, ready = load_engine(config, clock)
    else:
        from realtime.replay.engine import load_recorded  # noqa: PLC0415 - brings half of the server with it: 78 MB

        core, ready = load_recorded(config, clock, Path(config.record_dir))
    gc.collect()
    trim()
    leave("libllvmlite")  # the compiler of the decoder's step, which is compiled: 68 MB
    gc.freeze()  # the model stays: looking for garbage in it would hold up an answer for a tenth of a second
    load_ms = round((clock.now_ns() - started_ns) / NS_PER_MS, 1)
    sock.sendall(m.encode(msgspec.structs.replace(ready, load_ms=load_ms)))
    inbox = Inbox(sock)
    while True:
        wait_s = 0.0
        if not core.has_work:
            deadline_ns = core.next_deadline_ns
            wait_s = IDLE_WAIT_S
            if deadline_ns is not None:
                wait_s = min(wait_s, max(0.0, (deadline_ns - clock.now_ns()) / NS_PER_S))
        for message in inbox.get(wait_s):
            if message is None:
                return
            _send(sock, core.handle(message))
        _send(sock, core.step())


def _send(sock: socket.socket, messages: list[m.FromEngine]) -> None:
    if messages:
        sock.sendall(b"".join(m.encode(_with_rss(message)) for message in messages))


def _with_rss(message: m.FromEngine) -> m.FromEngine:
    if not isinstance(message, m.Pong):
        return message
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if sys.platform == "linux" else 0
    rss = pages * resource.getpagesize()
    return msgspec.structs.replace(message, rss_bytes=rss)


def main() -> int:
    parser = argparse.ArgumentParser(prog="forethought-engine")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = EngineConfig(**json.loads(arguments.config))
    if config.nice:
        os.nice(config.nice)
    sock = socket.socket(fileno=arguments.fd)
    try:
        serve(sock, config)
    except ForethoughtError as error:
        sock.sendall(m.encode(m.Fault(code=error.code, message=error.message)))
        return 1
    except (BrokenPipeError, ConnectionResetError):
        return 0  # the server is gone, and with it every reason to go on
    return 0


if __name__ == "__main__":
    sys.exit(main())
