"""docs/protocol.md names every event of the protocol, so that none is forgotten when a release adds one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from openai.types.realtime import RealtimeServerEvent

from realtime.protocol import CLIENT_EVENT_TYPES

PAGE = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text(encoding="utf-8")


def published_server_events() -> set[str]:
    union = get_args(RealtimeServerEvent)[0]
    return {get_args(event.model_fields["type"].annotation)[0] for event in get_args(union)}


def named_in_the_tables() -> set[str]:
    """`a.b`, `.c` in one cell means a.b and a.c."""
    names: set[str] = set()
    for cell in re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE):
        whole = ""
        for name in re.findall(r"`([^`]+)`", cell):
            whole = whole.rsplit(".", 1)[0] + name if name.startswith(".") else name
            names.add(whole)
    return names


def test_every_client_event_has_a_row() -> None:
    assert set(CLIENT_EVENT_TYPES) <= named_in_the_tables()


def test_every_server_event_of_the_published_types_has_a_row() -> None:
    assert len(published_server_events()) >= 46
    assert published_server_events() <= named_in_the_tables()


def test_every_error_code_that_the_protocol_makes_has_a_row() -> None:
    made: set[str] = set()
    for path in (Path(__file__).parent.parent / "realtime" / "protocol").glob("*.py"):
        made |= set(re.findall(r'code="(\w+)"', path.read_text(encoding="utf-8")))
    assert made and made <= named_in_the_tables()
