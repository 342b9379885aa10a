"""The eleven events a client may send, and how bytes become one of them. It knows nothing of the session's state.

`decode` turns bytes into a JSON object, `validate` turns the object into a typed event. Both raise `ClientError`
with the path of what is wrong in `param`; neither ever puts what was sent into the message, which may be speech.
Page: "Client events" of the OpenAI Realtime GA reference.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from realtime.errors import ClientError, LimitError
from realtime.protocol.patch import ResponsePatch, SessionPatch, TranscriptionSession, Wire

MAX_APPEND_CHARS = 15 * 1024 * 1024  # of base64, the protocol's limit for one append
MAX_EVENT_BYTES = MAX_APPEND_CHARS + 4 * 1024  # an append with its envelope
MAX_CONTROL_BYTES = 1024 * 1024  # everything that is not an append
MAX_ID_CHARS = 512
MAX_ITEM_PARTS = 64
MAX_ITEM_TEXT_CHARS = 64 * 1024
MAX_TRUNCATE_MS = 24 * 60 * 60 * 1000
_MAX_MESSAGE_CHARS = 300
_MAX_PARAM_CHARS = 200

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]
ItemText = Annotated[str, Field(max_length=MAX_ITEM_TEXT_CHARS)]


class UserPart(Wire):
    type: Literal["input_text", "input_audio", "input_image"]
    text: ItemText | None = None
    transcript: ItemText | None = None


class AssistantPart(Wire):
    type: Literal["output_text", "output_audio"]
    text: ItemText | None = None
    transcript: ItemText | None = None


class SystemPart(Wire):
    type: Literal["input_text"]
    text: ItemText | None = None


class _Item(Wire):
    id: Id | None = None


class UserMessage(_Item):
    type: Literal["message"]
    role: Literal["user"]
    content: Annotated[list[UserPart], Field(max_length=MAX_ITEM_PARTS)]


class AssistantMessage(_Item):
    type: Literal["message"]
    role: Literal["assistant"]
    content: Annotated[list[AssistantPart], Field(max_length=MAX_ITEM_PARTS)]


class SystemMessage(_Item):
    type: Literal["message"]
    role: Literal["system"]
    content: Annotated[list[SystemPart], Field(max_length=MAX_ITEM_PARTS)]


class CalledFunction(_Item):
    type: Literal["function_call"]
    name: Annotated[str, Field(max_length=256)]
    arguments: ItemText
    call_id: Id | None = None


class FunctionResult(_Item):
    type: Literal["function_call_output"]
    call_id: Id
    output: ItemText


class UnsupportedItem(_Item):
    """Item types of the protocol that nothing here can use; known so that they are refused by name."""

    type: Literal[
        "mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response", "item_reference", "reasoning"
    ]


Message = Annotated[UserMessage | AssistantMessage | SystemMessage, Field(discriminator="role")]
NewItem = Annotated[Message | CalledFunction | FunctionResult | UnsupportedItem, Field(discriminator="type")]


class _Event(Wire):
    event_id: Annotated[str, Field(max_length=MAX_ID_CHARS)] | None = None


class SessionUpdate(_Event):
    type: Literal["session.update"]
    session: Annotated[SessionPatch | TranscriptionSession, Field(discriminator="type")]


class AudioAppend(_Event):
    type: Literal["input_audio_buffer.append"]
    audio: Annotated[str, Field(max_length=MAX_APPEND_CHARS)]


class AudioCommit(_Event):
    type: Literal["input_audio_buffer.commit"]


class AudioClear(_Event):
    type: Literal["input_audio_buffer.clear"]


class OutputClear(_Event):
    type: Literal["output_audio_buffer.clear"]


class ItemCreate(_Event):
    type: Literal["conversation.item.create"]
    item: NewItem
    previous_item_id: Id | None = None


class ItemDelete(_Event):
    type: Literal["conversation.item.delete"]
    item_id: Id


class ItemRetrieve(_Event):
    type: Literal["conversation.item.retrieve"]
    item_id: Id


class ItemTruncate(_Event):
    type: Literal["conversation.item.truncate"]
    item_id: Id
    # Every item made here has one content part.
    content_index: Annotated[int, Field(ge=0, le=0)]
    audio_end_ms: Annotated[int, Field(ge=0, le=MAX_TRUNCATE_MS)]


class ResponseCreate(_Event):
    type: Literal["response.create"]
    response: ResponsePatch | None = None


class ResponseCancel(_Event):
    type: Literal["response.cancel"]
    response_id: Id | None = None


ClientEvent = (
    SessionUpdate
    | AudioAppend
    | AudioCommit
    | AudioClear
    | OutputClear
    | ItemCreate
    | ItemDelete
    | ItemRetrieve
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
CLIENT_EVENT_TYPES: tuple[str, ...] = tuple(
    get_args(event.model_fields["type"].annotation)[0] for event in get_args(ClientEvent)
)
_events: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])
_session: TypeAdapter[SessionPatch | TranscriptionSession] = TypeAdapter(
    Annotated[SessionPatch | TranscriptionSession, Field(discriminator="type")]
)


def decode(raw: str | bytes) -> dict[str, Any]:
    """One JSON object. Raises `ClientError` when it is not one, `LimitError` when it is too large."""
    if len(raw) > MAX_EVENT_BYTES:
        raise LimitError(f"An event may have at most {MAX_EVENT_BYTES} bytes.", code="event_too_large")
    try:
        body = raw.encode() if isinstance(raw, str) else raw
        event = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise ClientError("The event is not valid UTF-8 JSON.", code="invalid_json") from None
    if not isinstance(event, dict):
        raise ClientError("An event must be a JSON object.", code="invalid_json")
    if event.get("type") != "input_audio_buffer.append" and len(body) > MAX_CONTROL_BYTES:
        raise LimitError(f"This event may have at most {MAX_CONTROL_BYTES} bytes.", code="event_too_large")
    return event


def event_id_of(event: dict[str, Any]) -> str | None:
    """The client's own id of an event, even of one that is wrong otherwise."""
    event_id = event.get("event_id")
    return event_id if isinstance(event_id, str) and len(event_id) <= MAX_ID_CHARS else None


