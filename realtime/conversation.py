"""One conversation: wires a link, the protocol, hearing, the engine, the voice and the playout. One TaskGroup.

    receive   link → protocol → commands          (never waits for a model or a voice)
    hear      audio → voice activity → decisions   (models in an executor)
    send      events → link
    pace      WebSocket only: one frame per beat as an audio event (WebRTC's track pulls by itself)
    speak/…   one child per attempt at an answer
    endpoint/… one child per question to the end-of-turn model

What happens in a turn is `realtime.exchange`'s; this module only carries it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from realtime.clock import NS_PER_MS, NS_PER_S, Clock
from realtime.engine import messages as m
from realtime.engine.client import EngineChannel
from realtime.errors import EngineError, EngineLost, ForethoughtError, LimitError
from realtime.exchange import Exchange
from realtime.foreseen import ForeseenVoice
from realtime.hearing import Hearing
from realtime.metrics import TurnMetrics
from realtime.protocol import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    Command,
    CommitAudio,
    ConfigChanged,
    CreateResponse,
    DropItem,
    ProtocolSession,
    PutItem,
    ServerEvent,
    ServerVad,
    SessionConfig,
    TruncateItem,
)
from realtime.settings import Settings
from realtime.speaking import Speaking
from realtime.transport import AudioIn, ClientText, Gone, Link, Resampler
from realtime.turn import Turn
from realtime.turns import Decision, Suspicion, TurnMachine, TurnPolicy
from realtime.turns.decisions import SILENCE_DBFS, level_dbfs
from realtime.turns.detectors import EndpointDetector, FrameDetector
from realtime.turns.listener import as_float32
from tts_bridge import Playout, PlayoutFrame, Segmenter, Voice

log = structlog.get_logger("conversation")

# Events that may wait for the link; the link itself closes a client that does not read.
MAX_WAITING_EVENTS = 4096
# A WebSocket client has no jitter buffer of ours before it: this much is sent ahead of the beat.
WEBSOCKET_LEAD_MS = 200
# After a stall the pace goes on from now instead of sending what is late in one burst.
MAX_LATE_MS = 500


@dataclass(frozen=True, slots=True)
class Services:
    """What every conversation of a server shares."""

    settings: Settings
    clock: Clock
    engine: EngineChannel
    voice: Voice
    detector: FrameDetector
    endpoint: EndpointDetector | None
    executor: Executor
    metrics: TurnMetrics
    background: Executor | None = None  # yields to everything else
    # What a recording watches besides: the turn machine's calls, and which task runs next.
    machine: Callable[[TurnPolicy], TurnMachine] = TurnMachine
    task_group: Callable[[], asyncio.TaskGroup] = asyncio.TaskGroup


@dataclass(slots=True)
class _Said:
    """The history as text, for a new engine when the old one is lost."""

    item: str
    role: str
    text: str


class _Over(Exception):
    """Ends the conversation's task group."""


