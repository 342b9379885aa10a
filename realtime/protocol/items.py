"""The conversation as a client sees it: items in one chain. It knows nothing of events, audio or the model.

An item's predecessor is its place in the chain, so deleting or inserting can never leave a dangling link.
Audio is never kept: a message holds at most the transcript of what was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from realtime.errors import ClientError, LimitError
from realtime.protocol.commands import ROOT, Role

MAX_ITEMS = 4096  # about 8 hours of talk at 4 turns a minute; older items of turns are forgotten, new ones refused

Status = Literal["in_progress", "completed", "incomplete"]
PartType = Literal["input_text", "input_audio", "output_text", "output_audio"]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of content. For audio `text` is its transcript, None while that is unknown."""

    type: PartType
    text: str | None = None

    @property
    def is_audio(self) -> bool:
        return self.type in ("input_audio", "output_audio")

    def wire(self) -> dict[str, Any]:
        return {"type": self.type, "transcript" if self.is_audio else "text": self.text}


@dataclass(frozen=True, slots=True)
class MessageItem:
    """A message. `audio_ms` is how long its output audio is, None where that is not known.

    `in_model` is True when the model's history has it.
    """

    id: str
    role: Role
    content: tuple[Part, ...]
    status: Status = "completed"
    in_model: bool = False
    audio_ms: int | None = None

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content if part.text)

    @property
    def is_output_audio(self) -> bool:
        return any(part.type == "output_audio" for part in self.content)

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": [part.wire() for part in self.content],
        }


@dataclass(frozen=True, slots=True)
class FunctionCallItem:
    """A call that the client says was made. The embedded model makes none; it is kept and echoed."""

    id: str
    name: str
    arguments: str
    call_id: str | None
    in_model: bool = False

    def wire(self) -> dict[str, Any]:
        call = {} if self.call_id is None else {"call_id": self.call_id}
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed",
            "name": self.name,
            "arguments": self.arguments,
            **call,
        }


@dataclass(frozen=True, slots=True)
class FunctionOutputItem:
    """The result of a call; the model reads it as system text."""

    id: str
    call_id: str
    output: str
    in_model: bool = False

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "function_call_output",
            "status": "completed",
            "call_id": self.call_id,
            "output": self.output,
        }


Item = MessageItem | FunctionCallItem | FunctionOutputItem


class Conversation:
    """The chain of items, oldest first."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._order: list[str] = []
        self._items: dict[str, Item] = {}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def __len__(self) -> int:
        return len(self._order)

    @property
    def last_id(self) -> str | None:
        return self._order[-1] if self._order else None

    def item_ids(self) -> tuple[str, ...]:
        """All ids in the order of the conversation."""
        return tuple(self._order)

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def is_in_progress(self, item_id: str) -> bool:
        item = self._items[item_id]
        return isinstance(item, MessageItem) and item.status == "in_progress"

    def previous_id(self, item_id: str) -> str | None:
        """The item before `item_id`, None when it is the first."""
        place = self._order.index(item_id)
        return self._order[place - 1] if place else None

    def append(self, item: Item) -> None:
        """Put an item of the talk itself at the end; the oldest item is forgotten when there are too many."""
        assert item.id not in self._items, "item ids are unique"
        if len(self._order) >= MAX_ITEMS:
            oldest = next(known for known in self._order if not self.is_in_progress(known))
            self.delete(oldest)
        self._order.append(item.id)
        self._items[item.id] = item

    def insert(self, item: Item, previous: str | None) -> None:
        """Put a client's item behind `previous` (None: at the end, "root": first).

        Raises `ClientError` for a duplicate id or an unknown `previous`, `LimitError` when the conversation is full.
        """
        if item.id in self._items:
            raise duplicate_item()
        if len(self._order) >= MAX_ITEMS:
            raise LimitError(f"A conversation holds at most {MAX_ITEMS} items; delete some.", param="item")
        if previous is None:
            place = len(self._order)
        elif previous == ROOT:
            place = 0
        elif previous in self._items:
            place = self._order.index(previous) + 1
        else:
            raise ClientError(
                "There is no item with this 'previous_item_id'.",
                param="previous_item_id",
                code="item_create_invalid_previous_item_id",
            )
        self._order.insert(place, item.id)
        self._items[item.id] = item

    def replace(self, item: Item) -> None:
        """Give an item of the chain its new content; its place stays. An item that is gone stays gone."""
        if item.id in self._items:
            self._items[item.id] = item

    def delete(self, item_id: str) -> Item:
        """Take an item out of the chain. The caller has made sure that it is there."""
        self._order.remove(item_id)
        return self._items.pop(item_id)

    def anchor(self, item_id: str) -> str | None:
        """Where the model should put `item_id`: None at the end, else behind the nearest item that the model has."""
        place = self._order.index(item_id)
        if place == len(self._order) - 1:
            return None
        known = (earlier for earlier in reversed(self._order[:place]) if self._items[earlier].in_model)
        return next(known, ROOT)


def duplicate_item() -> ClientError:
    return ClientError(
        "An item with this id is already in the conversation.", param="item.id", code="item_create_duplicate_item_id"
    )
