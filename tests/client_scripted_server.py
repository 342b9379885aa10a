"""The remote end for the tests of the terminal clients: a small server that keeps to the wire's contract.

Only what lies beyond the wire is scripted: it hears with an energy gate and answers with a tone. It serves
WebSocket and WebRTC on one port, so the clients are tested through real sockets, real Opus and real pacing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

FRAME_MS = 20
LOUD = 10 ** (-45 / 20) * 32768


@dataclass
class Script:
    """How the remote end behaves."""

    silence_ms: int = 300  # of silence commits a turn
    think_ms: int = 120  # from commit to the first audio
    answer_ms: int = 700
    hears: bool = True
    answers: bool = True
    fails: bool = False  # response.done with status failed
    hangs_up: bool = False  # closes in mid-answer
    refuse: str | None = None  # error to session.update
    shared_clock: bool = True
    barge_in: bool = True
    received: list[dict[str, Any]] = field(default_factory=list)  # client events but audio
    sessions: int = 0


def tone(milliseconds: int, rate_hz: int) -> np.ndarray:
    t = np.arange(rate_hz * milliseconds // 1000) / rate_hz
    return (0.2 * 32767 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)


class Agent:
    """One session: `hear` PCM, speak through `emit` (events) and `play` (20 ms of PCM or None for silence)."""

    def __init__(self, script: Script, rate_hz: int, *, paced_stream: bool) -> None:
        self.script = script
        self.rate = rate_hz
        self.paced_stream = paced_stream  # WebRTC: audio goes out frame by frame, and its beginning and end are told
        self.frames: asyncio.Queue[np.ndarray] = asyncio.Queue()  # for WebRTC
        self.samples = 0
        self.turn = 0
        self.voiced_end: tuple[int, int] | None = None  # (sample, arrival ns)
        self.in_turn = False
        self.answering: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()
        self.manual = False
        self._events = 0
        self._rest = np.empty(0, np.int16)

    async def emit(self, event: dict[str, Any]) -> None:
        raise NotImplementedError

    async def send(self, kind: str, **fields: Any) -> None:
        self._events += 1
        await self.emit({"type": kind, "event_id": f"event_{self._events}", **fields})

    async def begin(self) -> None:
        self.script.sessions += 1
        await self.send("session.created", session=self._session())

    def _session(self) -> dict[str, Any]:
        return {
            "type": "realtime",
            "id": "sess_1",
            "model": "scripted",
            "forethought": {"human_speech": "synthetic only"},
        }

    async def client_event(self, event: dict[str, Any]) -> None:
        self.script.received.append(event)
        if event["type"] == "session.update":
            if self.script.refuse:
                await self.send(
                    "error", error={"type": "invalid_request_error", "code": self.script.refuse, "message": "no"}
                )
                return
            audio = event["session"].get("audio", {}).get("input", {})
            self.manual = "turn_detection" in audio and audio["turn_detection"] is None
            await self.send("session.updated", session=self._session())
        elif event["type"] == "input_audio_buffer.commit" and self.in_turn:
            await self._commit()

    async def hear(self, pcm: np.ndarray, arrival_ns: int) -> None:
        pcm = np.concatenate([self._rest, pcm])
        frame = self.rate * FRAME_MS // 1000
        while pcm.size >= frame:
            await self._frame(pcm[:frame], arrival_ns)
            pcm = pcm[frame:]
        self._rest = pcm

    async def _frame(self, pcm: np.ndarray, arrival_ns: int) -> None:
        self.samples += pcm.size
        if not self.script.hears:
            return
        loud = float(np.sqrt(np.mean(pcm.astype(float) ** 2))) > LOUD
        if loud:
            self.voiced_end = (self.samples, arrival_ns)
            if not self.in_turn:
                await self._start()
        if self.in_turn and self.samples % (self.rate * 640 // 1000) < pcm.size:
            await self.send(
                "forethought.note", item_id=self.item, turn=self.turn, delta="word ", tokens=1, audio_ms=self.ms()
            )
        if not self.in_turn or self.manual or self.voiced_end is None:
            return
        if (self.samples - self.voiced_end[0]) * 1000 / self.rate >= self.script.silence_ms:
            await self._commit()

    def ms(self, sample: int | None = None) -> float:
        return (self.samples if sample is None else sample) * 1000 / self.rate

    @property
    def item(self) -> str:
        return f"item_u{self.turn}"

    async def _start(self) -> None:
        self.turn += 1
        self.in_turn = True
        await self.send("input_audio_buffer.speech_started", item_id=self.item, audio_start_ms=self.ms())
        await self.send(
            "forethought.turn", item_id=self.item, turn=self.turn, attempt=0, state="started", audio_ms=self.ms()
        )
        if self.answering is not None and not self.answering.done() and self.script.barge_in:
            self.answering.cancel()
            await asyncio.wait([self.answering])

    async def _commit(self) -> None:
        self.in_turn = False
        commit_ns = time.monotonic_ns()
        item = self.item
        await self.send("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=self.ms())
        await self.send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        await self.send(
            "forethought.turn", item_id=item, turn=self.turn, attempt=0, state="committed", audio_ms=self.ms()
        )
        await self.send("conversation.item.added", item={"id": item, "type": "message", "role": "user", "content": []})
        if self.script.answers:
            assert self.voiced_end is not None
            self.answering = asyncio.create_task(self._answer(item, commit_ns, self.voiced_end, self.ms()))

    async def _answer(self, item: str, commit_ns: int, voiced_end: tuple[int, int], turn_end_ms: float) -> None:
        rid, turn = f"resp_{self.turn}", self.turn
        ids = {"response_id": rid, "item_id": f"item_a{turn}", "output_index": 0, "content_index": 0}
        await self.send("response.created", response={"id": rid, "status": "in_progress"})
        await self.send("conversation.item.input_audio_transcription.completed", item_id=item, transcript="a question")
        await self.send(
            "forethought.thought", item_id=item, turn=turn, attempt=0, delta="a thought", tokens=2, audio_ms=turn_end_ms
        )
        if self.script.fails:
            error = {"type": "server_error", "code": "engine_lost"}
            await self.send(
                "response.done",
                response={"id": rid, "status": "failed", "status_details": {"type": "failed", "error": error}},
            )
            return
        await asyncio.sleep(self.script.think_ms / 1000)
        await self.send(
            "response.output_item.added",
            response_id=rid,
            output_index=0,
            item={"id": f"item_a{turn}", "role": "assistant"},
        )
        await self.send("response.content_part.added", part={"type": "audio", "transcript": ""}, **ids)
        if self.paced_stream:
            await self.send("output_audio_buffer.started", response_id=rid)
        first_ns = time.monotonic_ns()
        ledger = self._ledger(commit_ns, voiced_end, turn_end_ms, first_ns)
        status = "completed"
        try:
            await self._say(ids)
        except asyncio.CancelledError:
            if self.closing.is_set():
                raise
            status = "cancelled"
        while status == "completed" and not self.frames.empty():  # noqa: ASYNC110  the track pops them on its own beat
            await asyncio.sleep(0.01)
        await self.send("forethought.heard", item_id=item, response_id=rid, text="an answer", audio_ms=1)
        await self.send("response.output_audio.done", **ids)
        await self.send("response.output_audio_transcript.done", transcript="an answer", **ids)
        extra = {
            "transcript": "a question",
            "notes": [{"ms": 640, "text": "word"}],
            "thought": "a thought",
            "ledger": ledger,
        }
        await self.send("response.done", response={"id": rid, "status": status, "forethought": extra})
        if self.paced_stream:
            end = "stopped" if status == "completed" else "cleared"
            await self.send(f"output_audio_buffer.{end}", response_id=rid)

    def _ledger(self, commit_ns: int, voiced_end: tuple[int, int], turn_end_ms: float, first_ns: int) -> dict[str, Any]:
        wait, think = (commit_ns - voiced_end[1]) / 1e6, (first_ns - commit_ns) / 1e6
        ledger: dict[str, Any] = {
            "stages_ms": {"endpoint_wait": wait, "thought": think * 0.75, "first_audio": think * 0.25},
            "total_ms": wait + think,
            "speech_end_ms": self.ms(voiced_end[0]),
            "turn_end_ms": turn_end_ms,
            "ttfp_eot_ms": think,
            "thinking": {"note_tokens": 3, "thought_tokens": 2, "tokens_before_turn_end": 3},
        }
        if self.script.shared_clock:
            ledger["clock"] = {"arrival_ns": voiced_end[1], "first_frame_ns": first_ns}
        return ledger

    async def _say(self, ids: dict[str, Any]) -> None:
        frame = self.rate * FRAME_MS // 1000
        pcm = tone(self.script.answer_ms, self.rate)
        begin = time.monotonic()
        for index in range(pcm.size // frame):
            lead_s = 0.0 if self.paced_stream else 0.2
            await asyncio.sleep(max(0.0, begin + index * FRAME_MS / 1000 - lead_s - time.monotonic()))
            piece = pcm[index * frame : (index + 1) * frame]
            if self.paced_stream:
                self.frames.put_nowait(piece)
            else:
                await self.send("response.output_audio.delta", delta=base64.b64encode(piece.tobytes()).decode(), **ids)
            if index == 0:
                await self.send("response.output_audio_transcript.delta", delta="an answer", **ids)
            if self.script.hangs_up and index == 5:
                self.closing.set()


class SocketAgent(Agent):
    def __init__(self, script: Script, websocket: WebSocket) -> None:
        super().__init__(script, 24_000, paced_stream=False)
        self.websocket = websocket

    async def emit(self, event: dict[str, Any]) -> None:
        await self.websocket.send_text(json.dumps(event))


class CallAgent(Agent):
    def __init__(self, script: Script) -> None:
        super().__init__(script, 48_000, paced_stream=True)
        self.channel: Any = None

    async def emit(self, event: dict[str, Any]) -> None:
        if self.channel is not None and self.channel.readyState == "open":
            self.channel.send(json.dumps(event))


class AgentTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, agent: CallAgent) -> None:
        super().__init__()
        self.agent = agent
        self.begin = 0.0
        self.count = 0

    async def recv(self) -> AudioFrame:
        self.begin = self.begin or time.monotonic()
        await asyncio.sleep(max(0.0, self.begin + self.count * FRAME_MS / 1000 - time.monotonic()))
        pcm = np.zeros(960, np.int16) if self.agent.frames.empty() else self.agent.frames.get_nowait()
        frame = AudioFrame.from_ndarray(pcm[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self.count * 960, Fraction(1, 48_000)
        self.count += 1
        return frame


class ScriptedServer:
    """Serves `script` on a free port of loopback."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.url = ""
        self.calls: dict[str, RTCPeerConnection] = {}
        self.hung_up: list[str] = []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/v1/realtime", self._socket),
                Route("/v1/realtime/calls", self._call, methods=["POST"]),
                Route("/v1/realtime/calls/{call}", self._hang_up, methods=["DELETE"]),
                Route("/healthz", lambda _: JSONResponse({"status": "ok"})),
            ]
        )

    async def _socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        agent = SocketAgent(self.script, websocket)
        await agent.begin()
        receive = asyncio.create_task(self._receive(agent))
        closing = asyncio.create_task(agent.closing.wait())
        await asyncio.wait([receive, closing], return_when=asyncio.FIRST_COMPLETED)
        for task in (receive, closing, agent.answering):
            if task is not None:
                task.cancel()
        await asyncio.gather(receive, closing, return_exceptions=True)
        if agent.closing.is_set():
            await websocket.close(1011, "scripted")

    async def _receive(self, agent: SocketAgent) -> None:
        try:
            while True:
                event = json.loads(await agent.websocket.receive_text())
                if event["type"] == "input_audio_buffer.append":
                    await agent.hear(np.frombuffer(base64.b64decode(event["audio"]), "<i2"), time.monotonic_ns())
                else:
                    await agent.client_event(event)
        except (WebSocketDisconnect, RuntimeError):
            return

    async def _call(self, request: Request) -> Response:
        sdp = (await request.body()).decode()
        if self.script.refuse == "call":
            return JSONResponse({"error": {"type": "limit", "message": "too many calls"}}, 429)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        agent = CallAgent(self.script)
        call = f"call_{len(self.calls) + 1}"
        self.calls[call] = peer
        pending: set[asyncio.Task[None]] = set()

        def on_channel(channel: Any) -> None:
            agent.channel = channel
            events: asyncio.Queue[str] = asyncio.Queue()
            channel.on("message", events.put_nowait)

            async def serve() -> None:
                await agent.begin()
                while True:
                    await agent.client_event(json.loads(await events.get()))

            pending.add(asyncio.create_task(serve()))

        async def listen(track: MediaStreamTrack) -> None:
            try:
                while True:
                    frame = await track.recv()
                    await agent.hear(frame.to_ndarray().reshape(-1)[::2].astype(np.int16), time.monotonic_ns())
            except MediaStreamError:
                return

        async def end() -> None:
            await agent.closing.wait()
            await peer.close()

        peer.on("datachannel", on_channel)
        peer.on("track", lambda track: pending.add(asyncio.create_task(listen(track))))
        pending.add(asyncio.create_task(end()))
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        peer.addTrack(AgentTrack(agent))
        await peer.setLocalDescription(await peer.createAnswer())
        peer._scripted_tasks = pending  # type: ignore[attr-defined]
        headers = {"Location": f"/v1/realtime/calls/{call}"}
        return Response(peer.localDescription.sdp, 201, headers, "application/sdp")

    async def _hang_up(self, request: Request) -> Response:
        call = request.path_params["call"]
        self.hung_up.append(call)
        await self._end(self.calls[call])
        return Response(status_code=204)

    async def _end(self, peer: RTCPeerConnection) -> None:
        for task in peer._scripted_tasks:  # type: ignore[attr-defined]
            task.cancel()
        await asyncio.gather(*peer._scripted_tasks, return_exceptions=True)  # type: ignore[attr-defined]
        await peer.close()

    async def close(self) -> None:
        for peer in self.calls.values():
            await self._end(peer)


@asynccontextmanager
async def scripted_server(script: Script | None = None) -> AsyncIterator[ScriptedServer]:
    """Run a server beside the test; its `.url` is what a client is told."""
    server = ScriptedServer(script or Script())
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        server.app(), log_level="warning", ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1
    )
    runner = uvicorn.Server(config)
    runner.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign]
    task = asyncio.create_task(runner._serve(sockets=[listener]))
    while not runner.started:  # noqa: ASYNC110  uvicorn offers no event for it
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        await server.close()
        runner.should_exit = True
        await task
        listener.close()
