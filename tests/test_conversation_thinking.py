"""Thinking while speaking, the whole way: thoughts arrive behind the answer's first words; the ledger counts them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_client import talk, words_of
from tests.live_server import LiveServer, live_server

pytestmark = pytest.mark.engine

# Its answer takes a second to write and several to say.
QUESTION = "tell me count by fives from twenty five to forty five"


@pytest.fixture(scope="module")
def eager_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Answers before it has thought, and thinks as soon as a tenth of a second of speech is bought."""
    settings = {"THINKING__ORDER": "speak_first", "THINKING__COVER_MS": "100", "SPEECH__VOICE": "espeak"}
    with live_server(tmp_path_factory.mktemp("eager") / "server.log", settings=settings) as server:
        yield server


async def test_thoughts_come_while_the_answer_is_spoken(eager_server: LiveServer) -> None:
    async with talk(eager_server.realtime, forethought={"events": True}) as conversation:
        await conversation.say_text(QUESTION)
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and "thirty five" in words_of(response)
        thoughts = conversation.of("forethought.thought")
        assert thoughts and all(event["while_speaking"] for event in thoughts)
        first_word = conversation.of("response.output_audio_transcript.delta")[0]
        assert conversation.events.index(first_word) < conversation.events.index(thoughts[0])
        tokens = sum(event["tokens"] for event in thoughts)
        thinking = response["forethought"]["ledger"]["thinking"]
        assert thinking["thought_tokens"] == thinking["tokens_while_speaking"] == tokens > 0
        assert response["forethought"]["thought"] == "".join(event["delta"] for event in thoughts).strip()


async def test_a_cancelled_answer_stops_its_thought_and_a_written_one_thinks_first(eager_server: LiveServer) -> None:
    async with talk(eager_server.realtime, forethought={"events": True}) as conversation:
        await conversation.say_text(QUESTION)
        await conversation.send("response.create")
        await conversation.expect("forethought.thought")
        await conversation.send("response.cancel")
        assert (await conversation.answer())["status"] == "cancelled"
        await conversation.send("response.create", response={"output_modalities": ["text"]})
        response = await conversation.answer()
        assert response["status"] == "completed"
        thoughts = [event for event in conversation.of("forethought.thought") if event["turn"] == 2]
        assert thoughts and not any(event["while_speaking"] for event in thoughts), "a text buys no time"
