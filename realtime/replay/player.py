"""Plays a session's tape: the conversation itself, step by step as it was recorded, over a world that reads the tape.

No socket, no model, no voice, no time and no event loop: each record says which task goes on and with what, and the
player makes that one step. Everything that the conversation asks for or does on the way must be the next record.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import Executor
from typing import Any, cast

from pydantic import ValidationError

from realtime.conversation import Conversation, Services
from realtime.engine import messages as m
from realtime.engine.client import EngineListener
from realtime.errors import EngineLost
from realtime.ledger import Statement
from realtime.opening import Opening, open_protocol
from realtime.protocol.ids import SeededIds
from realtime.replay import records as r
from realtime.replay.tape import foreign
from realtime.replay.turns import watched
from realtime.replay.values import error_named, value_of
from realtime.replay.walk import Walk
from realtime.settings import Settings
from realtime.transport.link import Incoming, PlayoutFrameLike
from realtime.turns.detectors import EndpointDetector, FrameDetector
from tts_bridge import Pcm, Voice


def play_session(header: r.Header, records: Iterable[r.Record]) -> Walk:
    """Replay a whole session. Raises `Difference` where it leaves the tape, `TapeError` where that is damaged."""
    walk = Walk(records)
    world = _World(walk)
    try:
        opening, settings = Opening(**header.opening), Settings(**header.settings)
    except (TypeError, ValidationError) as error:
        raise foreign(header) from error
    services = Services(
        settings=settings,
        clock=world,
        engine=_Engine(world),
        voice=cast(Voice, _Voice(world)),
        detector=cast(FrameDetector, _Model()),
        endpoint=cast(EndpointDetector, _Model()) if header.has_endpoint else None,
        executor=cast(Executor, None),  # the world's loop runs nothing in it
        metrics=world,
        machine=watched(walk.meet),
        task_group=lambda: _Group(world),
    )
    protocol = open_protocol(settings, opening, SeededIds(header.seed))
    conversation = Conversation(services, _Link(world, opening), protocol)
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(cast(asyncio.AbstractEventLoop, world.loop))
    main = conversation.run()
    try:
        main.send(None)  # up to its wait for the end
        while walk.next is not None:
            if isinstance(walk.next, r.Ended):
                walk.read(r.Ended)
                break
            world.step(walk.next)
    finally:
        for work in (*(task.work for task in world.tasks), main):
            work.close()
        asyncio._set_running_loop(before)
    return walk


class _Loop:
    """What the conversation's own waits ask of a loop. It runs nothing: `_World.step` does."""

    def __init__(self) -> None:
        self.timers: set[asyncio.Future[Any]] = set()
        self.outside: set[asyncio.Future[Any]] = set()  # only a record `Got` ends these

    def get_debug(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=cast(asyncio.AbstractEventLoop, self))

    def from_outside(self) -> asyncio.Future[Any]:
        future = self.create_future()
        self.outside.add(future)
        return future

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        return self.from_outside()

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers.add(args[0])  # asyncio.sleep: its future
        return asyncio.TimerHandle(0.0, callback, args, cast(asyncio.AbstractEventLoop, self))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass


