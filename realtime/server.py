"""The server process: starts the engine, opens the routes, hosts conversations, drains on SIGTERM. Never imports torch.

server TaskGroup
 ├ engine      EngineClient.run: one engine process, replaced when it dies
 ├ http        uvicorn
 ├ loop lag    I1, measured
 ├ health      engine figures into the metrics
 └ call/<id>   one per WebRTC call (a WebSocket conversation lives in its request's own task)
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from realtime.clock import Clock, MonotonicClock
from realtime.conversation import Conversation, Services
from realtime.engine.client import EngineClient
from realtime.engine.config import EngineConfig
from realtime.engine.messages import Ready
from realtime.errors import ConfigurationError, ForethoughtError, LimitError
from realtime.heap import give_back_freed_memory, trim
from realtime.metrics import Metrics
from realtime.opening import Opening, open_protocol, session_defaults
from realtime.priority import Precedence, take_precedence
from realtime.protocol import ClientSecrets, RandomIds, SessionConfig
from realtime.replay.recorder import SessionRecorder
from realtime.replay.tape import manifest_hash, prepare_directory
from realtime.settings import REPOSITORY, Settings, SpeechSettings
from realtime.transport import AccessPolicy, CallRoutes, Link, TransportConfig, WebRtcOptions, uvicorn_socket_options
from realtime.transport.auth import check_place
from realtime.transport.routes import caller_of
from realtime.turns.detectors import EndpointDetector, FrameDetector, VoiceDetector, WebRtcVoiceDetector
from realtime.turns.manifest import MANIFEST
from tts_bridge import Voice, VoiceSettings, open_voice

log = structlog.get_logger("server")

PAGE = REPOSITORY / "client_demo" / "page"
VAD_MODEL = REPOSITORY / "models" / "vad"
ENDPOINT_MODEL = REPOSITORY / "models" / "endpoint"
# Voice activity of all sessions, resampling: short jobs that release the interpreter lock.
EXECUTOR_THREADS = 2
SWITCH_INTERVAL_S = 0.000_5
# The end-of-turn model's own thread: behind the engine, the voice and the detectors.
BACKGROUND_NICE = 10
HEALTH_EVERY_S = 2.0
DRAIN_POLL_S = 0.05
# The page is ours alone: no foreign script, style or frame.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; "
    "img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Secrets:
    """`realtime.transport.SecretMinter` over `ClientSecrets`: adds the clock and the calendar."""

    def __init__(self, base: SessionConfig, clock: Clock) -> None:
        self._secrets = ClientSecrets(base)
        self._clock = clock
        self._ids = RandomIds()

    def mint(self, body: dict[str, Any] | None) -> Mapping[str, Any]:
        secret = self._secrets.mint(
            body, session_id=self._ids.new("sess"), now_ns=self._clock.now_ns(), epoch_s=round(time.time())
        )
        return secret.wire()

    def verify(self, token: str) -> Mapping[str, Any] | None:
        config = self._secrets.check(token, now_ns=self._clock.now_ns())
        return None if config is None else config.wire()


class Server:
    """One server. `run` is its whole life; a second SIGTERM ends it at once."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        # A voice or a detector in Python's own code must not keep the 20 ms beat waiting for the interpreter's 5 ms.
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.clock = clock or MonotonicClock()
        self.metrics = Metrics()
        self.engine = EngineClient(_engine_config(settings), self.clock)
        self._executor = ThreadPoolExecutor(EXECUTOR_THREADS, thread_name_prefix="detector")
        self._background = ThreadPoolExecutor(1, thread_name_prefix="endpoint", initializer=_yield_the_core)
        self._conversations: set[Conversation] = set()
        self._opening = 0  # spawned, but not run yet
        self._is_draining = False
        self._group: asyncio.TaskGroup | None = None
        self._services: Services | None = None
        self._defaults = session_defaults(settings)
        self._access = AccessPolicy()
        self._record_dir = _resolved(settings.server.record_dir)
        self._detectors: dict[str, str] = {}  # hashes, for tapes
        self._precedence = Precedence.ORDINARY

    # --- SessionHost --------------------------------------------------------------------------------

    def admit(self) -> None:
        """Refuse at the door, never in mid-turn."""
        if self._is_draining:
            self.metrics.refused.inc()
            raise LimitError("the server is shutting down; connect again in a moment", code="server_draining")
        if len(self._conversations) + self._opening >= self.settings.server.max_sessions:
            self.metrics.refused.inc()
            limit = self.settings.server.max_sessions
            raise LimitError(
                f"all {limit} conversations of this server are taken; try again later", code="too_many_sessions"
            )

    async def run(self, link: Link, *, session: dict[str, Any] | None, model: str | None, extensions: bool) -> None:
        """A whole conversation."""
        services = self._services
        assert services is not None, "routes open after start"
        ready = self.engine.ready
        opening = Opening(
            transport=link.kind,
            output_rate_hz=link.output_rate_hz,
            session=session,
            extensions=extensions,
            human_speech=ready.human_speech if ready else "",
            expires_at=round(time.time() + self.settings.server.session_minutes * 60),
        )
        if self._record_dir is None:
            protocol = open_protocol(self.settings, opening, RandomIds())
        else:
            recorder = SessionRecorder(
                self.settings, opening, self._record_dir, self._detectors, has_endpoint=services.endpoint is not None
            )
            services, link, protocol = recorder.services(services), recorder.link(link), recorder.protocol
        conversation = Conversation(services, link, protocol)
        self._conversations.add(conversation)
        self.metrics.sessions.set(len(self._conversations))
        self.metrics.sessions_total.labels(link.kind).inc()
        log.info("session_opened", session=protocol.session_id, transport=link.kind, peer=link.peer)
        reason = "failed"
        try:
            reason = await conversation.run()
        finally:
            self._conversations.discard(conversation)
            self.metrics.sessions.set(len(self._conversations))
            log.info("session_closed", session=protocol.session_id, reason=reason)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        assert self._group is not None, "routes open after start"
        self._opening += 1
        self._group.create_task(self._contained(work, name), name=name)

    async def _contained(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """The boundary of one call's task: its failure must not end the others."""
        self._opening -= 1
        try:
            await work
        except Exception:
            log.exception("call_failed", call=name)

    # --- life ---------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Run until SIGINT or SIGTERM. Raises `ForethoughtError` where it cannot start."""
        settings = self.settings.server
        if self._record_dir is not None:
            prepare_directory(self._record_dir)
            self._detectors = _detector_hashes()
            log.warning("recording_what_is_said", directory=str(self._record_dir))
        listening = _bind(settings.host, settings.port)
        give_back_freed_memory()
        if settings.realtime_priority:
            self._precedence = take_precedence()
        log.info("event_loop_precedence", precedence=self._precedence.value)
        config = uvicorn.Config(
            self._application(), log_config=None, access_log=False, lifespan="off", server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2, **uvicorn_socket_options(),
        )  # fmt: skip
        http = _Http(config)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                background = [
                    group.create_task(self.engine.run(), name="engine"),
                    group.create_task(self.metrics.watch_loop(self.clock), name="loop-lag"),
                    group.create_task(self._watch_health(), name="health"),
                ]
                voice = await self._start()
                _keep_for_good()
                _on_signals(lambda: self._stop(http))
                host, port = listening.getsockname()[:2]
                log.info("listening", url=f"http://{'localhost' if host == '127.0.0.1' else host}:{port}")
                try:
                    await http.serve(sockets=[listening])
                finally:
                    for task in background:
                        task.cancel()
                    await voice.close()
        except* ForethoughtError as errors:
            raise errors.exceptions[0] from None
        finally:
            listening.close()
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._background.shutdown(wait=False, cancel_futures=True)

    async def _start(self) -> Voice:
        """Load everything that a first turn would otherwise wait for."""
        loop = asyncio.get_running_loop()
        turns = self.settings.turns
        detector: FrameDetector
        if turns.voice_detector == "silero":
            detector = await loop.run_in_executor(self._executor, VoiceDetector.load, VAD_MODEL)
        else:
            detector = WebRtcVoiceDetector()
        voice = open_voice(_voice_settings(self.settings.speech))
        await voice.warm_up()
        ready = await self.engine.wait_ready()
        endpoint = None
        if asks_endpoint_model(turns.use_endpoint_model, ready):
            endpoint = await loop.run_in_executor(self._executor, EndpointDetector.load, ENDPOINT_MODEL)
        self._services = Services(
            self.settings,
            self.clock,
            self.engine,
            voice,
            detector,
            endpoint,
            self._executor,
            self.metrics,
            background=self._background,
        )
        return voice

    def _stop(self, http: _Http) -> None:
        """First signal: refuse new sessions, let turns in flight finish. Second: leave now."""
        if self._is_draining:
            http.should_exit = http.force_exit = True
            for conversation in set(self._conversations):
                conversation.end("server stopped")
            return
        self._is_draining = True
        log.info("draining", sessions=len(self._conversations))
        assert self._group is not None
        self._group.create_task(self._drain(http), name="drain")

    async def _drain(self, http: _Http) -> None:
        deadline_ns = self.clock.now_ns() + round(self.settings.server.drain_s * 1e9)
        # Polled: a conversation is busy or not by many small steps, and draining is rare.
        while any(c.is_busy for c in self._conversations) and self.clock.now_ns() < deadline_ns:  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_POLL_S)
        for conversation in set(self._conversations):
            conversation.end("server stopped")
        http.should_exit = True

    async def _watch_health(self) -> None:
        while True:
            health, metrics = self.engine.health, self.metrics
            metrics.engine_up.set(self.engine.is_up)
            metrics.engine_restarts.set(self.engine.restarts)
            metrics.engine_rss.set(health.rss_bytes)
            metrics.kv_used.set(health.kv_blocks_used)
            metrics.kv_total.set(health.kv_blocks_total)
            await asyncio.sleep(HEALTH_EVERY_S)

    # --- routes -------------------------------------------------------------------------------------

    def _application(self) -> Starlette:
        settings = self.settings.server
        hosts = {"localhost", "127.0.0.1", "::1", settings.host, *settings.allowed_hosts}
        access = AccessPolicy(
            hosts=frozenset(hosts),
            origins=frozenset(settings.allowed_origins),
            keys=tuple(key.get_secret_value() for key in settings.api_keys),
        )
        webrtc = WebRtcOptions(ice_servers=tuple(settings.ice_servers), frame_left=self.metrics.frame_left)
        transport = TransportConfig(access=access, webrtc=webrtc)
        calls = CallRoutes(self, Secrets(self._defaults, self.clock), transport)
        self._access = access
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
                *calls.routes(),
                Mount("/page", _Page(directory=PAGE)),
            ]
        )

    async def _page(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers=PAGE_HEADERS)

    def _foreign(self, request: Request) -> Response | None:
        """A page whose name was rebound to our address must not read what the operator sees."""
        refused = check_place(self._access, caller_of(request))
        return None if refused is None else Response(refused.message, status_code=refused.status)

    async def _health(self, request: Request) -> Response:
        if (foreign := self._foreign(request)) is not None:
            return foreign
        ready, health = self.engine.ready, self.engine.health
        body = {
            "status": "ok" if ready else "engine_starting",
            "model": ready.model if ready else None,
            "human_speech": ready.human_speech if ready else None,
            "sessions": len(self._conversations),
            "max_sessions": self.settings.server.max_sessions,
            "recording": self._record_dir is not None,
            "engine": {"pid": self.engine.pid, "restarts": self.engine.restarts, "memory_bytes": health.rss_bytes},
            "loop_precedence": self._precedence.value,
            "loop_lag_p99_ms": round(self.metrics.lag_p99_ms, 2),
        }
        return JSONResponse(body, status_code=200 if ready else 503)

    async def _metrics(self, request: Request) -> Response:
        if (foreign := self._foreign(request)) is not None:
            return foreign
        return Response(self.metrics.page(), media_type="text/plain; version=0.0.4")


