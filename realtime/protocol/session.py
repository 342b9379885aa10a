"""The protocol session: bytes of a client in, server events and commands out. It knows nothing of sockets or models.

`Happenings` is the half that speaks; here is the half that listens. `receive` never raises for what a client sends:
it answers with an `error` event, changes nothing, and the session stays open.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from realtime.errors import AudioError, ClientError
from realtime.protocol.commands import (
    ROOT,
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    Command,
    CommitAudio,
    ConfigChanged,
    CreateResponse,
    DropItem,
    PutItem,
    Reaction,
    ResponseParams,
    ServerEvent,
    TruncateItem,
)
from realtime.protocol.config import DEFAULT_EFFORT, merged, output_changes, voice_is_frozen
from realtime.protocol.events import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
    decode,
    event_id_of,
    validate,
)
from realtime.protocol.g711 import decode_alaw, decode_mulaw
from realtime.protocol.happenings import Happenings
from realtime.protocol.item_intake import item_from_client, model_text
from realtime.protocol.items import MessageItem, duplicate_item
from realtime.protocol.patch import ResponsePatch

MIN_COMMIT_MS = 100  # the protocol's least amount of audio for a commit
BYTES_PER_SAMPLE = 2


class ProtocolSession(Happenings):
    """One client's session. See `Happenings` for what the conversation calls; all methods are synchronous."""

    def open(self) -> list[ServerEvent]:
        """The first event of a session."""
        return [self._emit("session.created", session=self.session_object())]

    def receive(self, raw: str | bytes) -> Reaction:
        """One client event. Never raises for bad input: the reaction is an `error` event then, and nothing changed."""
        event_id: str | None = None
        try:
            sent = decode(raw)
            event_id = event_id_of(sent)
            event = validate(sent)
            return self._handle(event)
        except ClientError as error:
            return Reaction(events=self.fault(error, event_id))

    def _handle(self, event: ClientEvent) -> Reaction:
        handler: Callable[[Any], Reaction] = _HANDLERS[type(event)].__get__(self)
        return handler(event)

    # --- session -----------------------------------------------------------------------------------------

    def _session_update(self, event: SessionUpdate) -> Reaction:
        config, changed = merged(self.config, event.session, default_voice=self._voice, voice_frozen=self._voice_frozen)
        self.config = config
        commands: list[Command] = [ConfigChanged(config, changed)] if changed else []
        return Reaction([self._emit("session.updated", session=self.session_object())], commands)

    # --- input audio -------------------------------------------------------------------------------------

    def _append(self, event: AudioAppend) -> Reaction:
        self._only_over("websocket", event.type, "audio arrives over RTP")
        try:
            data = binascii.a2b_base64(event.audio, strict_mode=True)
        except ValueError:
            raise AudioError("'audio' is not valid base64.", param="audio") from None
        audio_format = self.config.input_format
        if audio_format.type == "audio/pcm":
            if len(data) % BYTES_PER_SAMPLE:
                raise AudioError(f"'audio' has {len(data)} bytes, which is half a sample of PCM16.", param="audio")
            pcm16 = data
        else:
            decoder = decode_mulaw if audio_format.type == "audio/pcmu" else decode_alaw
            pcm16 = decoder(data).astype("<i2").tobytes()
        if not pcm16:
            return Reaction()
        self.buffered_ms += len(pcm16) * 1000 / (BYTES_PER_SAMPLE * audio_format.rate_hz)
        return Reaction(commands=[AppendAudio(pcm16, audio_format.rate_hz)])

    def _commit(self, event: AudioCommit) -> Reaction:
        if self.buffered_ms < MIN_COMMIT_MS:
            raise ClientError(
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS} ms of "
                f"audio, but buffer only has {self.buffered_ms:.2f} ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item_id = self._input_item or self.new_item_id()
        self._input_item = item_id
        self.buffered_ms = 0.0
        return Reaction(commands=[CommitAudio(item_id, self._conversation.last_id)])

    def _clear(self, event: AudioClear) -> Reaction:
        self.buffered_ms = 0.0
        return Reaction(commands=[ClearAudio()])

    def _clear_output(self, event: OutputClear) -> Reaction:
        self._only_over("webrtc", event.type, "the client itself plays the audio")
        return Reaction(commands=[ClearOutput()])

    # --- items -------------------------------------------------------------------------------------------

    def _create_item(self, event: ItemCreate) -> Reaction:
        item_id = event.item.id or self.new_item_id()
        response = self._response
        if item_id in (ROOT, self._input_item) or (response is not None and item_id == response.item_id):
            raise duplicate_item()
        item = item_from_client(event.item, item_id)
        self._conversation.insert(item, event.previous_item_id)
        role, text = model_text(item)
        commands: list[Command] = []
        if text:
            commands = [PutItem(item_id, role, text, self._conversation.anchor(item_id))]
        return Reaction(self._item_events(item_id), commands)

    def _delete_item(self, event: ItemDelete) -> Reaction:
        self._must_exist(event.item_id, "delete")
        if self._conversation.is_in_progress(event.item_id):
            raise ClientError(
                "This item is still being written; cancel its response first.",
                param="item_id",
                code="item_delete_in_progress",
            )
        item = self._conversation.delete(event.item_id)
        commands: list[Command] = [DropItem(item.id)] if item.in_model else []
        return Reaction([self._emit("conversation.item.deleted", item_id=item.id)], commands)

    def _retrieve_item(self, event: ItemRetrieve) -> Reaction:
        self._must_exist(event.item_id, "retrieve")
        item = self._conversation.get(event.item_id)
        assert item is not None
        return Reaction([self._emit("conversation.item.retrieved", item=item.wire())])

    def _truncate_item(self, event: ItemTruncate) -> Reaction:
        """Clamped, never refused, for an item that exists: real clients truncate too far, and items without audio."""
        self._must_exist(event.item_id, "truncate")
        item, response = self._conversation.get(event.item_id), self._response
        end_ms = event.audio_end_ms
        if response is not None and response.item_id == event.item_id:
            has_audio, length_ms = response.params.speaks, response.audio_ms or None
        else:
            has_audio = isinstance(item, MessageItem) and item.is_output_audio and item.audio_ms != 0
            length_ms = item.audio_ms if isinstance(item, MessageItem) else None
        if not has_audio:
            return Reaction([self._truncated_event(event.item_id, 0)])
        return Reaction(commands=[TruncateItem(event.item_id, end_ms if length_ms is None else min(end_ms, length_ms))])

    # --- responses ---------------------------------------------------------------------------------------

    def _create_response(self, event: ResponseCreate) -> Reaction:
        if self._response is not None:
            raise ClientError(
                "Conversation already has an active response in progress. Wait until it is finished before creating "
                "a new one.",
                code="conversation_already_has_active_response",
            )
        self._response = self._new_response(self._response_params(event.response))
        return Reaction(commands=[CreateResponse(self._response.id, self._response.params)])

    def _cancel_response(self, event: ResponseCancel) -> Reaction:
        response = self._response
        if response is None or event.response_id not in (None, response.id):
            raise ClientError("Cancellation failed: no active response found", code="response_cancel_not_active")
        if response.cancelling:
            return Reaction()
        response.cancelling = True
        return Reaction(commands=[CancelResponse(response.id)])

    def _response_params(self, patch: ResponsePatch | None) -> ResponseParams:
        params = self._session_params()
        if patch is None:
            return params
        _refuse_unsupported(patch)
        changes: dict[str, Any] = {}
        if patch.output_modalities:
            changes["output_modalities"] = tuple(patch.output_modalities)
        if patch.instructions is not None:
            changes["instructions"] = patch.instructions
        if patch.metadata is not None:
            changes["metadata"] = patch.metadata
        if patch.max_output_tokens is not None:
            changes["max_output_tokens"] = patch.max_output_tokens if patch.max_output_tokens != "inf" else None
        if patch.reasoning is not None:
            changes["effort"] = patch.reasoning.effort or DEFAULT_EFFORT
        if patch.audio is not None and patch.audio.output is not None:
            changes |= output_changes(patch.audio.output, self._voice)
        if self._voice_frozen and changes.get("voice", params.voice) != params.voice:
            raise voice_is_frozen("response.audio.output.voice")
        return replace(params, **changes)

    # --- checks ------------------------------------------------------------------------------------------

    def _must_exist(self, item_id: str, verb: str) -> None:
        if item_id not in self._conversation:
            raise ClientError(
                f"Item {verb} failed: there is no item with this 'item_id' in the conversation.",
                param="item_id",
                code=f"item_{verb}_invalid_item_id",
            )

    def _only_over(self, transport: str, event_type: str, why: str) -> None:
        if self.transport != transport:
            raise ClientError(
                f"'{event_type}' does not exist over {self.transport}: {why}.",
                param="type",
                code="invalid_event_for_transport",
            )