class Conversation:
    """See the module's docstring. `run` is its whole life."""

    def __init__(self, services: Services, link: Link, protocol: ProtocolSession) -> None:
        self._services = services
        self._link = link
        self._protocol = protocol
        self._session = protocol.session_id
        self._clock = services.clock
        self._outbox: asyncio.Queue[ServerEvent] = asyncio.Queue(MAX_WAITING_EVENTS)
        self._history: list[_Said] = []
        self._resampler: Resampler | None = None
        self._group: asyncio.TaskGroup | None = None
        self._over = asyncio.Event()
        self._over_reason = "closed"
        self._playout = Playout(link.output_rate_hz)
        self._voice = ForeseenVoice(services.voice, self.spawn)
        self._starved_frames = 0  # of those, what the metrics know already
        self._hearing = Hearing(
            services.detector.stream(),
            services.endpoint,
            services.executor,
            policy_of(protocol.config),
            decided=self._decided,
            judged=self._judged,
            suspected=self._suspected,
            background=services.background,
            machine=services.machine,
        )
        self._exchange = Exchange(
            self._session,
            self,
            protocol,
            self._hearing,
            self._playout,
            services.settings.thinking,
            services.clock,
            is_webrtc=link.kind == "webrtc",
        )

    # --- life ---------------------------------------------------------------------------------------

    async def run(self) -> str:
        """Talk until the client is gone; returns why it ended."""
        engine = self._services.engine
        engine.listen(self._session, self)
        try:
            async with self._services.task_group() as group:
                self._group = group
                self.emit(self._protocol.open())
                self.tell_engine(self._opening())
                self._link.attach_playout(self._pop)
                group.create_task(self._send(), name=f"send/{self._session}")
                group.create_task(self._hearing.run(group), name=f"hear/{self._session}")
                group.create_task(self._receive(), name=f"receive/{self._session}")
                group.create_task(self._limit(), name=f"limit/{self._session}")
                if self._link.kind == "websocket":
                    group.create_task(self._pace(), name=f"pace/{self._session}")
                await self._over.wait()
                raise _Over
        except* _Over:
            pass
        finally:
            self._group = None
            engine.forget(self._session)
        return self._over_reason

    @property
    def is_busy(self) -> bool:
        """A turn is being spoken, thought about or answered."""
        return self._exchange.turn is not None

    def end(self, reason: str) -> None:
        """Ask the conversation to end."""
        self._over_reason = reason
        self._over.set()

    async def _receive(self) -> None:
        incoming: AsyncIterator[ClientText | AudioIn | Gone] = self._link.incoming()
        async for happening in incoming:
            match happening:
                case ClientText():
                    reaction = self._protocol.receive(happening.raw)
                    self.emit(reaction.events)
                    for command in reaction.commands:
                        self._obey(command)
                case AudioIn():
                    self._protocol.buffered_ms += 1000 * len(happening.pcm) / m.INPUT_SAMPLE_RATE_HZ
                    self._hearing.push(happening.pcm, happening.arrival_ns)
                case Gone():
                    self.end(happening.reason)
                    return

    async def _send(self) -> None:
        while True:
            await self._link.send(await self._outbox.get())

    async def _pace(self) -> None:
        """WebSocket: frames leave on the beat of the monotonic clock, `WEBSOCKET_LEAD_MS` ahead of what is heard."""
        frame_ns = self._playout.frame_ms * NS_PER_MS
        beat_ns = self._clock.now_ns()
        while True:
            now_ns = self._clock.now_ns()
            if now_ns - beat_ns > MAX_LATE_MS * NS_PER_MS:
                beat_ns = now_ns
            frame = self._pop()
            if frame.first:
                for _ in range(WEBSOCKET_LEAD_MS // self._playout.frame_ms):
                    self._pop()
            beat_ns += frame_ns
            await asyncio.sleep(max(0, beat_ns - self._clock.now_ns()) / NS_PER_S)

    async def _limit(self) -> None:
        minutes = self._services.settings.server.session_minutes
        await asyncio.sleep(minutes * 60)
        self.emit(
            self._protocol.fault(LimitError(f"a session lasts at most {minutes:g} minutes", code="session_expired"))
        )
        self.end("session expired")

    # --- the client's commands ----------------------------------------------------------------------

    def _obey(self, command: Command) -> None:
        try:
            self._carry_out(command)
        except ForethoughtError as error:
            self.emit(self._protocol.fault(error))

    def _create_response(self, command: CreateResponse) -> None:
        try:
            self._exchange.create_response(command.response_id, command.params)
        except ForethoughtError as error:
            self.emit(self._protocol.fault(error))
            self.emit(self._protocol.response_finished(command.response_id, "failed", error=error))

    def _cancel_response(self, command: CancelResponse) -> None:
        self._exchange.cancel_response(command.response_id)

    def _carry_out(self, command: Command) -> None:
        match command:
            case AppendAudio():
                self._append(command)
            case CommitAudio():
                self._exchange.commit_requested(command.item_id)
                self._hearing.commit(self._exchange.commit_answered)
            case ClearAudio():
                self._hearing.clear(lambda: self.emit(self._protocol.audio_cleared()))
            case ConfigChanged():
                self._configure(command.config, command.changed)
            case CreateResponse():
                # Clients ask for the answer right behind their commit, which waits for the audio before it.
                self._hearing.after_audio(lambda: self._create_response(command))
            case CancelResponse():
                if not self._exchange.cancel_response(command.response_id):
                    self._hearing.after_audio(lambda: self._cancel_response(command))
            case ClearOutput():
                self._exchange.clear_output()
            case PutItem():
                # Behind the audio committed before it, as in the client's own order.
                self._hearing.after_audio(lambda: self._put(command))
            case DropItem():
                self._hearing.after_audio(lambda: self._drop(command))
            case TruncateItem():
                self._truncate(command)

    def _put(self, command: PutItem) -> None:
        self._exchange.history_edited()
        self._remember(command.item_id, command.role, command.text, command.previous)
        self.tell_engine(
            m.PutText(
                session=self._session,
                item=command.item_id,
                role=command.role,
                text=command.text,
                after=command.previous,
            )
        )

    def _drop(self, command: DropItem) -> None:
        self._exchange.history_edited()
        self._history = [said for said in self._history if said.item != command.item_id]
        self.tell_engine(m.DropItem(session=self._session, item=command.item_id))

    def _append(self, command: AppendAudio) -> None:
        if self._resampler is None or self._resampler.input_rate_hz != command.rate_hz:
            self._resampler = Resampler(command.rate_hz)
        pcm = self._resampler.push(np.frombuffer(command.pcm16, dtype="<i2"))
        self._hearing.push(pcm, self._clock.now_ns())

    def _configure(self, config: SessionConfig, changed: frozenset[str]) -> None:
        if "turn_detection" in changed:
            self._hearing.configure(policy_of(config))
        if "instructions" in changed:
            self.tell_engine(m.UpdateSession(session=self._session, instructions=config.instructions or None))

    def _truncate(self, command: TruncateItem) -> None:
        """The client says how much of an answer was heard: it knows better than the playout does."""
        said = next((said for said in self._history if said.item == command.item_id), None)
        heard = self._exchange.heard_until(command.item_id, command.audio_end_ms)
        if said is not None and heard is not None:
            said.text = heard
            self.tell_engine(m.TruncateItem(session=self._session, item=command.item_id, heard=heard))
        self.emit(self._protocol.item_truncated(command.item_id, command.audio_end_ms, heard))

    # --- Shell of the exchange ----------------------------------------------------------------------

    def emit(self, events: list[ServerEvent]) -> None:
        """Queue events for the client, in order."""
        for event in events:
            try:
                self._outbox.put_nowait(event)
            except asyncio.QueueFull:
                self.end("slow reader")
                return

    def tell_engine(self, message: m.ToEngine) -> None:
        """Queue a message for the engine; while there is none, `engine_lost` has said so, and `engine_back` repeats."""
        try:
            self._services.engine.send(message)
        except EngineLost:
            log.debug("engine_away", session=self._session)
        except EngineError as error:
            log.warning("engine_refused", session=self._session, code=error.code)
            self.emit(self._protocol.fault(error))

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        assert self._group is not None, "tasks are children of a running conversation"
        return self._group.create_task(work, name=name)

    def new_speaking(self, turn: int, attempt: int, **callbacks: Callable[..., None]) -> Speaking:
        return Speaking(
            turn,
            attempt,
            voice=self._voice,
            speed=self._speed,
            playout=self._playout,
            executor=self._services.executor,
            **callbacks,
        )

    def foresee(self, text: str, *, whole: bool) -> None:
        """An answer that was rehearsed begins with `text`: its first clause may as well be said ahead."""
        if self._services.settings.speech.foresees:
            segmenter = Segmenter()
            clauses = segmenter.push(text) or (segmenter.finish() if whole else [])
            if clauses and clauses[0].spoken.strip():
                self._voice.foresee(clauses[0].spoken, self._speed)

    @property
    def _speed(self) -> float:
        return self._protocol.config.speed * self._services.settings.speech.speed

    def turn_closed(self, turn: Turn, heard: str, status: str) -> None:
        """The one canonical line of a turn, its metrics, and its words for a new engine."""
        if turn.machine_turn is not None:
            self._remember(turn.item, "user", turn.transcript, None)
        if turn.answer_item is not None and heard:
            self._remember(turn.answer_item, "assistant", heard, None)
        statement = turn.statement
        log.info(
            "turn",
            session=self._session,
            turn=turn.number,
            status=status,
            attempts=turn.attempt,
            note_tokens=turn.note_tokens,
            thought_tokens=turn.thought_tokens,
            total_ms=None if statement is None else round(statement.total_ms),
            ttfp_eot_ms=None if statement is None else round(statement.ttfp_eot_ms),
            endpoint=None if statement is None else statement.reason,
        )
        self._services.metrics.turn(status, statement)
        self._services.metrics.starved(self._playout.starved_frames - self._starved_frames)
        self._starved_frames = self._playout.starved_frames

    # --- Listener of the engine ---------------------------------------------------------------------

    def engine_said(self, message: m.FromEngine) -> None:
        self._exchange.engine_said(message)

    def engine_lost(self, error: EngineLost) -> None:
        self._exchange.engine_lost(error)

    def engine_back(self) -> None:
        """A new engine knows nothing: it is told what was said, as text."""
        self.tell_engine(self._opening())
        for said in self._history:
            self.tell_engine(m.PutText(session=self._session, item=said.item, role=said.role, text=said.text))
        self._exchange.engine_back()

    # --- inside -------------------------------------------------------------------------------------

    def _opening(self) -> m.OpenSession:
        return m.OpenSession(session=self._session, instructions=self._protocol.config.instructions or None)

    def _decided(self, decisions: list[Decision]) -> None:
        self._exchange.decided(decisions)

    def _judged(self, until_sample: int) -> None:
        self._exchange.judged(until_sample)

    def _suspected(self, suspicions: list[Suspicion]) -> None:
        self._exchange.suspected(suspicions)

    def _pop(self) -> PlayoutFrame:
        frame = self._playout.pop()
        self._hearing.played(level_dbfs(as_float32(frame.pcm)) if frame.voiced else SILENCE_DBFS)
        if frame.turn is not None:
            self._exchange.frame_left(frame)
        return frame

    def _remember(self, item: str, role: str, text: str, after: str | None) -> None:
        if not text:
            return
        at = len(self._history)
        if after == "root":
            at = 0
        elif after is not None:
            at = next((i + 1 for i, said in enumerate(self._history) if said.item == after), at)
        self._history.insert(at, _Said(item, role, text))


def policy_of(config: SessionConfig) -> TurnPolicy:
    """The turn policy that the protocol's `turn_detection` asks for."""
    detection = config.turn_detection
    if detection is None:
        return TurnPolicy.push_to_talk()
    if isinstance(detection, ServerVad):
        return TurnPolicy.server_vad(
            threshold=detection.threshold,
            prefix_padding_ms=detection.prefix_padding_ms,
            silence_duration_ms=detection.silence_duration_ms,
        )
    return TurnPolicy.semantic_vad(detection.eagerness)