class _Page(StaticFiles):
    """The page's files, with the headers of the page."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(PAGE_HEADERS)
        return response


class _Http(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the server's, which drains first."""

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()


def asks_endpoint_model(wanted: bool | Literal["auto"], ready: Ready) -> bool:
    """Whether the end-of-turn model has a vote: see `TurnSettings.use_endpoint_model`."""
    return not ready.hears_endings if wanted == "auto" else wanted


def _on_signals(act: Any) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, act)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: small events leave at once, not 20 ms later.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}. Stop what uses it, or choose another with --port."
        ) from error
    return listening


def _engine_config(settings: Settings) -> EngineConfig:
    engine, thinking = settings.engine, settings.thinking
    return EngineConfig(
        model=str(engine.model.expanduser().resolve()),
        threads=engine.threads or max(1, (os.cpu_count() or 2) - 1),
        assisted=engine.assisted,
        kv_tokens=engine.kv_tokens,
        exact=engine.exact,
        chunk_frames=engine.chunk_frames,
        right_context_ms=engine.right_context_ms,
        note_interval_ms=engine.note_interval_ms,
        rehearsal_interval_ms=engine.rehearsal_interval_ms,
        nice=engine.nice,
        record_dir=None if (directory := _resolved(settings.server.record_dir)) is None else str(directory),
        record_mb=settings.server.record_mb,
        thinking_order=thinking.order,
        thinking_segment_tokens=thinking.segment_tokens,
        thinking_max_tokens=thinking.max_tokens,
        thinking_cover_ms=thinking.cover_ms,
    )


