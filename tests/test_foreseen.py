"""What was foreseen is said at once, in the very same words and pace; nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import realtime.conversation
from realtime.clock import FakeClock
from realtime.engine.messages import Foreseen
from realtime.foreseen import KEPT_CLAUSES, ForeseenVoice
from realtime.opening import Opening, open_protocol
from realtime.protocol import RandomIds
from realtime.settings import Settings, SpeechSettings
from realtime.transport import Link
from realtime.turn import Turn
from realtime.turns.detectors import WebRtcVoiceDetector
from tts_bridge import Pcm, VoiceFailure


class Voice:
    """Says a text when it is let; `asked` is everything that it was asked for."""

    name = "scripted"
    sample_rate_hz = 16_000

    def __init__(self, *unspeakable: str) -> None:
        self.asked: list[tuple[str, float]] = []
        self.may_speak = asyncio.Event()
        self.may_speak.set()
        self._unspeakable = unspeakable

    async def warm_up(self) -> None: ...

    async def close(self) -> None: ...

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        self.asked.append((text, speed))
        await self.may_speak.wait()
        if text in self._unspeakable:
            raise VoiceFailure("no", voice=self.name)
        return Pcm(np.frombuffer(f"{text} {speed:4.2f}".ljust(32).encode(), np.int16), self.sample_rate_hz)


class Conversation:
    """A voice, its foreseen one, and the tasks that they make."""

    def __init__(self, *unspeakable: str) -> None:
        self.voice = Voice(*unspeakable)
        self._tasks: list[asyncio.Task[None]] = []
        self.foreseen = ForeseenVoice(self.voice, self._spawn)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self._tasks.append(asyncio.create_task(work, name=name))
        return self._tasks[-1]

    async def rest(self) -> None:
        for task in self._tasks:
            await task


def said(speech: Pcm) -> str:
    return speech.samples.tobytes().decode().strip()


async def test_what_was_foreseen_is_there_and_is_not_said_twice() -> None:
    it = Conversation()
    it.foreseen.foresee("Six.", 1.0)
    await it.rest()
    it.voice.may_speak.clear()
    assert said(await it.foreseen.synthesise("Six.")) == "Six. 1.00"
    assert it.voice.asked == [("Six.", 1.0)]


@pytest.mark.parametrize(("text", "speed"), [("Seven.", 1.0), ("Six.", 1.25)])
async def test_other_words_or_another_pace_are_said_anew(text: str, speed: float) -> None:
    it = Conversation()
    it.foreseen.foresee("Six.", 1.0)
    await it.rest()
    assert said(await it.foreseen.synthesise(text, speed=speed)) == f"{text} {speed:4.2f}"
    assert it.voice.asked[1:] == [(text, speed)]


async def test_what_is_being_said_is_waited_for() -> None:
    it = Conversation()
    it.voice.may_speak.clear()
    it.foreseen.foresee("Six.", 1.0)
    await asyncio.sleep(0)
    waits = asyncio.create_task(it.foreseen.synthesise("Six."))
    given_up = asyncio.create_task(it.foreseen.synthesise("Six."))
    await asyncio.sleep(0)
    given_up.cancel()  # a revoked attempt
    it.voice.may_speak.set()
    assert said(await waits) == "Six. 1.00"
    assert it.voice.asked == [("Six.", 1.0)]


async def test_of_those_that_wait_only_the_last_is_said_and_none_behind_a_real_one() -> None:
    it = Conversation()
    it.voice.may_speak.clear()
    for text in ("one", "two", "three"):
        it.foreseen.foresee(text, 1.0)
        await asyncio.sleep(0)
    it.voice.may_speak.set()
    await it.rest()
    assert [text for text, _ in it.voice.asked] == ["one", "three"]

    it.voice.may_speak.clear()
    for text in ("four", "five"):
        it.foreseen.foresee(text, 1.0)
        await asyncio.sleep(0)
    real = asyncio.create_task(it.foreseen.synthesise("six"))
    await asyncio.sleep(0)
    it.voice.may_speak.set()
    await real
    await it.rest()
    assert [text for text, _ in it.voice.asked[2:]] == ["four", "six"]


async def test_a_clause_that_no_voice_can_say_fails_where_it_is_asked_for() -> None:
    it = Conversation("Six.")
    it.foreseen.foresee("Six.", 1.0)
    await it.rest()
    with pytest.raises(VoiceFailure):
        await it.foreseen.synthesise("Six.")
    it.foreseen.foresee("Seven.", 1.0)
    await it.rest()
    assert said(await it.foreseen.synthesise("Seven.")) == "Seven. 1.00", "and it goes on foreseeing"


TEXTS = st.sampled_from([f"clause {n}" for n in range(2 * KEPT_CLAUSES)])


@given(st.lists(st.tuples(st.sampled_from(["foresee", "say", "stall", "rest"]), TEXTS), max_size=40))
def test_whatever_was_foreseen_the_words_are_those_that_were_asked_for(steps: list[tuple[str, str]]) -> None:
    async def talk() -> None:
        it = Conversation("clause 3")
        for step, text in steps:
            match step:
                case "foresee":
                    it.foreseen.foresee(text, 1.0)
                    await asyncio.sleep(0)
                case "stall":
                    it.voice.may_speak.clear()
                case "rest":
                    it.voice.may_speak.set()
                    await it.rest()
                case "say":
                    it.voice.may_speak.set()
                    try:
                        assert said(await it.foreseen.synthesise(text)) == f"{text} 1.00"
                    except VoiceFailure:
                        assert text == "clause 3"
            assert len(it.foreseen._kept) <= KEPT_CLAUSES
        it.voice.may_speak.set()
        await it.rest()

    asyncio.run(talk())


# --- in a conversation ------------------------------------------------------------------------------


async def told(text: str, *, whole: bool = False, turn: Turn | None = None, **session: Any) -> list[tuple[str, float]]:
    """What the voice of a conversation is asked for where the engine foresees `text` for turn 1."""
    settings, voice = Settings(speech=SpeechSettings(foresee=session.pop("foresee", True))), Voice()
    services = realtime.conversation.Services(
        settings, FakeClock(), cast(Any, None), voice, WebRtcVoiceDetector(), None, cast(Any, None), cast(Any, None)
    )
    opening = Opening("websocket", 24_000, session, extensions=False, human_speech="", expires_at=0)
    link = cast(Link, SimpleNamespace(kind="websocket", output_rate_hz=24_000))
    conversation = realtime.conversation.Conversation(services, link, open_protocol(settings, opening, RandomIds()))
    conversation._exchange.turn = turn or Turn(1, "item_1", machine_turn=1)
    async with asyncio.TaskGroup() as group:
        conversation._group = group
        conversation._exchange.engine_said(Foreseen(session="s", turn=1, text=text, whole=whole))
    return voice.asked


async def test_of_what_the_engine_foresees_the_first_clause_is_said_ahead() -> None:
    assert await told("Six plus eight is fourteen. And now") == [("Six plus eight is fourteen.", 1.0)]
    assert await told("Fourteen.", whole=True) == [("Fourteen.", 1.0)]
    fast = {"audio": {"output": {"speed": 1.25}}}
    assert await told("Fourteen.", whole=True, **fast) == [("Fourteen.", 1.25)]


async def test_what_nobody_will_hear_is_not_said_ahead() -> None:
    assert await told("Six plus") == [], "the clause may go on"
    assert await told("", whole=True) == []
    assert await told("Fourteen.", whole=True, foresee=False) == []
    assert await told("Fourteen.", whole=True, output_modalities=["text"]) == []
    assert await told("Fourteen.", whole=True, turn=Turn(2, "item_2", machine_turn=2)) == [], "of a turn before"
    over = Turn(1, "item_1", machine_turn=1, is_committed=True)
    assert await told("Fourteen.", whole=True, turn=over) == [], "the answer itself is on its way"
