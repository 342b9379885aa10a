"""The fallback: what the first voice cannot say in time the second says, and only if neither can is it an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from tts_bridge import (
    EmptySpeech,
    FallbackVoice,
    Pcm,
    VoiceFailure,
    VoiceMisconfigured,
    VoiceSettings,
    VoiceTimeout,
    VoiceUnavailable,
    open_voice,
)
from tts_bridge.voices import EspeakVoice

SPOKEN = Pcm(np.full(100, 5_000, np.int16), 24_000)


class Scripted:
    """A voice outside the product: it does what the test says, and counts how often it was asked."""

    sample_rate_hz = 24_000

    def __init__(self, name: str, act: Callable[[], Awaitable[Pcm]]) -> None:
        self.name = name
        self.act = act
        self.asked = 0
        self.is_closed = False

    async def warm_up(self) -> None:
        await self.synthesise("x")

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        self.asked += 1
        return await self.act()

    async def close(self) -> None:
        self.is_closed = True


async def speaks() -> Pcm:
    return SPOKEN


async def fails() -> Pcm:
    raise VoiceUnavailable("gone", voice="first")


async def is_silent() -> Pcm:
    raise EmptySpeech("silent", voice="first")


async def hangs() -> Pcm:
    await asyncio.Event().wait()
    raise AssertionError


async def times_out_inside() -> Pcm:
    raise TimeoutError


def pair(
    first: Callable[[], Awaitable[Pcm]], second: Callable[[], Awaitable[Pcm]]
) -> tuple[FallbackVoice, list[float]]:
    now = [0.0]
    voice = FallbackVoice(Scripted("first", first), Scripted("second", second), 0.05, rest_s=10, now_s=lambda: now[0])
    return voice, now


def asked(voice: FallbackVoice) -> tuple[int, int]:
    first, second = voice._primary, voice._fallback
    assert isinstance(first, Scripted) and isinstance(second, Scripted)
    return first.asked, second.asked


async def test_the_second_is_not_asked_while_the_first_speaks() -> None:
    voice, _ = pair(speaks, fails)
    assert await voice.synthesise("x") is SPOKEN
    assert asked(voice) == (1, 0) and voice.name == "first"


@pytest.mark.parametrize("first", [fails, is_silent, hangs])
async def test_the_second_speaks_for_the_first(first: Callable[[], Awaitable[Pcm]]) -> None:
    voice, _ = pair(first, speaks)
    assert await voice.synthesise("x") is SPOKEN
    assert asked(voice) == (1, 1)


async def test_a_failing_voice_rests_and_then_gets_another_chance() -> None:
    voice, now = pair(hangs, speaks)
    for _ in range(3):
        await voice.synthesise("x")
    assert asked(voice) == (1, 3) and voice.name == "second"
    now[0] = 11.0
    await voice.synthesise("x")
    assert asked(voice) == (2, 4)


async def test_a_silent_answer_is_no_reason_to_rest() -> None:
    voice, _ = pair(is_silent, speaks)
    for _ in range(3):
        await voice.synthesise("x")
    assert asked(voice) == (3, 3)


async def test_when_neither_speaks_it_is_one_typed_error() -> None:
    voice, _ = pair(fails, hangs)
    with pytest.raises(VoiceTimeout) as caught:
        await voice.synthesise("x")
    assert caught.value.voice == "second"
    assert isinstance(caught.value, VoiceFailure)


async def test_cancelling_is_not_a_failure_of_the_voice() -> None:
    voice, _ = pair(hangs, speaks)
    task = asyncio.create_task(voice.synthesise("x"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asked(voice) == (1, 0) and voice.name == "first"


async def test_a_bug_in_a_voice_is_not_hidden() -> None:
    voice, _ = pair(times_out_inside, speaks)
    with pytest.raises(TimeoutError):
        await voice.synthesise("x")


async def test_both_are_warmed_and_closed() -> None:
    voice, _ = pair(fails, speaks)
    await voice.warm_up()
    assert voice.name == "second"
    await voice.close()
    assert voice._primary.is_closed and voice._fallback.is_closed  # type: ignore[attr-defined]
    voice, _ = pair(fails, fails)
    with pytest.raises(VoiceUnavailable):
        await voice.warm_up()


async def test_a_dead_server_is_spoken_for_by_espeak() -> None:
    voice = open_voice(VoiceSettings(kind="openai", url="http://127.0.0.1:9/v1", timeout_s=10))
    assert isinstance(voice, FallbackVoice)
    pcm = await voice.synthesise("Six plus eight is fourteen.")
    assert pcm.sample_rate_hz == EspeakVoice().sample_rate_hz and pcm.duration_ms > 500
    assert voice.name == "espeak"
    await voice.close()


def test_kinds_and_fallbacks() -> None:
    assert isinstance(open_voice(VoiceSettings()), FallbackVoice)
    assert not isinstance(open_voice(VoiceSettings(fallback=False)), FallbackVoice)
    assert not isinstance(open_voice(VoiceSettings(program="no-such-program")), FallbackVoice)
    with pytest.raises(VoiceMisconfigured, match="no voice of kind"):
        open_voice(VoiceSettings(kind="parrot"))  # type: ignore[arg-type]
