"""Nothing that a client sends raises, and no interleaving of client events and happenings breaks the order rules."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime.errors import EngineLost
from realtime.protocol import (
    CLIENT_EVENT_TYPES,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    Command,
    CommitAudio,
    CreateResponse,
    PutItem,
    ServerEvent,
    TruncateItem,
    Usage,
)
from tests.protocol_wire import session, valid

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))
WORDS = st.sampled_from(
    [
        "type",
        "session",
        "realtime",
        "audio",
        "input",
        "output",
        "format",
        "audio/pcm",
        "audio/pcmu",
        "rate",
        "item",
        "message",
        "function_call",
        "role",
        "user",
        "assistant",
        "content",
        "input_text",
        "text",
        "turn_detection",
        "server_vad",
        "semantic_vad",
        "tools",
        "function",
        "name",
        "tool_choice",
        "truncation",
        "retention_ratio",
        "tracing",
        "metadata",
        "noise_reduction",
        "transcription",
        "language",
        "voice",
        "id",
        "speed",
        "reasoning",
        "effort",
        "high",
        "include",
        "max_output_tokens",
        "inf",
        "response",
        "forethought",
        "events",
        "threshold",
    ]
)
NEAR_JSON = st.recursive(
    SCALARS | WORDS | st.just(24000) | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=20,
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.binary(max_size=200) | st.text(max_size=200) | JSON.map(json.dumps))
def test_no_bytes_raise(raw: bytes | str) -> None:
    reaction = session().receive(raw)
    assert [event["type"] for event in valid(reaction.events)] == ["error"]


@QUICK
@given(st.sampled_from(CLIENT_EVENT_TYPES), st.dictionaries(WORDS | st.just("item_id"), NEAR_JSON, max_size=5))
def test_no_event_of_a_known_type_raises(event_type: str, content: dict[str, Any]) -> None:
    for transport in ("websocket", "webrtc"):
        it = session(transport)
        valid(it.receive(json.dumps({**content, "type": event_type})).events)
        valid(it.open())


OPTIONAL = {
    "instructions": st.text(max_size=50) | st.none(),
    "output_modalities": st.lists(st.sampled_from(["audio", "text"]), max_size=1) | st.none(),
    "max_output_tokens": st.integers(1, 4096) | st.just("inf") | st.none(),
    "tool_choice": st.sampled_from(["auto", "none", "required", {"type": "function", "name": "f"}, None]),
    "tools": st.lists(
        st.fixed_dictionaries(
            {"type": st.just("function"), "name": st.text(min_size=1, max_size=9)},
            optional={"description": st.text(max_size=9) | st.none(), "parameters": st.none() | st.just({"a": [1]})},
        ),
        max_size=2,
    ),
    "truncation": st.sampled_from(["auto", "disabled", None, {"type": "retention_ratio", "retention_ratio": 0.8}]),
    "tracing": st.sampled_from(["auto", None, {"workflow_name": "w", "metadata": {"a": 1}}, {"group_id": None}]),
    "reasoning": st.sampled_from([None, {}, {"effort": "minimal"}, {"effort": None}]),
    "include": st.sampled_from([None, [], ["item.input_audio_transcription.logprobs"]]),
    "audio": st.fixed_dictionaries(
        {},
        optional={
            "input": st.fixed_dictionaries(
                {},
                optional={
                    "format": st.sampled_from([None, {"type": "audio/pcma"}, {"type": "audio/pcm", "rate": 24000}]),
                    "noise_reduction": st.sampled_from([None, {}, {"type": "near_field"}, {"strength": 0.5}]),
                    "transcription": st.sampled_from([None, {}, {"model": "m", "language": None}, {"keywords": ["a"]}]),
                    "turn_detection": st.sampled_from(
                        [
                            None,
                            {"type": "server_vad", "idle_timeout_ms": 6000, "threshold": None},
                            {"type": "server_vad", "idle_timeout_ms": None, "create_response": False},
                            {"type": "semantic_vad", "eagerness": "low"},
                        ]
                    ),
                },
            ),
            "output": st.fixed_dictionaries(
                {},
                optional={
                    "format": st.sampled_from([None, {"type": "audio/pcmu"}]),
                    "voice": st.sampled_from([None, "ash", {"id": "v"}]),
                    "speed": st.sampled_from([None, 1, 0.25, 1.5]),
                },
            ),
        },
    ),
}
PATCHES = st.fixed_dictionaries({"type": st.just("realtime")}, optional=OPTIONAL)


@QUICK
@given(st.lists(PATCHES, min_size=1, max_size=4))
def test_every_right_patch_is_taken_and_shown_as_the_published_types_want_it(patches: list[dict[str, Any]]) -> None:
    it = session()
    for patch in patches:
        reaction = it.receive(json.dumps({"type": "session.update", "session": patch}))
        assert [event["type"] for event in valid(reaction.events)] == ["session.updated"]
    before = it.config
    it.receive(json.dumps({"type": "session.update", "session": patches[-1]}))
    assert it.config == before  # the same patch twice is the patch once


class Order:
    """Checks a stream of server events against the order rules, knowing nothing of how it was made."""

    def __init__(self) -> None:
        self.event_ids: set[str] = set()
        self.chain: list[str] = []
        self.open_response: str | None = None
        self.opened_item: str | None = None
        self.parts = 0
        self.closed: list[str] = []
        self.responses: set[str] = set()

    def see(self, events: list[ServerEvent]) -> None:
        for event in valid(events):
            assert event["event_id"] not in self.event_ids
            self.event_ids.add(event["event_id"])
            name = event["type"]
            if name == "conversation.item.added":
                self._added(event)
            elif name == "conversation.item.deleted":
                self.chain.remove(event["item_id"])
            elif name == "conversation.item.done":
                place = self.chain.index(event["item"]["id"])
                assert event["previous_item_id"] == (self.chain[place - 1] if place else None)
            elif name.startswith("response."):
                self._response(name, event)

    def _added(self, event: ServerEvent) -> None:
        item_id, previous = event["item"]["id"], event["previous_item_id"]
        assert item_id not in self.chain
        place = 0 if previous is None else self.chain.index(previous) + 1
        self.chain.insert(place, item_id)

    def _response(self, name: str, event: ServerEvent) -> None:
        if name == "response.created":
            response_id = event["response"]["id"]
            assert self.open_response is None and response_id not in self.responses
            self.responses.add(response_id)
            self.open_response, self.opened_item, self.parts, self.closed = response_id, None, 0, []
            return
        response_id = event["response"]["id"] if name == "response.done" else event["response_id"]
        assert response_id == self.open_response, f"{name} outside its response"
        if name == "response.output_item.added":
            assert self.opened_item is None
            self.opened_item = event["item"]["id"]
        elif name == "response.content_part.added":
            assert self.opened_item == event["item_id"] == self.chain[-1]
            self.parts += 1
        elif name.endswith(".delta"):
            assert self.parts == 1 and not self.closed and event["item_id"] == self.opened_item
        elif name == "response.done":
            # Everything that was begun was closed, and the output item last.
            assert bool(self.closed) == (self.opened_item is not None)
            assert not self.closed or self.closed[-2:] == ["response.content_part.done", "response.output_item.done"]
            assert len(event["response"]["output"]) == (1 if self.opened_item else 0)
            self.open_response = None
        else:
            assert self.parts == 1 and name not in self.closed
            self.closed.append(name)


class Talk(RuleBasedStateMachine):
    """Client events and happenings in any order; the commands are carried out now or later, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.it = session(extensions=True)
        self.order = Order()
        self.due: list[Command] = []
        self.announced: list[str] = []
        self.past_responses: list[str] = []
        self.order.see(self.it.open())

    def client(self, event_type: str, **content: Any) -> None:
        reaction = self.it.receive(json.dumps({"type": event_type, **content}))
        self.order.see(reaction.events)
        for command in reaction.commands:
            if isinstance(command, PutItem) and command.previous not in (None, "root"):
                assert command.previous in self.order.chain
        self.due += reaction.commands

    def some_item(self, pick: int) -> str:
        known = [*self.order.chain, "item_unknown"]
        return known[pick % len(known)]

    @rule(samples=st.integers(0, 4800), odd=st.booleans())
    def append(self, samples: int, odd: bool) -> None:
        audio = base64.b64encode(bytes(2 * samples + odd)).decode()
        self.client("input_audio_buffer.append", audio=audio)

    @rule(event=st.sampled_from(["input_audio_buffer.commit", "input_audio_buffer.clear", "output_audio_buffer.clear"]))
    def buffer(self, event: str) -> None:
        self.client(event)

    @rule(where=st.sampled_from(["end", "root", "first", "any"]), name=st.sampled_from(["", "a", "b", "root"]))
    def create_item(self, where: str, name: str) -> None:
        self.put_item(where, {"id": name} if name else {}, "text")

    @precondition(lambda self: self.order.chain)
    @rule(where=st.sampled_from(["root", "first"]), role=st.sampled_from(["user", "assistant", "system"]))
    def create_item_inside(self, where: str, role: str) -> None:
        self.put_item(where, {"role": role}, "" if role == "user" else "text")

    def put_item(self, where: str, item: dict[str, Any], text: str) -> None:
        role = item.get("role", "user")
        part = {"type": "output_text" if role == "assistant" else "input_text", "text": text}
        places = {"root": "root", "first": self.some_item(0), "any": self.some_item(3)}
        previous = {"previous_item_id": places[where]} if where in places else {}
        before = self.it.item_ids
        whole = {"type": "message", "role": role, "content": [part], **item}
        self.client("conversation.item.create", item=whole, **previous)
        after = self.it.item_ids
        if len(after) > len(before):  # it was taken, and stands where it was asked for
            [new] = set(after) - set(before)
            wanted = previous.get("previous_item_id", before[-1] if before else "root")
            assert wanted == (after[after.index(new) - 1] if after.index(new) else "root")

    @rule(verb=st.sampled_from(["delete", "retrieve", "truncate"]), pick=st.integers(0, 9))
    def touch_item(self, verb: str, pick: int) -> None:
        more = {"content_index": 0, "audio_end_ms": pick * 50} if verb == "truncate" else {}
        self.client(f"conversation.item.{verb}", item_id=self.some_item(pick), **more)

    @rule(modality=st.sampled_from([None, "audio", "text"]), metadata=st.booleans())
    def create_response(self, modality: str | None, metadata: bool) -> None:
        wanted: dict[str, Any] = {"output_modalities": [modality]} if modality else {}
        if metadata:
            wanted["metadata"] = {"k": "v"}
        self.client("response.create", response=wanted)

    @rule()
    def cancel(self) -> None:
        self.client("response.cancel")

    @rule(patch=PATCHES)
    def update(self, patch: dict[str, Any]) -> None:
        self.client("session.update", session=patch)

    @rule()
    def speech_starts(self) -> None:
        item_id = self.it.new_item_id()
        self.announced.append(item_id)
        self.order.see(self.it.speech_started(item_id, 100))

    @precondition(lambda self: self.announced)
    @rule(pick=st.integers(0, 9), how=st.sampled_from(["stop", "commit", "discard"]))
    def turn_goes_on(self, pick: int, how: str) -> None:
        item_id = self.announced[pick % len(self.announced)]
        if how == "stop":
            self.order.see(self.it.speech_stopped(item_id, 900))
        elif how == "commit":
            self.order.see(self.it.audio_committed(item_id, 0.8))
        else:
            self.order.see(self.it.turn_discarded(item_id))

    @rule(pick=st.integers(0, 9))
    def transcribe(self, pick: int) -> None:
        item_id = self.some_item(pick)
        self.order.see(self.it.transcript_delta(item_id, "x"))
        self.order.see(self.it.transcript_failed(item_id, EngineLost("gone")))

    @precondition(lambda self: self.it.active_response is None)
    @rule()
    def answer(self) -> None:
        self.order.see(self.it.response_started(None, None))

    @rule(text=st.sampled_from(["", "word "]), samples=st.integers(0, 480), stale=st.booleans())
    def speak(self, text: str, samples: int, stale: bool) -> None:
        for response_id in self.targets_of(stale):
            self.order.see(self.it.response_text(response_id, text))
            self.order.see(self.it.response_audio(response_id, bytes(2 * samples)))

    @rule(status=st.sampled_from(["completed", "cancelled", "incomplete", "failed"]), stale=st.booleans())
    def finish(self, status: Any, stale: bool) -> None:
        for response_id in self.targets_of(stale):
            self.past_responses.append(response_id)
            self.order.see(self.it.response_finished(response_id, status, None, Usage(1, 2, 3, 4, 5), "heard"))
            assert stale or self.it.active_response is None

    def targets_of(self, stale: bool) -> list[str]:
        active = self.it.active_response
        return self.past_responses[-1:] if stale else [active.id] if active else []

    @precondition(lambda self: self.due)
    @rule()
    def carry_out(self) -> None:
        command = self.due.pop(0)
        if isinstance(command, CommitAudio):
            self.order.see(self.it.audio_committed(command.item_id, 0.5))
        elif isinstance(command, ClearAudio):
            self.order.see(self.it.audio_cleared())
        elif isinstance(command, CreateResponse):
            self.order.see(self.it.response_started(command.response_id))
        elif isinstance(command, CancelResponse):
            self.order.see(self.it.response_finished(command.response_id, "cancelled", "client_cancelled"))
        elif isinstance(command, TruncateItem):
            self.order.see(self.it.item_truncated(command.item_id, command.audio_end_ms, "he"))
        else:
            assert not isinstance(command, ClearOutput)  # refused over WebSocket

    @invariant()
    def the_chain_is_the_one_that_was_told(self) -> None:
        assert list(self.it.item_ids) == self.order.chain
        assert self.it.buffered_ms >= 0


TestTalk = Talk.TestCase
TestTalk.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
