"""One response from `response.created` to `response.done`. It knows nothing of clients, turns or the model.

    phase     may emit                                                       next
    PENDING   response.created                                               CREATED
    CREATED   output_item.added, conversation.item.added, content_part.added OPEN
    OPEN      deltas                                                         OPEN
    any       .done of all that was begun, response.done                     DONE
    DONE      nothing: whatever comes late is dropped

The output item appears with the first delta, not before: a response that ends without a word has no item.
Page: "Realtime conversations", order of server events (GA).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol

import numpy as np

from realtime.errors import AudioError, ForethoughtError
from realtime.protocol.commands import ResponseParams, ServerEvent, Usage
from realtime.protocol.config import AudioFormat, wire_tokens
from realtime.protocol.faults import error_type
from realtime.protocol.g711 import encode_alaw, encode_mulaw
from realtime.protocol.items import Conversation, MessageItem, Part, Status

ResponseStatus = Literal["completed", "cancelled", "failed", "incomplete"]
Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]
BYTES_PER_SAMPLE = 2


class Emit(Protocol):
    """Makes one server event: its type, a new event id, and the fields given."""

    def __call__(self, event_type: str, /, **content: Any) -> ServerEvent: ...


class Phase(Enum):
    PENDING = "pending"
    CREATED = "created"
    OPEN = "open"
    DONE = "done"


_NEXT: dict[Phase, frozenset[Phase]] = {
    Phase.PENDING: frozenset({Phase.CREATED}),
    Phase.CREATED: frozenset({Phase.OPEN, Phase.DONE}),
    Phase.OPEN: frozenset({Phase.DONE}),
    Phase.DONE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a response ended. `heard_text` replaces the text that was sent, where less of it was heard."""

    status: ResponseStatus
    reason: Reason | None
    usage: Usage
    heard_text: str | None = None
    extra: dict[str, Any] | None = None
    error: ForethoughtError | None = None

    def details(self) -> dict[str, Any] | None:
        """`status_details`: null when all went well."""
        if self.status == "completed":
            return None
        details: dict[str, Any] = {"type": self.status}
        if self.reason is not None:
            details["reason"] = self.reason
        if self.error is not None:
            details["error"] = {
                "type": error_type(self.error),
                "code": self.error.code,
                "message": self.error.message,
            }
        return details


