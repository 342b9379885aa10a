"""The order of one whole turn, event by event and field by field, on both transports."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from realtime.errors import EngineLost
from realtime.protocol import CancelResponse, CreateResponse, PutItem, ServerEvent, SessionConfig, TruncateItem, Usage
from tests.protocol_wire import PCM_100_MS, send, session, types, valid

PCM = bytes(4)  # two samples
USAGE = Usage(input_audio_tokens=10, output_text_tokens=2, output_audio_tokens=8)

# Accepted by four published clients (openai, openai-agents, pipecat, the JavaScript SDK). Ids are normalised below.
GOLDEN = """\
{"type":"input_audio_buffer.speech_started","audio_start_ms":200,"item_id":"item_u1"}
{"type":"input_audio_buffer.speech_stopped","audio_end_ms":1500,"item_id":"item_u1"}
{"type":"input_audio_buffer.committed","item_id":"item_u1","previous_item_id":null}
{"type":"conversation.item.added","item":{"id":"item_u1","object":"realtime.item","type":"message","status":"completed","role":"user","content":[{"type":"input_audio","transcript":null}]},"previous_item_id":null}
{"type":"conversation.item.done","item":{"id":"item_u1","object":"realtime.item","type":"message","status":"completed","role":"user","content":[{"type":"input_audio","transcript":null}]},"previous_item_id":null}
{"type":"response.created","response":{"object":"realtime.response","id":"resp_1","status":"in_progress","status_details":null,"output":[],"conversation_id":"conv_1","output_modalities":["audio"],"max_output_tokens":"inf","audio":{"output":{"format":{"type":"audio/pcm","rate":24000},"voice":"alloy"}},"usage":null,"metadata":null}}
{"type":"conversation.item.input_audio_transcription.delta","item_id":"item_u1","content_index":0,"delta":"Hello"}
{"type":"conversation.item.input_audio_transcription.completed","item_id":"item_u1","content_index":0,"transcript":"Hello","usage":{"type":"duration","seconds":1.3}}
{"type":"response.output_item.added","response_id":"resp_1","output_index":0,"item":{"id":"item_a1","object":"realtime.item","type":"message","status":"in_progress","role":"assistant","content":[]}}
{"type":"conversation.item.added","previous_item_id":"item_u1","item":{"id":"item_a1","object":"realtime.item","type":"message","status":"in_progress","role":"assistant","content":[]}}
{"type":"response.content_part.added","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"part":{"type":"audio","transcript":""}}
{"type":"output_audio_buffer.started","response_id":"resp_1"}
{"type":"response.output_audio_transcript.delta","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"delta":"Hi."}
{"type":"response.output_audio.delta","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"delta":"AAAAAA=="}
{"type":"response.output_audio.done","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0}
{"type":"response.output_audio_transcript.done","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"transcript":"Hi."}
{"type":"response.content_part.done","response_id":"resp_1","item_id":"item_a1","output_index":0,"content_index":0,"part":{"type":"audio","transcript":"Hi."}}
{"type":"conversation.item.done","previous_item_id":"item_u1","item":{"id":"item_a1","object":"realtime.item","type":"message","status":"completed","role":"assistant","content":[{"type":"output_audio","transcript":"Hi."}]}}
{"type":"response.output_item.done","response_id":"resp_1","output_index":0,"item":{"id":"item_a1","object":"realtime.item","type":"message","status":"completed","role":"assistant","content":[{"type":"output_audio","transcript":"Hi."}]}}
{"type":"response.done","response":{"object":"realtime.response","id":"resp_1","status":"completed","status_details":null,"output":[{"id":"item_a1","object":"realtime.item","type":"message","status":"completed","role":"assistant","content":[{"type":"output_audio","transcript":"Hi."}]}],"conversation_id":"conv_1","output_modalities":["audio"],"max_output_tokens":"inf","audio":{"output":{"format":{"type":"audio/pcm","rate":24000},"voice":"alloy"}},"usage":{"total_tokens":20,"input_tokens":10,"output_tokens":10,"input_token_details":{"text_tokens":0,"audio_tokens":10,"image_tokens":0,"cached_tokens":0,"cached_tokens_details":{"text_tokens":0,"audio_tokens":0,"image_tokens":0}},"output_token_details":{"text_tokens":2,"audio_tokens":8}},"metadata":null}}
{"type":"output_audio_buffer.stopped","response_id":"resp_1"}
"""
RTP_ONLY = {"output_audio_buffer.started", "output_audio_buffer.stopped"}
SOCKET_ONLY = {"response.output_audio.delta"}


def golden(transport: str) -> list[dict[str, Any]]:
    absent = RTP_ONLY if transport == "websocket" else SOCKET_ONLY
    return [event for event in map(json.loads, GOLDEN.splitlines()) if event["type"] not in absent]


def without_event_ids(events: list[ServerEvent]) -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name != "event_id"} for event in events]


def one_audio_turn(transport: str) -> list[ServerEvent]:
    it = session(transport, voice="alloy")
    events = it.speech_started("item_u1", 200)
    events += it.speech_stopped("item_u1", 1500)
    events += it.audio_committed("item_u1", 1.3)
    events += it.response_started(None, "item_u1")
    response = it.active_response
    assert response is not None
    events += it.transcript_delta("item_u1", "Hello")
    events += it.transcript_completed("item_u1", "Hello", 1.3)
    events += it.output_audio_started(response.id)
    events += it.response_text(response.id, "Hi.")
    events += it.response_audio(response.id, PCM)
    events += it.response_finished(response.id, "completed", None, USAGE)
    events += it.output_audio_stopped(response.id)
    assert it.active_response is None
    text = json.dumps(valid(events)).replace(response.item_id, "item_a1")
    named: list[ServerEvent] = json.loads(text)
    return named


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_one_audio_turn_equals_the_golden_sequence(transport: str) -> None:
    assert without_event_ids(one_audio_turn(transport)) == golden(transport)


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_event_ids_are_unique(transport: str) -> None:
    ids = [event["event_id"] for event in one_audio_turn(transport)]
    assert len(set(ids)) == len(ids)


def test_the_session_is_shown_whole_when_it_opens() -> None:
    it = session(voice="alloy", expires_at=1_790_000_000, defaults=None)
    [created] = valid(it.open())
    expected = json.loads(
        '{"type":"realtime","object":"realtime.session","id":"sess_1","model":"forethought",'
        '"output_modalities":["audio"],"instructions":"","tools":[],"tool_choice":"auto","max_output_tokens":"inf",'
        '"truncation":"auto","expires_at":1790000000,"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},'
        '"transcription":{"model":"forethought"},"noise_reduction":null,"turn_detection":{"type":"server_vad",'
        '"threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500,"idle_timeout_ms":null,'
        '"create_response":true,"interrupt_response":true}},"output":{"format":{"type":"audio/pcm","rate":24000},'
        '"voice":"alloy","speed":1.0}}}'
    )
    shown = created["session"]
    assert created["type"] == "session.created"
    assert {name: shown[name] for name in expected} == expected
    assert set(shown["forethought"]) == {"model", "human_speech", "voice", "version", "events"}


def test_barge_in_closes_everything_before_response_done() -> None:
    it = session("webrtc")
    it.audio_committed("item_u1", 1.0)
    it.response_started(None, "item_u1")
    response = it.active_response
    assert response is not None
    events = it.output_audio_started(response.id) + it.response_text(response.id, "One two three four.")
    events += it.response_audio(response.id, PCM_100_MS)
    events = valid(it.speech_started("item_u2", 4000))
    events += it.response_finished(response.id, "cancelled", "turn_detected", USAGE, heard_text="One two")
    events += it.output_audio_cleared(response.id)
    assert types(valid(events)) == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "output_audio_buffer.cleared",
    ]
    done = events[-2]["response"]
    assert (done["status"], done["status_details"]) == (
        "cancelled",
        {"type": "cancelled", "reason": "turn_detected"},
    )
    [item] = done["output"]
    assert (item["status"], item["content"]) == (
        "incomplete",
        [{"type": "output_audio", "transcript": "One two"}],
    )
    # What comes too late is dropped at the door.
    assert it.response_text(response.id, "five") == []
    assert it.response_audio(response.id, PCM_100_MS) == []
    assert it.response_finished(response.id, "completed") == []


def test_a_client_cancels_its_response() -> None:
    it = session()
    [create] = send(it, "response.create", response={"metadata": {"client_event_id": "e1"}}).commands
    assert isinstance(create, CreateResponse)
    events = it.response_started(create.response_id) + it.response_text(create.response_id, "Well")
    assert send(it, "response.cancel").commands == [CancelResponse(create.response_id)]
    assert send(it, "response.cancel").commands == []  # asked for already
    events += it.response_finished(create.response_id, "cancelled", "client_cancelled")
    metadata = [event["response"]["metadata"] for event in valid(events) if "response" in event]
    assert metadata == [{"client_event_id": "e1"}] * 2
    refused = send(it, "response.cancel", event_id="c2").events[0]["error"]
    assert (refused["code"], refused["event_id"]) == ("response_cancel_not_active", "c2")
    assert refused["message"].startswith("Cancellation failed")


def test_a_response_cancelled_before_it_began_still_has_a_beginning_and_no_item() -> None:
    it = session()
    [create] = send(it, "response.create").commands
    assert isinstance(create, CreateResponse)
    send(it, "response.cancel", response_id=create.response_id)
    events = valid(it.response_finished(create.response_id, "cancelled", "client_cancelled"))
    assert types(events) == ["response.created", "response.done"]
    assert events[-1]["response"]["output"] == []
    assert it.item_ids == ()


def test_a_failed_response_says_why() -> None:
    it = session()
    it.response_started(None)
    response = it.active_response
    assert response is not None
    lost = EngineLost("The engine died; a new one is being started.")
    done = valid(it.response_finished(response.id, "failed", error=lost))[-1]["response"]
    assert done["status_details"]["error"]["code"] == "engine_lost"
    assert done["status_details"]["error"]["type"] == "server_error"


def test_a_text_turn() -> None:
    it = session(defaults=SessionConfig("forethought", "hibari", output_modalities=("text",)))
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
    put = send(it, "conversation.item.create", item=message)
    assert types(put.events) == ["conversation.item.added", "conversation.item.done"]
    [item_id] = it.item_ids
    assert put.commands == [PutItem(item_id, "user", "Hello", None)]
    [create] = send(it, "response.create").commands
    assert isinstance(create, CreateResponse) and not create.params.speaks
    events = it.response_started(create.response_id, item_id)
    events += it.response_text(create.response_id, "Good ") + it.response_text(create.response_id, "day.")
    events += it.response_audio(create.response_id, PCM_100_MS)  # nothing is spoken in a text response
    events += it.response_finished(create.response_id, "completed", extra={"thought": "greet back"})
    assert types(valid(events)) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    assert events[3]["part"] == {"type": "text", "text": ""}
    assert events[6]["text"] == "Good day."
    assert events[-1]["response"]["forethought"] == {"thought": "greet back"}


def answered(transport: str = "websocket") -> tuple[Any, str]:
    """A session in which 200 ms of answer were spoken, and the answer's item."""
    it = session(transport)
    it.audio_committed("item_u1", 1.0)
    it.response_started(None, "item_u1")
    response = it.active_response
    assert response is not None
    it.response_text(response.id, "One two three.")
    it.response_audio(response.id, PCM_100_MS * 2)
    it.response_finished(response.id, "completed")
    return it, response.item_id


@pytest.mark.parametrize(("asked_ms", "clamped_ms"), [(120, 120), (999_999, 200), (0, 0)])
def test_truncate_is_clamped_to_the_audio_there_was(asked_ms: int, clamped_ms: int) -> None:
    it, item_id = answered()
    reaction = send(it, "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=asked_ms)
    assert (reaction.events, reaction.commands) == ([], [TruncateItem(item_id, clamped_ms)])
    [event] = valid(it.item_truncated(item_id, clamped_ms, "One"))
    assert (event["type"], event["audio_end_ms"]) == ("conversation.item.truncated", clamped_ms)
    [retrieved] = send(it, "conversation.item.retrieve", item_id=item_id).events
    assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": "One"}]
    assert retrieved["item"]["status"] == "incomplete"


def test_truncating_an_item_without_audio_is_acknowledged_and_changes_nothing() -> None:
    it, _ = answered()
    reaction = send(it, "conversation.item.truncate", item_id="item_u1", content_index=0, audio_end_ms=500)
    assert types(reaction.events) == ["conversation.item.truncated"]
    assert reaction.events[0]["audio_end_ms"] == 0
    assert reaction.commands == []


def test_truncating_an_answer_that_goes_on_shapes_its_done_events() -> None:
    it = session()
    it.response_started(None)
    response = it.active_response
    assert response is not None
    it.response_text(response.id, "One two three.")
    it.response_audio(response.id, PCM_100_MS)
    reaction = send(it, "conversation.item.truncate", item_id=response.item_id, content_index=0, audio_end_ms=60)
    assert reaction.commands == [TruncateItem(response.item_id, 60)]
    valid(it.item_truncated(response.item_id, 60, "One"))
    done = valid(it.response_finished(response.id, "cancelled", "turn_detected"))[-1]["response"]
    assert done["output"][0]["content"][0]["transcript"] == "One"


def test_g711_answers_are_one_byte_a_sample() -> None:
    it = session()
    update = {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    send(it, "session.update", session=update)
    it.response_started(None)
    response = it.active_response
    assert response is not None
    delta = valid(it.response_audio(response.id, bytes(1600)))[-1]["delta"]
    assert base64.b64decode(delta) == b"\xff" * 800  # 100 ms of μ-law silence
    assert response.audio_ms == 100
