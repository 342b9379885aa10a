"""What each client event does, and what each wrong one is answered with (fault matrix rows 20 and 22 to 24)."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import realtime.protocol
from realtime.errors import EngineOverloaded
from realtime.protocol import (
    AppendAudio,
    ClearAudio,
    ClearOutput,
    CommitAudio,
    ConfigChanged,
    CreateResponse,
    DropItem,
    PutItem,
    SemanticVad,
    ServerVad,
    SessionConfig,
)
from realtime.protocol.g711 import encode_alaw
from tests.protocol_wire import PCM_100_MS, error_of, send, session, types, valid


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def update(it: Any, **changes: Any) -> Any:
    return send(it, "session.update", session={"type": "realtime", **changes})


# --- session.update ------------------------------------------------------------------------------------


def test_only_fields_that_are_present_change() -> None:
    it = session()
    reaction = update(it, instructions="Be brief.", audio={"input": {"turn_detection": {"type": "server_vad"}}})
    assert reaction.commands == [ConfigChanged(it.config, frozenset({"instructions"}))]
    reaction = update(it, audio={"output": {"speed": 1.25}})
    assert reaction.commands == [ConfigChanged(it.config, frozenset({"speed"}))]
    assert (it.config.instructions, it.config.speed, it.config.voice) == ("Be brief.", 1.25, "hibari")
    assert types(reaction.events) == ["session.updated"]


def test_an_update_that_changes_nothing_is_still_acknowledged() -> None:
    it = session()
    reaction = update(it, tracing=None)
    assert (types(reaction.events), reaction.commands) == (["session.updated"], [])


def test_null_and_empty_clear() -> None:
    it = session()
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    update(it, instructions="x", tools=[tool], max_output_tokens=100, reasoning={"effort": "high"}, tool_choice="none")
    assert (it.config.tools, it.config.max_output_tokens, it.config.effort) == ((tool,), 100, "high")
    update(it, instructions=None, tools=[], max_output_tokens=None, reasoning=None, tool_choice=None)
    update(it, audio={"input": {"turn_detection": None, "transcription": None}, "output": {"voice": None}})
    assert it.config.turn_detection is None
    fresh = session().config
    same = {entry.name for entry in fields(SessionConfig)} - {"turn_detection", "transcription"}
    assert {name: getattr(it.config, name) for name in same} == {name: getattr(fresh, name) for name in same}


def test_turn_detection_keeps_what_was_not_sent_and_another_type_starts_from_its_defaults() -> None:
    it = session()
    update(it, audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}})
    update(it, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    assert it.config.turn_detection == ServerVad(threshold=0.7, silence_duration_ms=300)
    update(it, audio={"input": {"turn_detection": {"type": "semantic_vad", "interrupt_response": False}}})
    assert it.config.turn_detection == SemanticVad(interrupt_response=False)
    assert it.config.turn_detection.max_wait_ms == 4000


def test_the_model_is_frozen_without_an_error() -> None:
    it = session()
    [event] = update(it, model="gpt-realtime", audio={"output": {"voice": {"id": "ash"}}}).events
    assert event["session"]["model"] == "forethought"
    assert event["session"]["audio"]["output"]["voice"] == "ash"


def test_the_voice_is_frozen_after_the_first_audio_and_a_refused_update_changes_nothing() -> None:
    it = session()
    it.response_started(None)
    assert it.active_response is not None
    it.response_audio(it.active_response.id, PCM_100_MS)
    update(it, audio={"output": {"voice": "hibari"}})  # the same voice is no change
    before = it.config
    error = error_of(update(it, instructions="new", audio={"output": {"voice": "ash"}}))
    assert (error["code"], error["param"]) == ("cannot_update_voice", "session.audio.output.voice")
    assert it.config == before


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"type": "transcription"}, "unsupported_session_type", "session.type"),
        ({"type": "other"}, "invalid_value", "session.type"),
        ({"type": None}, "invalid_value", "session.type"),
        ({"prompt": {"id": "p"}}, "unsupported_parameter", "session.prompt"),
        ({"instructions": 5}, "invalid_type", "session.instructions"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"audio": {"output": {"speed": 9.0}}}, "invalid_value", "session.audio.output.speed"),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
            "invalid_value",
            "session.audio.input.format.rate",
        ),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, "invalid_value", "session.audio.input.format.type"),
        (
            {"audio": {"input": {"turn_detection": {"threshold": 1}}}},
            "missing_required_parameter",
            "session.audio.input.turn_detection.type",
        ),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[0].type"),
        ({"tools": [{"type": "function", "name": "x" * 300}]}, "invalid_value", "session.tools[0].name"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], code: str, param: str) -> None:
    it = session()
    before = it.config
    error = error_of(send(it, "session.update", event_id="e1", session={"type": "realtime", **changes}))
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "e1")
    assert error["type"] == "invalid_request_error"
    assert it.config == before


def test_extensions_are_asked_for_and_only_then_sent() -> None:
    it = session()
    assert it.note("item_1", 1, "he said", 2, 640) == []
    update(it, forethought={"events": True})
    events = it.turn("item_1", 1, 1, "committed", 2000, silence_ms=212, votes={"endpoint": 0.9})
    events += it.note("item_1", 1, "he said", 2, 640)
    events += it.thought("item_1", 1, 1, "so", 1, audio_ms=2000, held=True)
    events += it.heard("item_1", "resp_1", "Well", 2400)
    events += it.ledger("item_1", "resp_1", 1, {"stages_ms": {"encode": 3.0}, "total_ms": 3.0})
    names = ["turn", "note", "thought", "heard", "ledger"]
    assert types(valid(events)) == [f"forethought.{name}" for name in names]
    assert "reason" not in events[0]
    assert session(extensions=True).config.extensions


# --- input audio ---------------------------------------------------------------------------------------


def test_audio_is_counted_and_committed() -> None:
    it = session()
    assert send(it, "input_audio_buffer.append", audio=b64(PCM_100_MS)).commands == [AppendAudio(PCM_100_MS, 24000)]
    [commit] = send(it, "input_audio_buffer.commit").commands
    assert isinstance(commit, CommitAudio) and commit.previous is None
    events = it.audio_committed(commit.item_id, 0.1)
    assert types(valid(events)) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert error_of(send(it, "input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"


def test_a_commit_of_a_turn_that_was_announced_keeps_its_item() -> None:
    it = session()
    it.speech_started("item_u1", 300)
    it.buffered_ms = 900.0  # audio of another way than appends
    assert send(it, "input_audio_buffer.commit").commands == [CommitAudio("item_u1", None)]
    assert types(valid(it.audio_committed("item_u1", 0.9)))[0] == "input_audio_buffer.speech_stopped"


def test_row_23_an_empty_commit_leaves_the_buffer_as_it_is() -> None:
    it = session()
    send(it, "input_audio_buffer.append", audio=b64(PCM_100_MS[:-2]))
    before = it.buffered_ms
    assert error_of(send(it, "input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"
    assert it.buffered_ms == before > 99
    send(it, "input_audio_buffer.append", audio=b64(bytes(2)))
    assert isinstance(send(it, "input_audio_buffer.commit").commands[0], CommitAudio)


@pytest.mark.parametrize("audio", ["not base64!", "AAA", "AA=A", "AAAA\n", "é", b64(bytes(3))])
def test_row_23_bad_audio_is_refused_and_the_buffer_unchanged(audio: str) -> None:
    it = session()
    error = error_of(send(it, "input_audio_buffer.append", audio=audio))
    assert (error["code"], error["param"]) == ("invalid_audio", "audio")
    assert it.buffered_ms == 0
    assert isinstance(send(it, "input_audio_buffer.append", audio=b64(PCM_100_MS)).commands[0], AppendAudio)


def test_row_20_an_append_over_the_limit_is_a_typed_error_and_the_session_goes_on() -> None:
    it = session()
    limit = 15 * 1024 * 1024
    [append] = send(it, "input_audio_buffer.append", audio="A" * limit).commands
    assert isinstance(append, AppendAudio) and len(append.pcm16) == limit // 4 * 3
    assert error_of(send(it, "input_audio_buffer.append", audio="A" * (limit + 4)))["param"] == "audio"
    assert error_of(it.receive(b" " * 20_000_000))["code"] == "event_too_large"
    assert error_of(send(it, "session.update", session={"type": "realtime", "x": "y" * 2_000_000}))["code"] == (
        "event_too_large"
    )
    assert send(it, "input_audio_buffer.clear").commands == [ClearAudio()]
    assert types(valid(it.audio_cleared())) == ["input_audio_buffer.cleared"]


def test_row_24_full_scale_and_dc_pass_as_they_are() -> None:
    it = session()
    loud = np.array([32767, -32768, 0] * 10, np.int16).tobytes()
    assert send(it, "input_audio_buffer.append", audio=b64(loud)).commands == [AppendAudio(loud, 24000)]


def test_g711_input_becomes_pcm_at_8_khz() -> None:
    it = session()
    update(it, audio={"input": {"format": {"type": "audio/pcma"}}})
    samples = np.array([0, 1000, -1000, 20000] * 200, np.int16)
    [append] = send(it, "input_audio_buffer.append", audio=b64(encode_alaw(samples))).commands
    assert isinstance(append, AppendAudio) and append.rate_hz == 8000
    assert np.allclose(np.frombuffer(append.pcm16, "<i2"), samples, rtol=0.04, atol=16)
    assert it.buffered_ms == 100


def test_each_transport_refuses_the_events_of_the_other() -> None:
    refused = error_of(send(session("webrtc"), "input_audio_buffer.append", audio=b64(PCM_100_MS)))
    assert refused["code"] == "invalid_event_for_transport"
    assert error_of(send(session(), "output_audio_buffer.clear"))["code"] == "invalid_event_for_transport"
    assert send(session("webrtc"), "output_audio_buffer.clear").commands == [ClearOutput()]


def test_a_discarded_turn_ends_the_speech_and_leaves_no_item() -> None:
    it = session()
    it.speech_started("item_u1", 100)
    assert types(valid(it.turn_discarded("item_u1", 180))) == ["input_audio_buffer.speech_stopped"]
    assert it.turn_discarded("item_u1") == []
    assert it.item_ids == ()


def test_transcription_can_be_off_and_can_fail() -> None:
    it = session()
    it.audio_committed("item_u1", 1.0)
    failed = it.transcript_failed("item_u1", EngineOverloaded("No room."))
    assert types(valid(failed)) == ["conversation.item.input_audio_transcription.failed"]
    assert it.transcript_delta("item_gone", "x") == []
    update(it, audio={"input": {"transcription": None}})
    assert it.transcript_delta("item_u1", "x") + it.transcript_completed("item_u1", "x", 1.0) == []


# --- items ---------------------------------------------------------------------------------------------


def message(text: str, role: str = "user", **more: Any) -> dict[str, Any]:
    part = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": part, "text": text}], **more}


def test_items_are_chained_wherever_they_are_put() -> None:
    it = session()
    assert send(it, "conversation.item.create", item=message("b", id="b")).commands == [PutItem("b", "user", "b", None)]
    first = send(it, "conversation.item.create", item=message("a", "system", id="a"), previous_item_id="root")
    assert first.commands == [PutItem("a", "system", "a", "root")]
    middle = send(it, "conversation.item.create", item=message("m", "assistant", id="m"), previous_item_id="a")
    assert middle.commands == [PutItem("m", "assistant", "m", "a")]
    assert [event["previous_item_id"] for event in middle.events] == ["a", "a"]
    assert it.item_ids == ("a", "m", "b")
    deleted = send(it, "conversation.item.delete", item_id="m")
    assert (types(deleted.events), deleted.commands) == (["conversation.item.deleted"], [DropItem("m")])
    [retrieved] = send(it, "conversation.item.retrieve", item_id="a").events
    assert retrieved["item"]["content"] == [{"type": "input_text", "text": "a"}]


def test_a_function_result_is_kept_and_read_by_the_model_as_text() -> None:
    it = session()
    call = {"type": "function_call", "id": "c", "name": "weather", "arguments": "{}", "call_id": "call_1"}
    assert send(it, "conversation.item.create", item=call).commands == []
    output = {"type": "function_call_output", "id": "o", "call_id": "call_1", "output": "sunny"}
    assert send(it, "conversation.item.create", item=output, previous_item_id="c").commands == [
        PutItem("o", "system", "Function result: sunny", None)
    ]
    # The model does not have the call, so an item behind it goes to the nearest one that the model has.
    between = send(it, "conversation.item.create", item=message("x", id="x"), previous_item_id="c")
    assert between.commands == [PutItem("x", "user", "x", "root")]
    assert send(it, "conversation.item.delete", item_id="c").commands == []


def test_audio_in_an_item_counts_as_its_transcript() -> None:
    it = session()
    content = [{"type": "input_audio", "audio": b64(PCM_100_MS), "transcript": "Hello"}]
    reaction = send(it, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
    assert [command.text for command in reaction.commands if isinstance(command, PutItem)] == ["Hello"]
    assert reaction.events[0]["item"]["content"] == [{"type": "input_audio", "transcript": "Hello"}]


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "message", "content": []}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "robot", "content": []}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_text"}]},
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:"}]},
            "unsupported_content_type",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
            "unsupported_content_type",
            "item.content[0].transcript",
        ),
        (
            {"type": "message", "role": "system", "content": [{"type": "output_text", "text": "x"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        ({"type": "mcp_call"}, "unsupported_item_type", "item.type"),
        ({"type": "item_reference", "id": "item_1"}, "unsupported_item_type", "item.type"),
        (message("x", id="taken"), "item_create_duplicate_item_id", "item.id"),
        (message("x", id="root"), "item_create_duplicate_item_id", "item.id"),
        (message("x", id=""), "invalid_value", "item.id"),
        (message("x" * 70_000), "invalid_value", "item.content[0].text"),
    ],
)
def test_a_wrong_item_is_named_and_not_put(item: dict[str, Any], code: str, param: str) -> None:
    it = session()
    send(it, "conversation.item.create", item=message("here", id="taken"))
    error = error_of(send(it, "conversation.item.create", item=item))
    assert (error["code"], error["param"]) == (code, param)
    assert it.item_ids == ("taken",)


def test_unknown_items_are_named_with_the_clients_own_event_id() -> None:
    it = session()
    for verb, more in (("retrieve", {}), ("delete", {}), ("truncate", {"content_index": 0, "audio_end_ms": 1})):
        error = error_of(send(it, f"conversation.item.{verb}", event_id="rci_x", item_id="x", **more))
        assert (error["code"], error["event_id"]) == (f"item_{verb}_invalid_item_id", "rci_x")
    reaction = send(it, "conversation.item.create", item=message("x"), previous_item_id="gone")
    assert error_of(reaction)["code"] == "item_create_invalid_previous_item_id"


def test_an_item_that_is_being_written_cannot_be_deleted_or_taken() -> None:
    it = session()
    it.response_started(None)
    response = it.active_response
    assert response is not None
    create = {"item": message("x", id=response.item_id)}
    assert error_of(send(it, "conversation.item.create", **create))["code"] == "item_create_duplicate_item_id"
    it.response_text(response.id, "Hi")
    delete = send(it, "conversation.item.delete", item_id=response.item_id)
    assert error_of(delete)["code"] == "item_delete_in_progress"


# --- responses -----------------------------------------------------------------------------------------


def test_one_response_at_a_time() -> None:
    it = session()
    [create] = send(it, "response.create").commands
    assert isinstance(create, CreateResponse)
    assert error_of(send(it, "response.create"))["code"] == "conversation_already_has_active_response"
    with pytest.raises(realtime.errors.ForethoughtError):
        it.response_started(None)
    it.response_finished(create.response_id, "completed")
    assert len(send(it, "response.create").commands) == 1


def test_settings_of_one_response_hold_for_it_alone() -> None:
    it = session()
    wanted = {
        "instructions": "One word.",
        "output_modalities": ["text"],
        "max_output_tokens": 20,
        "reasoning": {"effort": "xhigh"},
        "audio": {"output": {"voice": "ash", "format": {"type": "audio/pcma"}}},
        "conversation": "auto",
    }
    [create] = send(it, "response.create", response=wanted).commands
    assert isinstance(create, CreateResponse)
    params = create.params
    assert (params.instructions, params.speaks, params.max_output_tokens) == ("One word.", False, 20)
    assert (params.effort, params.voice, params.output_format.rate_hz) == ("xhigh", "ash", 8000)
    assert it.config == session().config


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"conversation": "none"}, "unsupported_conversation", "response.conversation"),
        ({"input": []}, "unsupported_parameter", "response.input"),
        ({"prompt": {"id": "p"}}, "unsupported_parameter", "response.prompt"),
        ({"metadata": {"a": 1}}, "invalid_type", "response.metadata.a"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "invalid_value", "response.metadata"),
    ],
)
def test_a_response_that_cannot_be_made_is_refused(response: dict[str, Any], code: str, param: str) -> None:
    it = session()
    error = error_of(send(it, "response.create", response=response))
    assert (error["code"], error["param"]) == (code, param)
    assert it.active_response is None


# --- row 22 and the walls ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        ("\ud800", "invalid_json", None),
        ("[" * 100_000, "invalid_json", None),
        ('{"type": NaN}', "invalid_json", None),
        ("[]", "invalid_json", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type": 5}', "invalid_value", "type"),
        ('{"type": "response.output_audio.delta"}', "invalid_value", "type"),
        ('{"type": "session.update"}', "missing_required_parameter", "session"),
        ('{"type": "session.update", "session": []}', "invalid_type", "session"),
        ('{"type": "response.cancel", "event_id": 7}', "invalid_type", "event_id"),
        ('{"type": "input_audio_buffer.append", "audio": null}', "invalid_type", "audio"),
        (
            '{"type": "conversation.item.truncate", "item_id": "x", "content_index": 3, "audio_end_ms": 1}',
            "invalid_value",
            "content_index",
        ),
        (
            '{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"f",'
            '"parameters":{"x":1e999}}]}}',
            "invalid_value",
            "session.tools[0].parameters",
        ),
    ],
)
def test_row_22_what_is_wrong_is_named_and_the_session_stays_open(raw: str | bytes, code: str, param: str) -> None:
    it = session()
    error = error_of(it.receive(raw))
    valid(it.receive(raw).events)
    assert (error["code"], error["param"]) == (code, param)
    assert types(update(it, instructions="still here").events) == ["session.updated"]


def test_errors_do_not_repeat_what_was_sent() -> None:
    secret = "what the user said"
    it = session()
    for event in (
        {"type": secret},
        {"type": "session.update", "session": {"type": "realtime", "instructions": [secret]}},
        {"type": "conversation.item.create", "item": {"type": secret}},
        {"type": "input_audio_buffer.append", "audio": secret},
    ):
        assert secret not in json.dumps(error_of(it.receive(json.dumps(event))))


def test_the_public_face() -> None:
    for name in realtime.protocol.__all__:
        assert hasattr(realtime.protocol, name)


def test_the_core_does_no_io() -> None:
    forbidden = {"asyncio", "socket", "time", "threading", "torch"}
    sources = realtime.protocol.__path__[0]
    script = (
        "import ast, pathlib, sys\n"
        f"for path in pathlib.Path({sources!r}).glob('*.py'):\n"
        "    for node in ast.walk(ast.parse(path.read_text())):\n"
        "        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []\n"
        "        names += [node.module or ''] if isinstance(node, ast.ImportFrom) else []\n"
        "        for name in names: print(name.split('.')[0])\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert found and not forbidden & set(found)
