"""Shared by the protocol tests: a session with counted ids, and the published SDK's own types as the strict judge."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from realtime.protocol import CountedIds, ProtocolSession, Reaction, ServerEvent

HUMAN_SPEECH = "trained on synthetic voices: may mishear people"
PCM_100_MS = bytes(4_800)  # 24 kHz, 2 bytes a sample
_published: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def session(transport: str = "websocket", **options: Any) -> ProtocolSession:
    arguments: dict[str, Any] = {
        "session_id": "sess_1",
        "model": "forethought",
        "voice": "hibari",
        "transport": transport,
        "human_speech": HUMAN_SPEECH,
        "ids": CountedIds(),
    }
    return ProtocolSession(**(arguments | options))


def send(to: ProtocolSession, event_type: str, **content: Any) -> Reaction:
    reaction = to.receive(json.dumps({"type": event_type, **content}))
    valid(reaction.events)
    return reaction


def valid(events: Iterable[ServerEvent]) -> list[ServerEvent]:
    """The same events, after the published types and plain JSON have accepted each of them."""
    checked = list(events)
    for event in checked:
        assert json.loads(json.dumps(event, allow_nan=False)) == event
        if not event["type"].startswith("forethought."):
            _published.validate_python(event)
    return checked


def types(events: Iterable[ServerEvent]) -> list[str]:
    return [event["type"] for event in events]


def error_of(reaction: Reaction) -> dict[str, Any]:
    assert types(reaction.events) == ["error"], types(reaction.events)
    assert reaction.commands == []
    error: dict[str, Any] = reaction.events[0]["error"]
    return error