class _Task:
    """A task as the conversation holds it: something that can be cancelled."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work
        self.awaits: asyncio.Future[Any] | None = None

    def cancel(self) -> None:
        if self.awaits is not None:
            self.awaits.cancel()


class _Group(asyncio.TaskGroup):
    def __init__(self, world: _World) -> None:
        super().__init__()
        self._world = world

    async def __aenter__(self) -> _Group:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    def create_task(
        self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        task = _Task(coro)
        self._world.tasks.append(task)
        return cast("asyncio.Task[Any]", task)


class _Model:
    """A detector that is never asked: its answers are on the tape."""

    def stream(self) -> _Model:
        return self

    def probability(self, audio: object) -> float:
        raise AssertionError("nothing runs in the executor of a replay")


class _World:
    """Everything outside the conversation: what makes its tasks go on, the clock, and where its ledgers go."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.loop = _Loop()
        self.tasks: list[_Task] = []
        self.listener: EngineListener | None = None
        self.pop: Callable[[], PlayoutFrameLike] | None = None

    def step(self, record: r.Record) -> None:
        """Make one step of what the tape says comes next."""
        match record:
            case r.Resumed():
                self._resume(self.walk.read(r.Resumed).task)
            case r.Got():
                self._bring(self.walk.read(r.Got))
            case r.Cancelled():
                number = self.walk.read(r.Cancelled).task
                self._run(number, lambda work: work.throw(asyncio.CancelledError()))
            case r.Said() if self.listener is not None:
                self.listener.engine_said(self.walk.read(r.Said).message)
            case r.Lost() if self.listener is not None:
                self.listener.engine_lost(EngineLost(self.walk.read(r.Lost).message))
            case r.Back() if self.listener is not None:
                self.walk.read(r.Back)
                self.listener.engine_back()
            case r.Popped() if self.pop is not None:
                self.walk.read(r.Popped)
                self.pop()
            case _:
                raise self.walk.differ("nothing")

    def _resume(self, number: int) -> None:
        future = self._task(number).awaits
        if future is not None and future in self.loop.timers:
            self.loop.timers.discard(future)
            future.set_result(None)
        elif future is not None and (not future.done() or future in self.loop.outside):
            raise self.walk.differ(f"task {number} still waiting")
        self._run(number, lambda work: work.send(None))

    def _bring(self, got: r.Got) -> None:
        future = self._task(got.task).awaits
        if future is None or future not in self.loop.outside or future.done():
            raise self.walk.differ(f"task {got.task} waiting for nothing from outside")
        self.loop.outside.discard(future)
        value = value_of(got.value)
        if isinstance(value, Exception):
            self._run(got.task, lambda work: work.throw(value))
        else:
            future.set_result(value)
            self._run(got.task, lambda work: work.send(None))

    def _task(self, number: int) -> _Task:
        if number >= len(self.tasks):
            raise self.walk.differ(f"no task {number}")
        return self.tasks[number]

    def _run(self, number: int, step: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        task = self._task(number)
        try:
            task.awaits = step(task.work)
        except (StopIteration, asyncio.CancelledError):
            task.awaits = None
        except Exception as error:  # the boundary of a task, as in a group
            if not isinstance(self.walk.next, r.Failed):
                raise
            self.walk.meet(r.Failed(number, type(error).__name__))

    # --- what the conversation is given ---------------------------------------------------------------

    def now_ns(self) -> int:
        return self.walk.read(r.Now).ns

    def turn(self, status: str, statement: Statement | None) -> None:
        self.walk.meet(r.Closed(status, None if statement is None else statement.to_json()))

    def starved(self, frames: int) -> None:
        """Counted live only: what was heard is on the tape frame by frame."""


class _Link:
    """See `realtime.transport.Link`."""

    peer = "tape"

    def __init__(self, world: _World, opening: Opening) -> None:
        self._world = world
        self.kind = opening.transport
        self.output_rate_hz = opening.output_rate_hz

    async def incoming(self) -> AsyncIterator[Incoming]:
        while True:
            yield await self._world.loop.from_outside()

    async def send(self, event: dict[str, Any]) -> None:
        self._world.walk.meet(r.Event(r.folded(event)))

    def attach_playout(self, pop: Callable[[], PlayoutFrameLike]) -> None:
        self._world.pop = pop

    async def close(self, code: int, reason: str) -> None:
        pass


class _Engine:
    """See `EngineChannel`."""

    def __init__(self, world: _World) -> None:
        self._world = world

    def listen(self, session: str, listener: EngineListener) -> None:
        self._world.listener = listener

    def forget(self, session: str) -> None:
        pass

    def send(self, message: m.ToEngine) -> None:
        self._world.walk.meet(r.Told(r.folded(message)))
        if isinstance(self._world.walk.next, r.Refused):
            refused = self._world.walk.read(r.Refused)
            raise error_named(refused.error, refused.message)


class _Voice:
    """See `tts_bridge.Voice`; only what a conversation asks of it."""

    def __init__(self, world: _World) -> None:
        self._world = world

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        return cast(Pcm, await self._world.loop.from_outside())
