"""The server's end of the engine channel: starts the engine process, speaks to it, notices when it dies.

It knows processes and bytes, not conversations: what arrives for a session goes to that session's listener.
A dead or silent engine is replaced; every listener is told (`EngineLost`) and again when a new one is ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog

from realtime.clock import NS_PER_MS, Clock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.errors import CheckpointError, EngineError, EngineLost, EngineOverloaded, ForethoughtError

log = structlog.get_logger("engine")

START_TIMEOUT_S = 60.0
# A living engine answers a ping between two steps (at most some 100 ms); 10 s of silence is a hung or stopped process.
PING_EVERY_S = 2.0
SILENT_AFTER_S = 10.0
STOP_TIMEOUT_S = 2.0
RESTART_PAUSE_S = 0.2
# OpenMP threads that spin while they wait for each other take the core from whoever they wait for: on two busy cores
# with other work that was 1.5 tokens/s against 26 with sleeping threads (see docs/decoder.md, benchmarks/threads.py).
QUIET_THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
# Unsent bytes: one second of one session's audio is 32 KiB, so this is a minute of audio of four sessions.
MAX_UNSENT_BYTES = 8 * 1024 * 1024


class EngineListener(Protocol):
    """A session, as the engine client sees it. The calls must not block."""

    def engine_said(self, message: m.FromEngine) -> None: ...

    def engine_lost(self, error: EngineLost) -> None: ...

    def engine_back(self) -> None: ...


class EngineChannel(Protocol):
    """The engine, as a session sees it."""

    def listen(self, session: str, listener: EngineListener) -> None: ...

    def forget(self, session: str) -> None: ...

    def send(self, message: m.ToEngine) -> None:
        """Raises `EngineLost` while no engine is up, `EngineOverloaded` when it stopped reading."""
        ...


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """What the last pong said."""

    kv_blocks_total: int = 0
    kv_blocks_used: int = 0
    sessions: int = 0
    rss_bytes: int = 0
    ping_ms: float = 0.0


class EngineClient:
    """Owns the engine process. `run` is its one task; everything else is called from the event loop.

    Args:
        config: what to load and how.
        clock: monotonic time.
    """

    def __init__(self, config: EngineConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._listeners: dict[str, EngineListener] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._heard_ns = 0
        self._pinged_ns = 0
        self._first_ready: asyncio.Future[m.Ready] | None = None
        self.ready: m.Ready | None = None
        self.health = EngineHealth()
        self.restarts = 0

    @property
    def is_up(self) -> bool:
        return self.ready is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def listen(self, session: str, listener: EngineListener) -> None:
        self._listeners[session] = listener

    def forget(self, session: str) -> None:
        """The session is over, here and in the engine."""
        if self._listeners.pop(session, None) is not None and self.is_up:
            with contextlib.suppress(EngineError):
                self.send(m.CloseSession(session=session))

    def send(self, message: m.ToEngine) -> None:
        """Queue one message. Raises `EngineLost` while no engine is up, `EngineOverloaded` when it stopped reading."""
        if self._writer is None or self.ready is None:
            raise EngineLost("the engine is not running; a new one is being started, try again in a few seconds")
        if self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise EngineOverloaded("the engine does not keep up with the audio it is sent")
        self._writer.write(m.encode(message))

    async def wait_ready(self) -> m.Ready:
        """The first engine's Ready; raises what kept it from starting."""
        if self._first_ready is None:
            self._first_ready = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._first_ready)

    async def run(self) -> None:
        """Keep one engine alive until cancelled. Raises when the very first one cannot start."""
        while True:
            ended: BaseException = EngineLost("the engine process ended")
            try:
                await self._run_once()
            except* ForethoughtError as group:
                ended = group.exceptions[0]
            except* (OSError, TimeoutError) as group:
                ended = EngineError(f"the engine process could not be started: {group.exceptions[0]!r}")
            finally:
                await self._stop_process()
            self._report(ended if isinstance(ended, ForethoughtError) else EngineLost("the engine ended"))
            self.restarts += 1
            await asyncio.sleep(RESTART_PAUSE_S)

    def _report(self, error: ForethoughtError) -> None:
        """An engine has ended. Before the first was ever ready, that is the operator's error, not a fault to mend."""
        if self._first_ready is None or not self._first_ready.done():
            if self._first_ready is not None:
                self._first_ready.set_exception(error)
            raise error
        log.error("engine_lost", code=error.code, restarts=self.restarts)
        lost = EngineLost("the engine stopped and a new one is being started; the answer in progress is lost")
        for listener in list(self._listeners.values()):
            listener.engine_lost(lost)

    async def _run_once(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "realtime.engine.worker",
                "--fd", str(theirs.fileno()), "--config", self._config.to_json(),
                pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL, env={**QUIET_THREADS, **os.environ},
            )  # fmt: skip
        reader, writer = await asyncio.open_connection(sock=ours)
        self._writer = writer
        async with asyncio.timeout(START_TIMEOUT_S):
            first = await self._receive(reader)
        if isinstance(first, m.Fault):
            raise CheckpointError(first.message)
        if not isinstance(first, m.Ready) or first.version != m.CHANNEL_VERSION:
            raise EngineError("the engine speaks another version of the channel; install both from one release")
        was_lost = self.restarts > 0
        self.ready = first
        self._heard_ns = self._clock.now_ns()
        log.info("engine_ready", model=first.model, load_ms=first.load_ms, pid=self._process.pid)
        if self._first_ready is None:
            self._first_ready = asyncio.get_running_loop().create_future()
        if not self._first_ready.done():
            self._first_ready.set_result(first)
        if was_lost:
            for listener in list(self._listeners.values()):
                listener.engine_back()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._receive_all(reader), name="engine/receive")
            group.create_task(self._watch(), name="engine/watch")

    async def _receive_all(self, reader: asyncio.StreamReader) -> None:
        while True:
            message = await self._receive(reader)
            self._heard_ns = self._clock.now_ns()
            if isinstance(message, m.Pong):
                self.health = EngineHealth(
                    kv_blocks_total=message.kv_blocks_total,
                    kv_blocks_used=message.kv_blocks_used,
                    sessions=message.sessions,
                    rss_bytes=message.rss_bytes,
                    ping_ms=(self._heard_ns - self._pinged_ns) / NS_PER_MS,
                )
                continue
            if isinstance(message, m.Ready):
                continue
            listener = self._listeners.get(message.session or "")
            if listener is not None:
                listener.engine_said(message)

    async def _receive(self, reader: asyncio.StreamReader) -> m.FromEngine:
        try:
            size = int.from_bytes(await reader.readexactly(4), "big")
            return m.decode_from_engine(await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise EngineLost("the engine process ended") from error
        except msgspec.DecodeError as error:
            raise EngineError("the engine sent something that is not a message of the channel") from error

    async def _watch(self) -> None:
        nonce = 0
        while True:
            nonce += 1
            self._pinged_ns = self._clock.now_ns()
            self.send(m.Ping(nonce=nonce))
            await asyncio.sleep(PING_EVERY_S)
            silent_ms = (self._clock.now_ns() - self._heard_ns) / NS_PER_MS
            if silent_ms > SILENT_AFTER_S * 1000:
                raise EngineLost(f"the engine has said nothing for {silent_ms:.0f} ms")

    async def _stop_process(self) -> None:
        """Close the channel (which ends the engine), and kill what does not end."""
        self.ready = None
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
