"""Whether a server's events come in the order that the protocol promises. Sans-I/O: events in, problems out.

The rules are those that published clients rely on: the user item's speech_started, speech_stopped, committed and
item.added in this order; response.created first and response.done last of a response; output_item.added before
content_part.added before the first delta; every event with an id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Rank of the user item's events; each may come only after the ranks below it.
_ITEM_RANK = {
    "input_audio_buffer.speech_started": 1,
    "input_audio_buffer.speech_stopped": 2,
    "input_audio_buffer.committed": 3,
}
_DELTAS = (
    "response.output_audio.delta",
    "response.output_audio_transcript.delta",
    "response.output_text.delta",
)
# Problems kept per session: a server that gets one rule wrong gets it wrong in every turn.
MAX_PROBLEMS = 100


class EventOrder:
    """Follows one session; `push` each server event in the order of arrival. Keeps at most `MAX_PROBLEMS`."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._begun = False
        self._items: dict[str, int] = {}  # user item id -> highest rank seen
        self._responses: dict[str, bool] = {}  # response id -> done
        self._parts: dict[str, set[str]] = {}  # response id -> what has been added

    def push(self, event: Mapping[str, Any]) -> list[str]:
        """What is wrong with this event at this place; usually nothing."""
        kind = str(event.get("type", ""))
        found: list[str] = []
        if not event.get("event_id"):
            found.append(f"{kind or 'an event'} has no event_id")
        if not self._begun:
            self._begun = True
            if kind not in ("session.created", "error"):
                found.append(f"{kind} came before session.created")
        if kind.startswith("response."):
            found += self._response_event(kind, event)
        elif kind in _ITEM_RANK:
            found += self._item_event(kind, str(event.get("item_id", "")))
        elif kind == "conversation.item.added":
            found += self._item_added(event)
        self.problems += found[: max(0, MAX_PROBLEMS - len(self.problems))]
        return found

    def _item_event(self, kind: str, item: str) -> list[str]:
        rank, seen = _ITEM_RANK[kind], self._items.get(item, 0)
        self._items[item] = max(rank, seen)
        # A turn that goes on after a revoked end starts and stops again, but only before it is committed.
        if seen >= _ITEM_RANK["input_audio_buffer.committed"]:
            return [f"{kind} for an item that was committed already"]
        if kind == "input_audio_buffer.speech_stopped" and seen == 0:
            return [f"{kind} before speech_started of its item"]
        return []

    def _item_added(self, event: Mapping[str, Any]) -> list[str]:
        item = event.get("item")
        if not isinstance(item, Mapping) or item.get("role") != "user":
            return []
        heard = self._items.get(str(item.get("id", "")))
        if heard is not None and heard < _ITEM_RANK["input_audio_buffer.committed"]:
            return ["conversation.item.added of a spoken item before its input_audio_buffer.committed"]
        return []

    def _response_event(self, kind: str, event: Mapping[str, Any]) -> list[str]:
        response = event.get("response")
        key = str(response.get("id", "")) if isinstance(response, Mapping) else str(event.get("response_id", ""))
        if kind == "response.created":
            twice = key in self._responses
            self._responses[key] = False
            self._parts[key] = set()
            return [f"{kind} twice for one response"] if twice else []
        if key not in self._responses:
            return [f"{kind} before response.created of its response"]
        if self._responses[key]:
            return [f"{kind} after response.done of its response"]
        parts = self._parts[key]
        if kind == "response.done":
            self._responses[key] = True
            parts.clear()
        elif kind == "response.output_item.added":
            parts.add("item")
        elif kind == "response.content_part.added":
            missing = "item" not in parts
            parts.add("part")
            return [f"{kind} before response.output_item.added"] if missing else []
        elif kind in _DELTAS and "part" not in parts:
            return [f"{kind} before response.content_part.added"]
        return []
