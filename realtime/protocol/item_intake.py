"""From an item as a client sends it to an item of the conversation. It knows nothing of the chain or of events."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.errors import ClientError
from realtime.protocol.commands import Role
from realtime.protocol.events import (
    AssistantMessage,
    AssistantPart,
    CalledFunction,
    FunctionResult,
    NewItem,
    SystemPart,
    UnsupportedItem,
    UserPart,
)
from realtime.protocol.items import FunctionCallItem, FunctionOutputItem, Item, MessageItem, Part


def item_from_client(new: NewItem, item_id: str) -> Item:
    """The item with the id `item_id`. Raises `ClientError` for content that nothing here can use.

    Audio in an item is not listened to: such a part counts as its transcript, and is refused without one.
    """
    if isinstance(new, UnsupportedItem):
        raise ClientError(
            f"Items of type '{new.type}' are not supported.", param="item.type", code="unsupported_item_type"
        )
    if isinstance(new, CalledFunction):
        return FunctionCallItem(item_id, new.name, new.arguments, new.call_id)
    if isinstance(new, FunctionResult):
        return FunctionOutputItem(item_id, new.call_id, new.output, in_model=bool(new.output))
    sent: Sequence[UserPart | AssistantPart | SystemPart] = new.content
    content = tuple(_part(part, index) for index, part in enumerate(sent))
    if isinstance(new, AssistantMessage):
        # What a client says was spoken has no audio here: nothing of it can be truncated.
        return MessageItem(item_id, "assistant", content, in_model=_has_text(content), audio_ms=0)
    return MessageItem(item_id, new.role, content, in_model=_has_text(content))


def model_text(item: Item) -> tuple[Role, str]:
    """What the model reads of an item, and in whose voice; an empty text means nothing."""
    if isinstance(item, FunctionCallItem):
        return "assistant", ""
    if isinstance(item, FunctionOutputItem):
        return "system", f"Function result: {item.output}" if item.output else ""
    return item.role, item.text


def _has_text(content: tuple[Part, ...]) -> bool:
    return any(part.text for part in content)


def _part(part: UserPart | AssistantPart | SystemPart, index: int) -> Part:
    where = f"item.content[{index}]"
    if part.type == "input_image":
        raise ClientError(
            "Images are not supported: the model hears and reads.",
            param=f"{where}.type",
            code="unsupported_content_type",
        )
    if part.type in ("input_audio", "output_audio"):
        assert not isinstance(part, SystemPart)
        if part.transcript is None:
            raise ClientError(
                "Audio in an item is not listened to; send its 'transcript', or the audio through the input buffer.",
                param=f"{where}.transcript",
                code="unsupported_content_type",
            )
        return Part(part.type, part.transcript)
    if part.text is None:
        raise ClientError(
            f"Missing required parameter: '{where}.text'.", param=f"{where}.text", code="missing_required_parameter"
        )
    return Part(part.type, part.text)