def _refuse_unsupported(patch: ResponsePatch) -> None:
    if patch.conversation not in (None, "auto"):
        raise ClientError(
            "Responses outside the conversation are not supported; leave 'conversation' at 'auto'.",
            param="response.conversation",
            code="unsupported_conversation",
        )
    for name, advice in (
        ("input", "put items into the conversation with conversation.item.create"),
        ("prompt", "send the text as 'instructions'"),
    ):
        if getattr(patch, name) is not None:
            raise ClientError(
                f"'response.{name}' is not supported; {advice}.",
                param=f"response.{name}",
                code="unsupported_parameter",
            )


_HANDLERS: dict[type, Callable[..., Reaction]] = {
    SessionUpdate: ProtocolSession._session_update,
    AudioAppend: ProtocolSession._append,
    AudioCommit: ProtocolSession._commit,
    AudioClear: ProtocolSession._clear,
    OutputClear: ProtocolSession._clear_output,
    ItemCreate: ProtocolSession._create_item,
    ItemDelete: ProtocolSession._delete_item,
    ItemRetrieve: ProtocolSession._retrieve_item,
    ItemTruncate: ProtocolSession._truncate_item,
    ResponseCreate: ProtocolSession._create_response,
    ResponseCancel: ProtocolSession._cancel_response,
}