def validate(event: dict[str, Any]) -> ClientEvent:
    """The typed event. Raises `ClientError` naming the first field that is wrong."""
    try:
        return _events.validate_python(event)
    except ValidationError as error:
        raise _translated(error, event) from None


def validate_session(session: object, param: str = "session") -> SessionPatch | TranscriptionSession:
    """A session object from somewhere else than `session.update`: a client secret, a WebRTC call."""
    try:
        return _session.validate_python(session)
    except ValidationError as error:
        raise _translated(error, {param: session}, prefix=(param,)) from None


def _translated(error: ValidationError, event: dict[str, Any], prefix: tuple[str, ...] = ()) -> ClientError:
    # The input and the documentation link stay out: the first may be speech, the second is ours alone.
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    param = _path((*prefix, *first["loc"]), event, ends_in_absent=kind == "missing")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        discriminator = first["ctx"]["discriminator"].strip("'")
        param = f"{param}.{discriminator}" if param else discriminator
    if kind in ("missing", "union_tag_not_found"):
        return ClientError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    code = "invalid_type" if kind.endswith("_type") else "invalid_value"
    return ClientError(f"Invalid '{param}': {_complaint(first)}."[:_MAX_MESSAGE_CHARS], param=param, code=code)


def _complaint(first: ErrorDetails) -> str:
    if first["type"] == "union_tag_invalid":
        return f"expected one of {first['ctx']['expected_tags']}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    message = first["msg"]
    return message[:1].lower() + message[1:]


def _path(location: tuple[int | str, ...], event: object, *, ends_in_absent: bool) -> str:
    """`item.content[0].type`: pydantic's location without the names of union members, which no client knows.

    Those are the steps that do not exist in `event`, except for the last one of a field that is absent.
    """
    path = ""
    here: Any = event
    for position, step in enumerate(location):
        if isinstance(step, int):
            path += f"[{step}]"
            here = here[step] if isinstance(here, list) and step < len(here) else None
        elif isinstance(here, dict) and (step in here or (ends_in_absent and position == len(location) - 1)):
            path += f".{step}" if path else step
            here = here.get(step)
    return path[:_MAX_PARAM_CHARS]
