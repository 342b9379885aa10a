"""What happens in the talk, as server events. It knows nothing of what clients send: that is `session.py`.

The conversation calls one method for each thing that happened and sends on the events that come back. Whatever comes
too late (a response that has ended, an item that was deleted) gives no events: it is dropped here, at the door.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from realtime.errors import ForethoughtError
from realtime.protocol.commands import ResponseParams, ServerEvent, Usage
from realtime.protocol.config import VERSION, SessionConfig
from realtime.protocol.faults import error_body
from realtime.protocol.ids import IdSource
from realtime.protocol.items import Conversation, MessageItem, Part
from realtime.protocol.response import Ending, Reason, Response, ResponseStatus

Transport = Literal["websocket", "webrtc"]
TurnState = Literal["started", "tentative", "committed", "revoked", "discarded"]
PlayoutState = Literal["ducked", "paused", "resumed"]


class Happenings:
    """The state of one session's wire, and the half of it that speaks."""

    def __init__(
        self,
        *,
        session_id: str,
        model: str,
        voice: str,
        transport: Transport,
        human_speech: str,
        ids: IdSource,
        defaults: SessionConfig | None = None,
        extensions: bool = False,
        expires_at: int | None = None,
    ) -> None:
        base = defaults or SessionConfig(model=model, voice=voice)
        self.config = replace(base, model=model, extensions=base.extensions or extensions)
        self.session_id = session_id
        self.transport: Transport = transport
        # How much uncommitted input audio there is. Appends count by themselves; whoever hears audio on another way
        # (WebRTC), or knows better what of it counts (turn detection), assigns.
        self.buffered_ms = 0.0
        self._voice = voice
        self._human_speech = human_speech
        self._expires_at = expires_at
        self._ids = ids
        self._conversation = Conversation(ids.new("conv"))
        self._response: Response | None = None
        self._voice_frozen = False
        self._input_item: str | None = None  # announced, not committed yet
        self._user_speaks = False
        self._speech_start_ms = 0

    # --- what the conversation may ask ----------------------------------------------------------------

    def new_item_id(self) -> str:
        """An id for the user item of a turn that begins."""
        return self._ids.new("item")

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The conversation's items in order, oldest first."""
        return self._conversation.item_ids()

    @property
    def active_response(self) -> Response | None:
        """The one response that has not ended: asked for, created or open."""
        return self._response

    def session_object(self) -> dict[str, Any]:
        """The session as `session.created` and `session.updated` show it."""
        forethought: dict[str, Any] = {
            "model": self.config.model,
            "human_speech": self._human_speech,
            "voice": self._voice,
            "version": VERSION,
            "events": self.config.extensions,
        }
        expiry = {} if self._expires_at is None else {"expires_at": self._expires_at}
        return {**self.config.wire(), "id": self.session_id, **expiry, "forethought": forethought}

    # --- the input buffer ------------------------------------------------------------------------------

    def speech_started(self, item_id: str, audio_start_ms: int) -> list[ServerEvent]:
        if self._user_speaks and item_id == self._input_item:
            return []
        # One turn at a time: whatever was still open stops where the new one starts.
        events = self.speech_stopped(self._input_item, audio_start_ms) if self._input_item else []
        self._user_speaks = True
        self._speech_start_ms = int(audio_start_ms)
        self._input_item = item_id
        return [
            *events,
            self._emit("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=int(audio_start_ms)),
        ]

    def input_begun(self, item_id: str) -> str:
        """Push-to-talk: a turn takes audio; no event says so. Returns the id it will have when it is committed."""
        if self._input_item is None:
            self._input_item = item_id
        return self._input_item

    def speech_stopped(self, item_id: str, audio_end_ms: int) -> list[ServerEvent]:
        if not self._user_speaks or item_id != self._input_item:
            return []
        self._user_speaks = False
        return [self._emit("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=int(audio_end_ms))]

    def audio_committed(self, item_id: str, seconds: float) -> list[ServerEvent]:
        """The turn of `item_id`, `seconds` of audio, is a message now: `committed`, `item.added`, `item.done`."""
        if item_id in self._conversation:
            return []
        audio_ms = round(seconds * 1000)
        # A client that was told of speech is told that it stopped, also when a commit cut it short.
        events = self.speech_stopped(item_id, self._speech_start_ms + audio_ms)
        if item_id == self._input_item:
            self._forget_input()
        previous = self._conversation.last_id
        item = MessageItem(item_id, "user", (Part("input_audio"),), in_model=True, audio_ms=audio_ms)
        self._conversation.append(item)
        events.append(self._emit("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous))
        return events + self._item_events(item_id)

    def audio_cleared(self) -> list[ServerEvent]:
        self._forget_input()
        return [self._emit("input_audio_buffer.cleared")]

    def turn_discarded(self, item_id: str, audio_end_ms: int | None = None) -> list[ServerEvent]:
        """What began as a turn was none. A client that was told of speech is told that it stopped; no item appears."""
        if item_id != self._input_item:
            return []
        events = self.speech_stopped(item_id, self._speech_start_ms if audio_end_ms is None else audio_end_ms)
        self._forget_input()
        return events

    # --- what the user said ----------------------------------------------------------------------------

    def transcript_delta(self, item_id: str, text: str) -> list[ServerEvent]:
        if self.config.transcription is None or item_id not in self._conversation:
            return []
        name = "conversation.item.input_audio_transcription.delta"
        return [self._emit(name, item_id=item_id, content_index=0, delta=text)]

    def transcript_completed(self, item_id: str, text: str, seconds: float) -> list[ServerEvent]:
        """The whole transcript of a committed turn, which had `seconds` of audio."""
        item = self._conversation.get(item_id)
        if self.config.transcription is None or not isinstance(item, MessageItem):
            return []
        self._conversation.replace(replace(item, content=(Part("input_audio", text),)))
        return [
            self._emit(
                "conversation.item.input_audio_transcription.completed",
                item_id=item_id,
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": seconds},
            )
        ]

    def transcript_failed(self, item_id: str, error: ForethoughtError) -> list[ServerEvent]:
        if self.config.transcription is None or item_id not in self._conversation:
            return []
        body = error_body(error, None)
        del body["event_id"]
        name = "conversation.item.input_audio_transcription.failed"
        return [self._emit(name, item_id=item_id, content_index=0, error=body)]

    # --- the response ----------------------------------------------------------------------------------

    def response_started(
        self, response_id: str | None, for_item_id: str | None = None, metadata: dict[str, str] | None = None
    ) -> list[ServerEvent]:
        """Begin a response: one that a client asked for, by its id, or with None one of the conversation's own.

        `for_item_id` is the user item that it answers. Raises `ForethoughtError` if another one is still active.
        """
        if response_id is None:
            if self._response is not None:
                raise ForethoughtError(
                    f"Response {self._response.id} is still active; finish it before starting another.",
                    code="conversation_already_has_active_response",
                )
            self._response = self._new_response(self._session_params())
        elif self._response is None or self._response.id != response_id:
            return []
        return self._response.created(for_item_id, metadata)

    def response_text(self, response_id: str, delta: str) -> list[ServerEvent]:
        response = self._active(response_id)
        return response.text(delta) if response else []

    def response_audio(self, response_id: str, pcm16: bytes) -> list[ServerEvent]:
        """s16le mono at the rate of the output format. Over WebRTC it is only counted: the audio itself rides RTP."""
        response = self._active(response_id)
        if response is None:
            return []
        events = response.audio(pcm16, send=self.transport == "websocket")
        self._voice_frozen = self._voice_frozen or response.audio_ms > 0
        return events

    def output_audio_started(self, response_id: str) -> list[ServerEvent]:
        """WebRTC: the first audio of a response leaves. The output item is there before, as clients expect."""
        response = self._active(response_id)
        if self.transport != "webrtc" or response is None:
            return []
        self._voice_frozen = True
        return [*response.opened(), self._emit("output_audio_buffer.started", response_id=response_id)]

    def output_audio_stopped(self, response_id: str) -> list[ServerEvent]:
        """WebRTC: everything of a response was played; comes after its `response.done`."""
        return self._output_buffer("stopped", response_id)

    def output_audio_cleared(self, response_id: str) -> list[ServerEvent]:
        """WebRTC: what was left to play of a response was thrown away."""
        return self._output_buffer("cleared", response_id)

    def response_finished(
        self,
        response_id: str,
        status: ResponseStatus,
        reason: Reason | None = None,
        usage: Usage | None = None,
        heard_text: str | None = None,
        *,
        extra: dict[str, Any] | None = None,
        error: ForethoughtError | None = None,
    ) -> list[ServerEvent]:
        """All `.done` events in order. `heard_text` replaces the answer's text where less was heard than written;
        `extra` becomes `response.forethought`; `error` says why, when the status is "failed"."""
        response = self._active(response_id)
        if response is None:
            return []
        self._response = None
        return response.finished(Ending(status, reason, usage or Usage(), heard_text, extra, error))

    def item_truncated(self, item_id: str, audio_end_ms: int, heard_text: str | None) -> list[ServerEvent]:
        """Only `audio_end_ms` of an answer was heard: `heard_text` of it. None leaves its text as it is."""
        response, item = self._response, self._conversation.get(item_id)
        if not isinstance(item, MessageItem):
            return []
        if response is not None and response.item_id == item_id:
            response.truncated(audio_end_ms, heard_text)
        else:
            text = item.text if heard_text is None else heard_text
            content = (Part("output_audio", text),) if item.is_output_audio else item.content
            self._conversation.replace(replace(item, content=content, audio_ms=audio_end_ms, status="incomplete"))
        return [self._truncated_event(item_id, audio_end_ms)]

    # --- what the protocol has no place for --------------------------------------------------------------

    def turn(
        self,
        item_id: str,
        turn: int,
        attempt: int,
        state: TurnState,
        audio_ms: int,
        *,
        silence_ms: int | None = None,
        reason: str | None = None,
        votes: dict[str, float] | None = None,
    ) -> list[ServerEvent]:
        optional = {"silence_ms": silence_ms, "reason": reason, "votes": votes}
        sent = {name: value for name, value in optional.items() if value is not None}
        return self._extension(
            "turn", item_id=item_id, turn=turn, attempt=attempt, state=state, audio_ms=audio_ms, **sent
        )

    def note(self, item_id: str, turn: int, delta: str, tokens: int, audio_ms: int) -> list[ServerEvent]:
        return self._extension("note", item_id=item_id, turn=turn, delta=delta, tokens=tokens, audio_ms=audio_ms)

    def thought(
        self,
        item_id: str,
        turn: int,
        attempt: int,
        delta: str,
        tokens: int,
        *,
        audio_ms: int,
        held: bool,
        while_speaking: bool = False,
    ) -> list[ServerEvent]:
        about = {"item_id": item_id, "turn": turn, "attempt": attempt, "delta": delta, "tokens": tokens}
        return self._extension("thought", **about, audio_ms=audio_ms, held=held, while_speaking=while_speaking)

    def heard(self, item_id: str, response_id: str, text: str, audio_ms: int) -> list[ServerEvent]:
        return self._extension("heard", item_id=item_id, response_id=response_id, text=text, audio_ms=audio_ms)

    def playout(self, item_id: str, response_id: str, state: PlayoutState, audio_ms: int) -> list[ServerEvent]:
        return self._extension("playout", item_id=item_id, response_id=response_id, state=state, audio_ms=audio_ms)

    def ledger(self, item_id: str, response_id: str, turn: int, ledger: dict[str, Any]) -> list[ServerEvent]:
        return self._extension("ledger", item_id=item_id, response_id=response_id, turn=turn, ledger=ledger)

    # --- failure ---------------------------------------------------------------------------------------

    def fault(self, error: ForethoughtError, client_event_id: str | None = None) -> list[ServerEvent]:
        """An `error` event. The session goes on unless the caller closes it."""
        return [self._emit("error", error=error_body(error, client_event_id))]

    # --- inside ----------------------------------------------------------------------------------------

    def _emit(self, event_type: str, /, **content: Any) -> ServerEvent:
        return {"type": event_type, "event_id": self._ids.new("event"), **content}

    def _extension(self, name: str, **content: Any) -> list[ServerEvent]:
        return [self._emit(f"forethought.{name}", **content)] if self.config.extensions else []

    def _item_events(self, item_id: str) -> list[ServerEvent]:
        """`added` and `done` of an item that is complete at once."""
        item = self._conversation.get(item_id)
        assert item is not None
        previous = self._conversation.previous_id(item_id)
        names = ("conversation.item.added", "conversation.item.done")
        return [self._emit(name, item=item.wire(), previous_item_id=previous) for name in names]

    def _truncated_event(self, item_id: str, audio_end_ms: int) -> ServerEvent:
        return self._emit("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)

    def _output_buffer(self, what: str, response_id: str) -> list[ServerEvent]:
        if self.transport != "webrtc":
            return []
        return [self._emit(f"output_audio_buffer.{what}", response_id=response_id)]

    def _active(self, response_id: str) -> Response | None:
        response = self._response
        return response if response is not None and response.id == response_id else None

    def _new_response(self, params: ResponseParams) -> Response:
        return Response(self._ids.new("resp"), self._ids.new("item"), params, self._conversation, self._emit)

    def _session_params(self) -> ResponseParams:
        config = self.config
        return ResponseParams(
            output_modalities=config.output_modalities,
            voice=config.voice,
            speed=config.speed,
            output_format=config.output_format,
            effort=config.effort,
            max_output_tokens=config.max_output_tokens,
        )

    def _forget_input(self) -> None:
        self._input_item = None
        self._user_speaks = False
        self.buffered_ms = 0.0
