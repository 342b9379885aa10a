"""What real callers do to a conversation: say nothing, play music, vanish in mid-answer, come in too great a number."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from aiortc import RTCPeerConnection
from openai import APIStatusError
from websockets.exceptions import InvalidStatus

from client_demo import AskOptions, ask
from client_demo.errors import ExitCode
from tests.live_client import SERVER_VAD, WIRE_RATE_HZ, Talk, sample_pcm, talk, words_of
from tests.live_server import FORETHOUGHT, SAMPLES, LiveServer, wait_until

pytestmark = pytest.mark.engine

COUNT = "07_count_flite.wav"  # its answer lasts some seconds
SUBTRACT = "02_subtract_flite.wav"
SILENCE_S = 1.0
HEARING = {"input": {"turn_detection": SERVER_VAD}}
# The engine's figures come with its pong, every 2 s, and reach /metrics up to 2 s later.
FIGURES_S = 10.0


def chords(seconds: float) -> np.ndarray:
    """A chord progression (C, A minor, F, G) with soft attacks and a few overtones: int16 mono at the wire's rate."""
    progression = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
    beat = np.arange(WIRE_RATE_HZ // 2) / WIRE_RATE_HZ
    envelope = np.minimum(1.0, beat / 0.02) * np.exp(-1.5 * beat)
    bars = [
        envelope * sum(np.sin(2 * np.pi * hz * k * beat) / k**2 for hz in chord for k in (1, 2, 3))
        for chord in progression
    ]
    bar = np.concatenate(bars)
    music = np.tile(bar, int(np.ceil(seconds * WIRE_RATE_HZ / len(bar))))[: int(seconds * WIRE_RATE_HZ)]
    return (music / np.abs(music).max() * 8000).astype(np.int16)


async def assert_still_well(conversation: Talk) -> None:
    """The next question of the same session is answered right."""
    await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
    response = await conversation.answer()
    assert response["status"] == "completed" and "seventy three minus three is seventy" in words_of(response)


async def test_silence_is_no_turn(server: LiveServer) -> None:
    async with talk(server.realtime, audio=HEARING) as conversation:
        await conversation.append(np.zeros(10 * WIRE_RATE_HZ, np.int16))
        await assert_still_well(conversation)
        assert len(conversation.of("input_audio_buffer.speech_started")) == 1, "only the question"


async def test_music_harms_nothing(server: LiveServer) -> None:
    """No turn, or one that is answered like any other; never an error, never a mute session."""
    async with talk(server.realtime, audio=HEARING) as conversation:
        await conversation.append(chords(8.0))
        await conversation.append(np.zeros(WIRE_RATE_HZ, np.int16))
        await conversation.detect(None)  # answered behind the audio: nothing of the music is left to be heard
        await conversation.send("input_audio_buffer.clear")
        await conversation.expect("input_audio_buffer.cleared")
        for _ in conversation.of("response.created"):
            assert (await conversation.answer())["status"] in ("completed", "cancelled")
        await conversation.detect(SERVER_VAD)
        await assert_still_well(conversation)
        assert conversation.of("error") == []
        print(f"music: {len(conversation.of('input_audio_buffer.speech_started')) - 1} turns heard in 8 s")


async def test_music_that_the_client_commits_is_answered(server: LiveServer) -> None:
    async with talk(server.realtime, audio={"input": {"turn_detection": None}}) as conversation:
        await conversation.append(chords(4.0))
        await conversation.send("input_audio_buffer.commit")
        await conversation.send("response.create", response={"max_output_tokens": 60})
        assert (await conversation.answer())["status"] in ("completed", "incomplete")
        await conversation.detect(SERVER_VAD)
        await assert_still_well(conversation)
        assert conversation.of("error") == []


async def test_files_without_speech_end_with_their_own_exit_code(server: LiveServer, tmp_path: Path) -> None:
    def run(file: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(FORETHOUGHT), "ask", str(file), "--url", server.url, "--transport", "websocket"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    empty = tmp_path / "empty.wav"
    empty.touch()
    done = await asyncio.to_thread(run, empty)
    assert done.returncode == ExitCode.AUDIO_FILE and "empty.wav" in done.stderr and "Traceback" not in done.stderr
    no_sound = tmp_path / "text.wav"
    no_sound.write_text("this is no sound")
    done = await asyncio.to_thread(run, no_sound)
    assert done.returncode == ExitCode.AUDIO_FILE and "Traceback" not in done.stderr


async def test_more_callers_than_there_is_room_for(server: LiveServer) -> None:
    room = server.health()["max_sessions"]
    async with asyncio.TaskGroup() as group:
        leave = asyncio.Event()
        seated = asyncio.Semaphore(0)

        async def stay() -> None:
            async with talk(server.realtime):
                seated.release()
                await leave.wait()

        for _ in range(room):
            group.create_task(stay())
        for _ in range(room):
            await seated.acquire()
        assert server.gauge("forethought_sessions") == room
        try:
            with pytest.raises((InvalidStatus, APIStatusError)) as refused:
                async with talk(server.realtime):
                    pass
            response = refused.value.response
            status = response.status_code
            assert status == 503 and b"too_many_sessions" in bytes(getattr(response, "body", b"")), response
        finally:
            leave.set()
    await asyncio.to_thread(server.wait_until_idle)
    async with talk(server.realtime, audio=HEARING) as conversation:
        await assert_still_well(conversation)


async def test_crowd_that_calls_at_the_same_moment(server: LiveServer) -> None:
    """Answering an offer takes a while: those who came in meanwhile count."""
    room = server.health()["max_sessions"]
    callers = [RTCPeerConnection() for _ in range(room + 3)]
    try:
        for caller in callers:
            caller.addTransceiver("audio")
            caller.createDataChannel("oai-events")
            await caller.setLocalDescription(await caller.createOffer())
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            url, headers = f"{server.url}/v1/realtime/calls", {"Content-Type": "application/sdp"}
            offers = (http.post(url, content=c.localDescription.sdp, headers=headers) for c in callers)
            replies = await asyncio.gather(*offers)
            statuses = sorted(reply.status_code for reply in replies)
            assert statuses == [201] * room + [503] * 3
            assert server.gauge("forethought_sessions") == room
            refused = next(reply for reply in replies if reply.status_code == 503)
            assert refused.json()["error"]["code"] == "too_many_sessions"
            for reply in replies:
                if reply.status_code == 201:
                    await http.delete(server.url + reply.headers["Location"])
    finally:
        for caller in callers:
            await caller.close()


def test_clients_that_vanish_in_mid_answer_leave_nothing(server: LiveServer) -> None:
    """Two client processes are killed while their answers play: sessions end, all their KV blocks are free again."""
    wait_until(lambda: server.gauge("forethought_kv_blocks_total") > 0, FIGURES_S, "the engine has told its figures")
    wait_until(lambda: server.gauge("forethought_kv_blocks_used") == 0, FIGURES_S, "nothing is in use")
    turns = len(server.log_lines("turn"))
    clients = [
        subprocess.Popen(
            [str(FORETHOUGHT), "ask", str(SAMPLES / COUNT), "--url", server.url, "--transport", transport],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for transport in ("websocket", "webrtc")
    ]
    try:
        wait_until(lambda: server.gauge("forethought_sessions") == 2, 20, "both have a session")
        # The question lasts 4.6 s, its answer 3 s.
        time.sleep(6.0)
        assert server.gauge("forethought_kv_blocks_used") > 0
        assert server.gauge("forethought_sessions") == 2
        assert len(server.log_lines("turn")) == turns, "no answer is over"
    finally:
        for client in clients:
            client.kill()
            client.wait()
    # A socket tells at once; over WebRTC it is consent (RFC 7675) that runs out.
    socket_s = wait_until(lambda: server.gauge("forethought_sessions") <= 1, 10, "the socket's session is over")
    call_s = wait_until(lambda: server.gauge("forethought_sessions") == 0, 45, "the call is over")
    wait_until(lambda: server.gauge("forethought_kv_blocks_used") == 0, FIGURES_S, "every KV block is free")
    print(f"a killed client's socket was closed after {socket_s:.1f} s, its call after {socket_s + call_s:.1f} s")


async def test_event_loop_stays_free_while_a_session_talks(server: LiveServer) -> None:
    """I1 is measured where it matters; how late the loop may be on a machine that others use too is not asserted."""
    result = await ask(AskOptions(SAMPLES / SUBTRACT, url=server.url, transport="webrtc"))
    assert result.exit_code == ExitCode.OK
    lag_ms = server.health()["loop_lag_p99_ms"]
    print(f"loop lag p99 of the last minute, one session talking: {lag_ms:.1f} ms")
    assert 0 < lag_ms < 1000
    assert server.gauge("forethought_loop_lag_p99_seconds") > 0