def _keep_for_good() -> None:
    """Take what is loaded out of garbage collection: looking through it stops every thread for some 60 ms.

    What loading left free goes back to the system.
    """
    gc.collect()
    trim()
    gc.freeze()


def _yield_the_core() -> None:
    """The end-of-turn model takes 50 ms of a core just when the first clause and its voice do."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND_NICE)


def _resolved(directory: Path | None) -> Path | None:
    return None if directory is None else directory.expanduser().resolve()


def _detector_hashes() -> dict[str, str]:
    return {
        "voice_detector": manifest_hash(VAD_MODEL / MANIFEST),
        "endpoint": manifest_hash(ENDPOINT_MODEL / MANIFEST),
    }


def _voice_settings(speech: SpeechSettings) -> VoiceSettings:
    if speech.voice not in ("hibari", "espeak", "openai"):
        raise ConfigurationError(f"speech.voice must be hibari, espeak or openai, not {speech.voice!r}")
    return VoiceSettings(
        kind=speech.voice,  # type: ignore[arg-type]  # checked above
        speaker=speech.openai_voice if speech.voice == "openai" else "",
        fallback=speech.fallback != "none",
        timeout_s=speech.timeout_s,
        url=speech.openai_url or "",
        model=speech.openai_model,
        api_key=speech.openai_key.get_secret_value() if speech.openai_key else "",
    )
