"""One conversation through the OpenAI SDK's own client; every event that comes is checked against the SDK's types.

Knows the wire and the clock, not what a test expects.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed

from tests.live_server import SAMPLES

WIRE_RATE_HZ = 24_000
SERVER_VAD = {"type": "server_vad"}
# One event holds at most this much in these tests; a microphone sends less, a recording sent at once much more.
APPEND_MS = 200
ANSWER_LIMIT_S = 60.0

_published: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def plain(text: str) -> str:
    """Lower case, letters and single spaces only, so that punctuation does not decide."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def sample_pcm(name: str, rate_hz: int = WIRE_RATE_HZ, *, silence_s: float = 0.0) -> np.ndarray:
    """A seed sample as mono int16 at `rate_hz`, followed by silence."""
    return file_pcm(SAMPLES / name, rate_hz, silence_s=silence_s)


def file_pcm(path: Path, rate_hz: int = WIRE_RATE_HZ, *, silence_s: float = 0.0) -> np.ndarray:
    with wave.open(str(path)) as sample:
        pcm = np.frombuffer(sample.readframes(sample.getnframes()), dtype="<i2")
        pcm = soxr.resample(pcm, sample.getframerate(), rate_hz)
    return np.concatenate([pcm, np.zeros(round(silence_s * rate_hz), np.int16)])


class Talk:
    """One open session: sends client events, keeps what the server sends, waits for what is wanted."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.events: list[dict[str, Any]] = []
        self.closed: ConnectionClosed | None = None
        self._connection = connection
        self._news = asyncio.Condition()
        self._seen = 0

    async def listen(self) -> None:
        """Read until the socket closes. An event that the SDK's types refuse fails the test."""
        try:
            while True:
                event = json.loads(await self._connection.recv_bytes())
                if not event["type"].startswith("forethought."):
                    _published.validate_python(event)
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()
        except ConnectionClosed as closed:
            async with self._news:
                self.closed = closed
                self._news.notify_all()

    async def send(self, kind: str, **fields: Any) -> None:
        await self._connection.send({"type": kind, **fields})  # type: ignore[misc, arg-type]

    async def configure(self, **session: Any) -> dict[str, Any]:
        """A session.update and the session that the server made of it."""
        await self.send("session.update", session={"type": "realtime", **session})
        updated: dict[str, Any] = (await self.expect("session.updated"))["session"]
        return updated

    async def detect(self, turn_detection: dict[str, Any] | None) -> None:
        await self.configure(audio={"input": {"turn_detection": turn_detection}})

    async def append(self, audio: np.ndarray | bytes, *, rate_hz: int = WIRE_RATE_HZ, real_time: bool = False) -> None:
        """Append audio; at the pace at which it was spoken, or as fast as the socket takes it."""
        data = audio if isinstance(audio, bytes) else audio.astype("<i2").tobytes()
        sample_bytes = 1 if isinstance(audio, bytes) else 2
        step = rate_hz * sample_bytes * APPEND_MS // 1000
        for at in range(0, len(data), step):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(data[at : at + step]).decode())
            if real_time:
                await asyncio.sleep(APPEND_MS / 1000)

    async def say_text(self, text: str) -> None:
        """A typed user item, added to the conversation."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send("conversation.item.create", item=item)
        await self.expect("conversation.item.done")

    async def expect(self, *kinds: str, limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        """The next event of one of these types; what lies before it counts as seen."""
        async with self._news:
            try:
                async with asyncio.timeout(limit_s):
                    while True:
                        while self._seen < len(self.events):
                            event = self.events[self._seen]
                            self._seen += 1
                            if event["type"] in kinds:
                                return event
                        assert self.closed is None, f"the server closed: {self.closed}; seen {self.kinds()}"
                        await self._news.wait()
            except TimeoutError:
                raise AssertionError(f"no {kinds} within {limit_s:g} s; seen {self.kinds()}") from None

    async def hung_up(self, limit_s: float = 10.0) -> ConnectionClosed:
        """How the server closed, once it has."""
        async with self._news, asyncio.timeout(limit_s):
            await self._news.wait_for(lambda: self.closed is not None)
        assert self.closed is not None
        return self.closed

    async def answer(self, limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
        """The response of the next response.done."""
        response: dict[str, Any] = (await self.expect("response.done", limit_s=limit_s))["response"]
        return response

    def of(self, kind: str, response: str | None = None) -> list[dict[str, Any]]:
        """All events of a type so far, of one response if asked."""
        return [e for e in self.events if e["type"] == kind and response in (None, e.get("response_id"))]

    def audio_of(self, response: str) -> bytes:
        """The bytes of all audio deltas of a response."""
        return b"".join(base64.b64decode(e["delta"]) for e in self.of("response.output_audio.delta", response))

    def kinds(self) -> list[str]:
        """The types of all events so far, runs of one type folded, for messages."""
        folded: list[str] = []
        for event in self.events:
            if not folded or folded[-1] != event["type"]:
                folded.append(event["type"])
        return folded


def words_of(response: dict[str, Any]) -> str:
    """The text of an answer, spoken or written, in plain letters."""
    parts = [part for item in response["output"] for part in item["content"]]
    return plain(" ".join(part.get("transcript") or part.get("text") or "" for part in parts))


@contextlib.asynccontextmanager
async def talk(base_url: str, **session: Any) -> AsyncIterator[Talk]:
    """Connect with the SDK, wait for session.created, apply `session`, and close whatever happens."""
    async with (
        AsyncOpenAI(base_url=base_url, api_key="x", max_retries=0) as sdk,
        sdk.realtime.connect(model="forethought") as connection,
    ):
        conversation = Talk(connection)
        listening = asyncio.create_task(conversation.listen())
        try:
            await conversation.expect("session.created")
            if session:
                await conversation.configure(**session)
            yield conversation
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening
