"""The OpenAI SDK's own client against the real server: every kind of turn, and every event as the SDK types it."""

from __future__ import annotations

import asyncio
import base64

import numpy as np
import pytest
import soxr

from realtime.protocol.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from tests.live_client import SERVER_VAD, WIRE_RATE_HZ, Talk, plain, sample_pcm, talk, words_of
from tests.live_server import LiveServer, expected

pytestmark = pytest.mark.engine

APPLES = "00_add_piper.wav"
TIMES = "04_multiply_kokoro.wav"
SUBTRACT = "02_subtract_flite.wav"
COUNT = "07_count_flite.wav"  # its answer lasts some seconds: "Twenty five, thirty, thirty five, forty, forty five."
TYPED = "how much is seventy three minus three"
# Longer than the 500 ms of silence after which server_vad ends a turn.
SILENCE_S = 1.0
VOICED_RMS = 300


def key(sample: str) -> str:
    return plain(expected(sample)["key"])


def is_voiced(pcm: np.ndarray) -> bool:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2))) > VOICED_RMS


def order_of(conversation: Talk, *kinds: str) -> list[str]:
    """The events of these types, in the order in which they came."""
    return [event["type"] for event in conversation.events if event["type"] in kinds]


async def test_spoken_turn_with_server_vad(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": SERVER_VAD}}) as conversation:
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        response = await conversation.answer()
        assert response["status"] == "completed"
        assert key(SUBTRACT) in words_of(response)
        expected_order = [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "response.created",
            "response.done",
        ]
        assert order_of(conversation, *expected_order) == expected_order
        heard = conversation.of("conversation.item.input_audio_transcription.completed")
        assert [plain(event["transcript"]) for event in heard] == [expected(SUBTRACT)["transcript"]]
        spoken = np.frombuffer(conversation.audio_of(response["id"]), "<i2")
        assert is_voiced(spoken)
        # Audio and its transcript say the same, piece by piece and whole.
        deltas = "".join(e["delta"] for e in conversation.of("response.output_audio_transcript.delta"))
        assert plain(deltas) == words_of(response)
        usage = response["usage"]
        assert usage["input_token_details"]["audio_tokens"] > 20 and usage["output_tokens"] > 0
        assert not any(event["type"].startswith("forethought.") for event in conversation.events), "nobody asked"


async def test_typed_turn_answered_in_text(server: LiveServer) -> None:
    async with talk(server.realtime, output_modalities=["text"]) as conversation:
        await conversation.say_text(TYPED)
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and "seventy" in words_of(response)
        deltas = "".join(event["delta"] for event in conversation.of("response.output_text.delta"))
        assert plain(deltas) == words_of(response)
        assert plain(conversation.of("response.output_text.done")[0]["text"]) == words_of(response)
        assert conversation.of("response.output_audio.delta") == []


async def test_typed_turn_answered_aloud(server: LiveServer) -> None:
    async with talk(server.realtime) as conversation:
        await conversation.say_text(TYPED)
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and "seventy" in words_of(response)
        assert is_voiced(np.frombuffer(conversation.audio_of(response["id"]), "<i2"))


async def test_push_to_talk_waits_for_the_client_at_each_step(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": None}}) as conversation:
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        await asyncio.sleep(1.0)
        assert order_of(conversation, "input_audio_buffer.committed", "response.created") == [], "silence ends nothing"
        await conversation.send("input_audio_buffer.commit")
        await conversation.expect("input_audio_buffer.committed")
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and key(SUBTRACT) in words_of(response)
        assert conversation.of("input_audio_buffer.speech_started") == [], "the client knows when it pressed"
        # The same microphone again: the buffer begins anew.
        await conversation.append(sample_pcm(TIMES))
        await conversation.send("input_audio_buffer.commit")
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and key(TIMES) in words_of(response)


async def test_recording_sent_in_one_piece_loses_nothing(server: LiveServer) -> None:
    """A minute in one append event is longer than the ring that the turns are cut from."""
    question = sample_pcm(SUBTRACT)
    minute = np.concatenate([question, np.zeros(60 * WIRE_RATE_HZ, np.int16)])
    async with talk(server.realtime, audio={"input": {"turn_detection": SERVER_VAD}}) as conversation:
        await conversation.send("input_audio_buffer.append", audio=base64.b64encode(minute.tobytes()).decode())
        response = await conversation.answer()
        assert response["status"] == "completed" and key(SUBTRACT) in words_of(response)
        assert len(conversation.of("input_audio_buffer.committed")) == 1


async def test_response_asked_for_and_cancelled_behind_a_commit(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": None}}) as conversation:
        await conversation.append(sample_pcm(COUNT))
        for kind in ("input_audio_buffer.commit", "response.create", "response.cancel"):
            await conversation.send(kind)
        response = await conversation.answer()
        assert response["status"] == "cancelled"
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and key(COUNT) in words_of(response), "the question is still there"


async def test_cleared_push_to_talk_buffer_leaves_nothing_to_commit(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": None}}) as conversation:
        await conversation.append(sample_pcm(TIMES))
        await conversation.send("input_audio_buffer.clear")
        await conversation.expect("input_audio_buffer.cleared")
        await conversation.send("input_audio_buffer.commit")
        error = (await conversation.expect("error"))["error"]
        assert error["code"] == "input_audio_buffer_commit_empty"
        await conversation.append(sample_pcm(SUBTRACT))
        await conversation.send("input_audio_buffer.commit")
        await conversation.send("response.create")
        response = await conversation.answer()
        assert key(SUBTRACT) in words_of(response), "nothing of the cleared question is left"


async def test_barge_in_cuts_the_answer_and_answers_the_new_question(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": SERVER_VAD}}) as conversation:
        await conversation.append(sample_pcm(COUNT, silence_s=SILENCE_S))
        first = await conversation.expect("response.output_audio.delta")
        await asyncio.sleep(0.5)
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        cut = await conversation.answer()
        assert cut["id"] == first["response_id"]
        assert cut["status"] == "cancelled" and cut["status_details"]["reason"] == "turn_detected"
        assert key(COUNT) not in words_of(cut), "the answer was cut off before its end"
        audio_end_ms = 300
        await conversation.send(
            "conversation.item.truncate", item_id=first["item_id"], content_index=0, audio_end_ms=audio_end_ms
        )
        truncated = await conversation.expect("conversation.item.truncated")
        assert truncated["item_id"] == first["item_id"] and truncated["audio_end_ms"] == audio_end_ms
        response = await conversation.answer()
        assert response["status"] == "completed" and key(SUBTRACT) in words_of(response)
        late = conversation.events.index(next(e for e in conversation.events if e["type"] == "response.done"))
        assert all(e.get("response_id") != first["response_id"] for e in conversation.events[late + 1 :])


async def test_answer_that_may_not_be_interrupted_is_heard_to_its_end(server: LiveServer) -> None:
    detection = {**SERVER_VAD, "interrupt_response": False}
    async with talk(server.realtime, audio={"input": {"turn_detection": detection}}) as conversation:
        await conversation.append(sample_pcm(COUNT, silence_s=SILENCE_S))
        await conversation.expect("response.output_audio.delta")
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        first = await conversation.answer()
        assert first["status"] == "completed" and key(COUNT) in words_of(first)
        second = await conversation.answer()
        assert second["status"] == "completed" and key(SUBTRACT) in words_of(second)
        kinds = order_of(conversation, "response.created", "response.done")
        assert kinds == ["response.created", "response.done"] * 2, "one at a time"


async def test_cancelled_response_stops_and_the_session_goes_on(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": SERVER_VAD}}) as conversation:
        await conversation.append(sample_pcm(COUNT, silence_s=SILENCE_S))
        await conversation.expect("response.output_audio.delta")
        await conversation.send("response.cancel")
        cut = await conversation.answer(limit_s=10)
        assert cut["status"] == "cancelled" and cut["status_details"]["reason"] == "client_cancelled"
        await conversation.send("response.cancel")
        assert (await conversation.expect("error"))["error"]["code"] == "response_cancel_not_active"
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        response = await conversation.answer()
        assert response["status"] == "completed" and key(SUBTRACT) in words_of(response)


@pytest.mark.parametrize(
    ("law", "encode", "decode"), [("pcmu", encode_mulaw, decode_mulaw), ("pcma", encode_alaw, decode_alaw)]
)
async def test_telephone_audio_in_and_out(server: LiveServer, law: str, encode: object, decode: object) -> None:
    telephone = {"type": f"audio/{law}"}
    audio = {"input": {"format": telephone, "turn_detection": SERVER_VAD}, "output": {"format": telephone}}
    async with talk(server.realtime, audio=audio) as conversation:
        line = encode(sample_pcm(APPLES, 8_000, silence_s=SILENCE_S))
        await conversation.append(bytes(line), rate_hz=8_000)
        response = await conversation.answer()
        assert response["status"] == "completed" and key(APPLES) in words_of(response)
        spoken = decode(conversation.audio_of(response["id"]))
        assert is_voiced(spoken)
        # "Six plus eight is fourteen." takes between one and four seconds: the rate is the telephone's.
        assert 1.0 < len(spoken) / 8_000 < 4.0
        assert soxr.resample(spoken, 8_000, 16_000).size == pytest.approx(2 * spoken.size, abs=2)


async def test_answer_without_audio_to_a_spoken_turn(server: LiveServer) -> None:
    async with talk(
        server.realtime, output_modalities=["text"], audio={"input": {"turn_detection": SERVER_VAD}}
    ) as conversation:
        await conversation.append(sample_pcm(TIMES, silence_s=SILENCE_S))
        response = await conversation.answer()
        assert response["status"] == "completed" and key(TIMES) in words_of(response)
        assert conversation.of("response.output_audio.delta") == []


@pytest.mark.parametrize(("session", "wanted"), [("audio", "text"), ("text", "audio")])
async def test_response_chooses_its_own_modality(server: LiveServer, session: str, wanted: str) -> None:
    audio = {"input": {"turn_detection": None}}
    async with talk(server.realtime, output_modalities=[session], audio=audio) as conversation:
        await conversation.append(sample_pcm(TIMES))
        await conversation.send("input_audio_buffer.commit")
        await conversation.expect("conversation.item.input_audio_transcription.completed")
        await asyncio.sleep(1.0)  # the whole answer has been thought of by now, in the session's own modality
        await conversation.send("response.create", response={"output_modalities": [wanted]})
        response = await conversation.answer()
        assert response["status"] == "completed" and key(TIMES) in words_of(response)
        assert bool(conversation.audio_of(response["id"])) == (wanted == "audio")


async def test_answer_longer_than_allowed_is_incomplete(server: LiveServer) -> None:
    async with talk(server.realtime, output_modalities=["text"]) as conversation:
        await conversation.say_text(TYPED)
        await conversation.send("response.create", response={"max_output_tokens": 2})
        response = await conversation.answer()
        assert response["status"] == "incomplete"
        assert response["status_details"]["reason"] == "max_output_tokens"


async def test_thoughts_come_only_to_those_who_ask(server: LiveServer) -> None:
    async with talk(
        server.realtime, forethought={"events": True}, audio={"input": {"turn_detection": SERVER_VAD}}
    ) as conversation:
        await conversation.append(sample_pcm(APPLES, silence_s=SILENCE_S))
        response = await conversation.answer()
        kinds = {event["type"] for event in conversation.events}
        assert {"forethought.turn", "forethought.thought", "forethought.heard", "forethought.ledger"} <= kinds
        thought = "".join(event["delta"] for event in conversation.of("forethought.thought"))
        assert "6 + 8 = 14" in thought and response["forethought"]["thought"] in thought
        assert plain(response["forethought"]["transcript"]) == expected(APPLES)["transcript"]


async def test_bad_audio_is_refused_and_harms_nothing(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": SERVER_VAD}}) as conversation:
        for audio, code in (("AAA=AAA", "invalid_audio"), ("###", "invalid_audio"), ("AAAA", "invalid_audio")):
            await conversation.send("input_audio_buffer.append", event_id="bad", audio=audio)
            error = (await conversation.expect("error"))["error"]
            assert error["code"] == code and error["event_id"] == "bad" and error["param"] == "audio", (audio, error)
        await conversation.send("input_audio_buffer.append", audio="")
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        response = await conversation.answer()
        assert response["status"] == "completed" and key(SUBTRACT) in words_of(response)
        heard = conversation.of("conversation.item.input_audio_transcription.completed")
        assert [plain(event["transcript"]) for event in heard] == [expected(SUBTRACT)["transcript"]]


async def test_history_is_read_and_can_be_edited(server: LiveServer) -> None:
    """The input tokens of an answer are the history: each item adds, a deleted one takes away."""
    async with talk(server.realtime, output_modalities=["text"]) as conversation:

        async def input_tokens() -> int:
            await conversation.send("response.create")
            response = await conversation.answer()
            assert response["status"] == "completed", response["status_details"]
            await conversation.send("conversation.item.delete", item_id=response["output"][0]["id"])
            tokens: int = response["usage"]["input_tokens"]
            return tokens

        await conversation.say_text(TYPED)
        alone = await input_tokens()
        assert await input_tokens() == alone, "the deleted answer is gone from what is read"
        long = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello " * 20}]}
        await conversation.send("conversation.item.create", previous_item_id="root", item={"id": "greeting", **long})
        assert await input_tokens() > alone + 20
        await conversation.send("conversation.item.delete", item_id="greeting")
        assert await input_tokens() == alone
