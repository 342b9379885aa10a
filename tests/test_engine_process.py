"""The engine as a process that can die, hang or be damaged: the server notices, says so, and goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live_client import SERVER_VAD, sample_pcm, talk, words_of
from tests.live_server import EMBEDDED, START_LIMIT_S, LiveServer, live_server, process_lives, start, wait_until

# Beside other tests it may have half a core: every wait is long, and none is measured from above.
pytestmark = [pytest.mark.engine, pytest.mark.unhurried, pytest.mark.timeout(300)]

COUNT = "07_count_flite.wav"  # its answer lasts some seconds
COUNT_WORDS = "twenty five thirty thirty five forty forty five"
SUBTRACT = "02_subtract_flite.wav"
SUBTRACT_WORDS = "seventy three minus three is seventy"
SILENCE_S = 1.0
HEARING = {"input": {"turn_detection": SERVER_VAD}}
REPLACED_S = 60.0  # 4-6 s on a quiet machine; how long it takes is no question of right or wrong
TOLD_S = 15.0  # at once on a quiet machine
# A busy machine thinks slowly: with less time than this its answers would be cut short, and wrong.
SETTINGS = {"THINKING__EFFORT": "xhigh"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of this file's own: its engines are killed."""
    with live_server(tmp_path_factory.mktemp("engine") / "server.log", settings=SETTINGS) as running:
        yield running


def strike(server: LiveServer, number: signal.Signals) -> int:
    """Signal the engine; its process id."""
    server.wait_until_well()
    engine = server.engine_pid
    assert engine is not None
    os.kill(engine, number)
    return engine


def wait_until_replaced(server: LiveServer, old: int, limit_s: float = REPLACED_S) -> float:
    seconds = wait_until(
        lambda: server.get("/healthz")[0] == 200 and server.engine_pid not in (None, old),
        limit_s,
        "another engine is ready",
    )
    assert not process_lives(old)
    return seconds


async def test_engine_killed_in_mid_answer(server: LiveServer) -> None:
    async with talk(server.realtime, audio=HEARING) as conversation:
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        before = await conversation.answer()
        assert SUBTRACT_WORDS in words_of(before)
        restarts = server.health()["engine"]["restarts"]

        await conversation.append(sample_pcm(COUNT, silence_s=SILENCE_S))
        await conversation.expect("response.output_audio.delta")
        engine = strike(server, signal.SIGKILL)
        error = (await conversation.expect("error", limit_s=TOLD_S))["error"]
        assert error["code"] == "engine_lost" and error["type"] == "server_error"
        failed = await conversation.answer(limit_s=TOLD_S)
        assert failed["status"] == "failed" and failed["status_details"]["error"]["code"] == "engine_lost"
        seconds = await asyncio.to_thread(wait_until_replaced, server, engine)
        print(f"another engine was ready after {seconds:.1f} s")
        assert server.health()["engine"]["restarts"] == restarts + 1

        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        after = await conversation.answer()
        assert after["status"] == "completed" and SUBTRACT_WORDS in words_of(after)
        # What was said before is read by the new engine, as text: more tokens than the first turn had, as few frames.
        frames = [r["usage"]["input_token_details"]["audio_tokens"] for r in (before, after)]
        texts = [r["usage"]["input_token_details"]["text_tokens"] for r in (before, after)]
        assert frames[1] == pytest.approx(frames[0], abs=2)
        assert texts[1] > texts[0] + 15


async def test_question_asked_while_the_engine_is_replaced(server: LiveServer) -> None:
    async with talk(server.realtime, audio=HEARING) as conversation:
        engine = strike(server, signal.SIGKILL)
        await conversation.expect("error", limit_s=TOLD_S)
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        response = await conversation.answer()
        assert response["status"] == "completed" and SUBTRACT_WORDS in words_of(response)
        assert len(conversation.of("error")) == 1, "told once, not with every packet"
        wait_until_replaced(server, engine)


async def test_engine_killed_while_the_user_speaks(server: LiveServer) -> None:
    async with talk(server.realtime, audio=HEARING) as conversation:
        question = sample_pcm(COUNT, silence_s=SILENCE_S)
        half = len(question) // 2
        await conversation.append(question[:half])
        await conversation.expect("input_audio_buffer.speech_started")
        engine = strike(server, signal.SIGKILL)
        await conversation.expect("error", limit_s=TOLD_S)
        await conversation.append(question[half:])
        response = await conversation.answer()
        assert response["status"] == "completed" and COUNT_WORDS in words_of(response), "the whole question was heard"
        wait_until_replaced(server, engine)


async def test_typed_question_while_the_engine_is_replaced(server: LiveServer) -> None:
    async with talk(server.realtime, output_modalities=["text"]) as conversation:
        engine = strike(server, signal.SIGKILL)
        await conversation.expect("error", limit_s=TOLD_S)
        await conversation.say_text("how much is seventy three minus three")
        await conversation.send("response.create")
        response = await conversation.answer()
        assert response["status"] == "completed" and "seventy" in words_of(response)
        wait_until_replaced(server, engine)


async def test_stopped_engine_is_noticed_and_replaced(server: LiveServer) -> None:
    async with talk(server.realtime, audio=HEARING) as conversation:
        begin = time.monotonic()
        engine = strike(server, signal.SIGSTOP)
        error = (await conversation.expect("error"))["error"]
        assert error["code"] == "engine_lost"
        # Ten seconds of silence, looked at every two; a busy machine comes to it later.
        assert time.monotonic() - begin > 8
        # Not on the loop: a client that is silent for so long is given up by the keepalive.
        await asyncio.to_thread(wait_until_replaced, server, engine, 3 * REPLACED_S)
        await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
        response = await conversation.answer()
        assert response["status"] == "completed" and SUBTRACT_WORDS in words_of(response)


def refusal(tmp_path: Path, model: Path) -> str:
    """What `forethought serve` says of a model that it cannot use, and that it says so with exit code 1."""
    server = start(tmp_path / "server.log", "--model", str(model))
    try:
        assert server.process.wait(START_LIMIT_S) == 1, server.tail()
        assert server.log_lines("listening") == []
        return server.tail()
    finally:
        server.stop()


def test_missing_model_is_said_before_serving(tmp_path: Path) -> None:
    words = refusal(tmp_path, tmp_path / "nowhere")
    assert "nowhere" in words and "config.json" in words and "Traceback" not in words


def test_damaged_weights_are_said_before_serving(tmp_path: Path) -> None:
    model = tmp_path / "damaged"
    model.mkdir()
    parts = sorted(EMBEDDED.glob("*.safetensors"))
    for path in EMBEDDED.iterdir():
        if path.is_file() and path not in parts:
            shutil.copy(path, model)
    for part in parts[:-1]:
        (model / part.name).symlink_to(part)
    data = bytearray(parts[-1].read_bytes())
    data[len(data) // 2] ^= 1
    (model / parts[-1].name).write_bytes(data)
    words = refusal(tmp_path, model)
    assert parts[-1].name in words and "Traceback" not in words, words