class Response:
    """The only writer of one response's events and of its output item."""

    def __init__(
        self,
        response_id: str,
        item_id: str,
        params: ResponseParams,
        conversation: Conversation,
        emit: Emit,
    ) -> None:
        self.id = response_id
        self.item_id = item_id
        self.params = params
        self.for_item_id: str | None = None  # the user item that it answers
        self.cancelling = False
        self.phase = Phase.PENDING
        self._conversation = conversation
        self._emit = emit
        self._metadata = params.metadata
        self._text: list[str] = []
        self._audio_bytes = 0  # of PCM, before any G.711
        self._truncated: tuple[int, str | None] | None = None

    @property
    def audio_ms(self) -> int:
        """Output audio made so far."""
        return self._audio_bytes * 1000 // (BYTES_PER_SAMPLE * self.params.output_format.rate_hz)

    def created(self, for_item_id: str | None, metadata: dict[str, str] | None) -> list[ServerEvent]:
        """`response.created`, once. `metadata` counts only where the client sent none."""
        if self.phase is not Phase.PENDING:
            return []
        self.for_item_id = for_item_id
        if self._metadata is None:
            self._metadata = metadata
        self._enter(Phase.CREATED)
        return [self._emit("response.created", response=self._wire("in_progress", []))]

    def opened(self) -> list[ServerEvent]:
        """The output item and its content part, once, before the first delta."""
        if self.phase is not Phase.CREATED:
            return []
        self._enter(Phase.OPEN)
        item = MessageItem(self.item_id, "assistant", (), status="in_progress")
        self._conversation.append(item)
        part_type = "audio" if self.params.speaks else "text"  # not output_audio: the part has its own names
        return [
            self._emit("response.output_item.added", response_id=self.id, output_index=0, item=item.wire()),
            self._emit(
                "conversation.item.added",
                previous_item_id=self._conversation.previous_id(self.item_id),
                item=item.wire(),
            ),
            self._at("response.content_part.added", part={"type": part_type, **self._part_text("")}),
        ]

    def text(self, delta: str) -> list[ServerEvent]:
        """A piece of the answer: of its transcript, or of the text itself."""
        if not delta or self.phase in (Phase.PENDING, Phase.DONE):
            return []
        self._text.append(delta)
        name = "response.output_audio_transcript.delta" if self.params.speaks else "response.output_text.delta"
        return [*self.opened(), self._at(name, delta=delta)]

    def audio(self, pcm16: bytes, *, send: bool) -> list[ServerEvent]:
        """s16le mono at the rate of the response's output format. Counted always, sent where `send` is true.

        Raises `AudioError` for half a sample.
        """
        if len(pcm16) % BYTES_PER_SAMPLE:
            raise AudioError(f"Output audio of {len(pcm16)} bytes ends in half a sample.")
        if not pcm16 or not self.params.speaks or self.phase in (Phase.PENDING, Phase.DONE):
            return []
        self._audio_bytes += len(pcm16)
        if not send:
            return self.opened()
        payload = base64.b64encode(_encoded(pcm16, self.params.output_format)).decode("ascii")
        return [*self.opened(), self._at("response.output_audio.delta", delta=payload)]

    def truncated(self, audio_end_ms: int, heard_text: str | None) -> None:
        """What was heard of this response although it has not ended yet; its `.done` events will say so."""
        self._truncated = (audio_end_ms, heard_text)

    def finished(self, ending: Ending) -> list[ServerEvent]:
        """Everything that was begun is closed in the golden order; `response.done` is last. Once."""
        if self.phase is Phase.DONE:
            return []
        events = self.created(self.for_item_id, None)
        output: list[dict[str, Any]] = []
        if self.phase is Phase.OPEN:
            item = self._final_item(ending)
            self._conversation.replace(item)
            output = [item.wire()]
            events += self._closing(item)
        self._enter(Phase.DONE)
        response = self._wire(ending.status, output)
        response["status_details"] = ending.details()
        response["usage"] = ending.usage.wire()
        if ending.extra is not None:
            response["forethought"] = ending.extra
        return [*events, self._emit("response.done", response=response)]

    def _final_item(self, ending: Ending) -> MessageItem:
        text = "".join(self._text)
        audio_ms: int | None = self.audio_ms or None
        if ending.heard_text is not None:
            text = ending.heard_text
        elif self._truncated is not None and self._truncated[1] is not None:
            text = self._truncated[1]
        if self._truncated is not None:
            audio_ms = self._truncated[0]
        part = Part("output_audio" if self.params.speaks else "output_text", text)
        status: Status = "completed" if ending.status == "completed" else "incomplete"
        return MessageItem(self.item_id, "assistant", (part,), status, in_model=bool(text), audio_ms=audio_ms)

    def _closing(self, item: MessageItem) -> list[ServerEvent]:
        text = item.content[0].text or ""
        if self.params.speaks:
            events = [
                self._at("response.output_audio.done"),
                self._at("response.output_audio_transcript.done", transcript=text),
                self._at("response.content_part.done", part={"type": "audio", "transcript": text}),
            ]
        else:
            events = [
                self._at("response.output_text.done", text=text),
                self._at("response.content_part.done", part={"type": "text", "text": text}),
            ]
        return [
            *events,
            self._emit(
                "conversation.item.done",
                previous_item_id=self._conversation.previous_id(self.item_id),
                item=item.wire(),
            ),
            self._emit("response.output_item.done", response_id=self.id, output_index=0, item=item.wire()),
        ]

    def _wire(self, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
        params = self.params
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": None,
            "output": output,
            "conversation_id": self._conversation.id,
            "output_modalities": list(params.output_modalities),
            "max_output_tokens": wire_tokens(params.max_output_tokens),
            "audio": {"output": {"format": params.output_format.wire(), "voice": params.voice}},
            "usage": None,
            "metadata": self._metadata,
        }

    def _part_text(self, text: str) -> dict[str, str]:
        return {"transcript" if self.params.speaks else "text": text}

    def _at(self, event_type: str, **content: Any) -> ServerEvent:
        """An event about the one content part of the one output item."""
        return self._emit(
            event_type, response_id=self.id, item_id=self.item_id, output_index=0, content_index=0, **content
        )

    def _enter(self, phase: Phase) -> None:
        assert phase in _NEXT[self.phase], f"a response cannot go from {self.phase} to {phase}"
        self.phase = phase


def _encoded(pcm16: bytes, wire_format: AudioFormat) -> bytes:
    if wire_format.type == "audio/pcm":
        return pcm16
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.int16)
    return encode_mulaw(samples) if wire_format.type == "audio/pcmu" else encode_alaw(samples)
