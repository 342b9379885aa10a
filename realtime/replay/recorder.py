"""Records one session from outside: wraps what a conversation is given, and changes nothing of what it does.

A conversation runs on one thread. What makes it differ from run to run is what the outside gives it and which of its
tasks runs next, so each task's coroutine is wrapped, too, and every step of it is written down before it is made.
"""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from realtime.clock import Clock
from realtime.conversation import Services
from realtime.engine import messages as m
from realtime.engine.client import EngineChannel, EngineListener
from realtime.errors import EngineError, EngineLost
from realtime.ledger import Statement
from realtime.metrics import TurnMetrics
from realtime.opening import Opening, open_protocol
from realtime.protocol import ProtocolSession
from realtime.protocol.ids import SeededIds
from realtime.replay import records as r
from realtime.replay.tape import TapeWriter
from realtime.replay.turns import watched
from realtime.replay.values import plain_of
from realtime.settings import Settings
from realtime.transport import Link
from realtime.transport.link import Incoming, PlayoutFrameLike
from tts_bridge import Pcm, Voice

T = TypeVar("T")
SEED_BYTES = 16
BYTES_PER_MB = 1_000_000


class SessionRecorder:
    """One session's tape, and the wrappers that write on it.

    Args:
        directory: where the tape is written, as `<session>.session.tape`.
        models: SHA-256 sums for the header.
        has_endpoint: the end-of-turn model is asked.
    """

    def __init__(
        self, settings: Settings, opening: Opening, directory: Path, models: dict[str, str], *, has_endpoint: bool
    ) -> None:
        seed = secrets.token_bytes(SEED_BYTES)
        self.protocol: ProtocolSession = open_protocol(settings, opening, SeededIds(seed))
        header = r.Header(
            side="session",
            settings=settings.model_dump(mode="json"),  # keys and secrets are masked
            models=models,
            opening=asdict(opening),
            seed=seed,
            has_endpoint=has_endpoint,
        )
        path = directory / f"{self.protocol.session_id}.session.tape"
        self._tape = TapeWriter(path, header, settings.server.record_mb * BYTES_PER_MB)
        self._tasks = 0
        self._running: _Task[Any] | None = None

    def services(self, services: Services) -> Services:
        """The same services, watched."""
        return replace(
            services,
            clock=RecordedClock(services.clock, self.write),
            engine=_Engine(services.engine, self),
            voice=_Voice(services.voice, self),
            metrics=_Metrics(services.metrics, self),
            machine=watched(self.write),
            task_group=lambda: _Group(self),
        )

    def link(self, link: Link) -> Link:
        """The same link, watched."""
        return _Link(link, self)

    # --- for the wrappers ---------------------------------------------------------------------------

    def write(self, record: r.Record) -> None:
        self._tape.write(record)

    def over(self) -> None:
        """The session ends here; how its tasks are taken down is no part of it."""
        self._tape.close()

    def task(self, work: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        self._tasks += 1
        return _Task(work, self._tasks - 1, self)

    def runs(self, task: _Task[Any]) -> None:
        self._running = task

    async def outside(self, work: Awaitable[T]) -> T:
        """Await something that is not the conversation's own; only what it brings is written down."""
        task = self._running
        assert task is not None, "only tasks of the conversation wait for the outside"
        task.is_outside = True
        brought: Any = None
        try:
            brought = value = await work
        except asyncio.CancelledError:
            self.write(r.Cancelled(task.number))
            raise
        except Exception as error:
            brought = error
            raise
        finally:
            task.is_outside = False
            if (plain := plain_of(brought)) is not None:
                self.write(r.Got(task.number, plain))
        return value


class _Task(Coroutine[Any, Any, T]):
    """A task's coroutine, whose steps are written down."""

    def __init__(self, work: Coroutine[Any, Any, T], number: int, recorder: SessionRecorder) -> None:
        self._work = work
        self._recorder = recorder
        self._awaits: Any = None
        self.number = number
        self.is_outside = False

    def send(self, value: Any) -> Any:
        self._went_on(_brought(self._awaits))
        return self._step(lambda: self._work.send(value))

    def throw(self, *error: Any) -> Any:
        """A task is resumed like this when it is cancelled, and when what it waited for failed."""
        if isinstance(error[0], asyncio.CancelledError):
            if not self.is_outside:
                self._recorder.write(r.Cancelled(self.number))
        else:
            self._went_on(plain_of(error[0]))
        return self._step(lambda: self._work.throw(*error))

    def _went_on(self, brought: list[Any] | None) -> None:
        if not self.is_outside:
            self._recorder.write(r.Resumed(self.number) if brought is None else r.Got(self.number, brought))

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Any:
        raise TypeError("a task's coroutine is run by its task")

    def _step(self, step: Callable[[], Any]) -> Any:
        self._recorder.runs(self)
        try:
            self._awaits = step()
        except (StopIteration, asyncio.CancelledError):
            raise
        except Exception as error:
            self._recorder.write(r.Failed(self.number, type(error).__name__))
            raise
        return self._awaits


def _brought(awaited: Any) -> list[Any] | None:
    """What a finished future of an executor brought; None for asyncio's own waits."""
    return plain_of(awaited.result()) if asyncio.isfuture(awaited) and awaited.done() else None


class _Group(asyncio.TaskGroup):
    """The conversation's tasks."""

    def __init__(self, recorder: SessionRecorder) -> None:
        super().__init__()
        self._recorder = recorder

    def create_task(
        self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        return super().create_task(self._recorder.task(coro), name=name, context=context)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.over()
        await super().__aexit__(kind, error, trace)


class RecordedClock:
    """A clock whose readings are written down."""

    def __init__(self, clock: Clock, write: Callable[[r.Record], None]) -> None:
        self._clock = clock
        self._write = write

    def now_ns(self) -> int:
        now_ns = self._clock.now_ns()
        self._write(r.Now(now_ns))
        return now_ns


class _Link:
    """See `realtime.transport.Link`."""

    def __init__(self, link: Link, recorder: SessionRecorder) -> None:
        self._link = link
        self._recorder = recorder
        self.kind = link.kind
        self.output_rate_hz = link.output_rate_hz
        self.peer = link.peer

    async def incoming(self) -> AsyncIterator[Incoming]:
        incoming = self._link.incoming()
        while True:
            yield await self._recorder.outside(anext(incoming))

    async def send(self, event: dict[str, Any]) -> None:
        self._recorder.write(r.Event(r.folded(event)))
        await self._recorder.outside(self._link.send(event))

    def attach_playout(self, pop: Callable[[], PlayoutFrameLike]) -> None:
        def popped() -> PlayoutFrameLike:
            self._recorder.write(r.Popped())
            return pop()

        self._link.attach_playout(popped)

    async def close(self, code: int, reason: str) -> None:
        await self._link.close(code, reason)


class _Engine:
    """See `EngineChannel`."""

    def __init__(self, engine: EngineChannel, recorder: SessionRecorder) -> None:
        self._engine = engine
        self._recorder = recorder

    def listen(self, session: str, listener: EngineListener) -> None:
        self._engine.listen(session, _Listener(listener, self._recorder))

    def forget(self, session: str) -> None:
        self._engine.forget(session)

    def send(self, message: m.ToEngine) -> None:
        self._recorder.write(r.Told(r.folded(message)))
        try:
            self._engine.send(message)
        except EngineError as error:
            self._recorder.write(r.Refused(type(error).__name__, error.message))
            raise


class _Listener:
    def __init__(self, listener: EngineListener, recorder: SessionRecorder) -> None:
        self._listener = listener
        self._recorder = recorder

    def engine_said(self, message: m.FromEngine) -> None:
        self._recorder.write(r.Said(message))
        self._listener.engine_said(message)

    def engine_lost(self, error: EngineLost) -> None:
        self._recorder.write(r.Lost(error.message))
        self._listener.engine_lost(error)

    def engine_back(self) -> None:
        self._recorder.write(r.Back())
        self._listener.engine_back()


class _Voice:
    """See `tts_bridge.Voice`."""

    def __init__(self, voice: Voice, recorder: SessionRecorder) -> None:
        self._voice = voice
        self._recorder = recorder

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        return await self._recorder.outside(self._voice.synthesise(text, speed=speed))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._voice, name)


class _Metrics:
    def __init__(self, metrics: TurnMetrics, recorder: SessionRecorder) -> None:
        self._metrics = metrics
        self._recorder = recorder

    def turn(self, status: str, statement: Statement | None) -> None:
        self._recorder.write(r.Closed(status, None if statement is None else statement.to_json()))
        self._metrics.turn(status, statement)

    def starved(self, frames: int) -> None:
        self._metrics.starved(frames)
