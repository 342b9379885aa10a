"""The server as a process: how it starts, what it refuses, how it ends, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.live_client import SERVER_VAD, sample_pcm, talk, words_of
from tests.live_server import ROOT, environment, live_server, process_lives, start, wait_until

pytestmark = pytest.mark.timeout(300)  # beside other tests it may have half a core

SUBTRACT = "02_subtract_flite.wav"
SILENCE_S = 1.0
HEARING = {"input": {"turn_detection": SERVER_VAD}}
ENDED_S = 30.0  # 1 s on a quiet machine; how long an end takes is no question of right or wrong
# A busy machine thinks slowly: with less time than this its answers would be cut short, and wrong.
PATIENT = {"THINKING__EFFORT": "xhigh"}


def test_server_is_built_without_torch() -> None:
    """The whole application, with every import of torch made an error."""
    program = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ImportError(f"the server process imported {name}")

sys.meta_path.insert(0, NoTorch())
import realtime.server
from realtime.settings import load_settings
server = realtime.server.Server(load_settings())
server._application()
print(len(server._application().routes), "torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=False,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    routes, torch = done.stdout.split()
    assert int(routes) > 5 and torch == "False"


@pytest.mark.engine
@pytest.mark.unhurried
def test_running_server_has_no_torch_mapped(tmp_path: Path) -> None:
    """Nor does a later, lazy import bring it: no library of torch is mapped after a whole turn. Then: SIGKILL."""

    async def one_turn(base_url: str) -> str:
        async with talk(base_url, audio=HEARING) as conversation:
            await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
            return words_of(await conversation.answer())

    with live_server(tmp_path / "server.log", settings=PATIENT) as server:
        assert "seventy" in asyncio.run(one_turn(server.realtime))
        engine = server.engine_pid
        assert engine is not None
        assert "libtorch" in Path(f"/proc/{engine}/maps").read_text()
        assert "libtorch" not in Path(f"/proc/{server.process.pid}/maps").read_text()
        server.process.kill()
        server.process.wait()
        seconds = wait_until(lambda: not process_lives(engine), ENDED_S, "the engine ends with its server")
        print(f"the engine ended {seconds:.1f} s after its server was killed")


def test_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        begin = time.monotonic()
        server = start(tmp_path / "server.log", port=port)
        try:
            assert server.process.wait(30) == 1
        finally:
            server.stop()
        words = server.tail()
        assert str(port) in words and "--port" in words and "Traceback" not in words
        assert time.monotonic() - begin < 20, "nothing was loaded first"


def test_wrong_setting_is_said(tmp_path: Path) -> None:
    server = start(tmp_path / "server.log", settings={"SERVER__MAX_SESSIONS": "0"})
    try:
        assert server.process.wait(30) == 1
    finally:
        server.stop()
    words = server.tail()
    assert "server.max_sessions" in words and "Traceback" not in words


@pytest.mark.engine
@pytest.mark.unhurried
def test_sigterm_lets_the_answer_be_heard_and_leaves_nothing(tmp_path: Path) -> None:
    """Also: the one session that this server has room for, and the second that is told so."""

    async def drain() -> None:
        async with talk(server.realtime, audio=HEARING) as conversation:
            await conversation.append(sample_pcm(SUBTRACT, silence_s=SILENCE_S))
            await conversation.expect("response.output_audio.delta")
            os.kill(server.process.pid, signal.SIGTERM)
            response = await conversation.answer()
            assert response["status"] == "completed" and "seventy" in words_of(response)
            await conversation.hung_up()

    settings = {**PATIENT, "SERVER__DRAIN_S": "60"}
    with live_server(tmp_path / "server.log", "--max-sessions", "1", settings=settings) as server:
        engine = server.engine_pid
        assert engine is not None
        asyncio.run(drain())
        assert server.process.wait(ENDED_S) == 0, server.tail()
        wait_until(lambda: not process_lives(engine), ENDED_S, "the engine has ended with its server")
        assert server.get("/healthz")[0] == 0
        assert "Traceback" not in server.log.read_text(), server.tail()


@pytest.mark.engine
@pytest.mark.unhurried
def test_second_sigterm_ends_at_once(tmp_path: Path) -> None:
    async def insist() -> None:
        async with talk(server.realtime, audio=HEARING) as conversation:
            await conversation.append(sample_pcm("07_count_flite.wav", silence_s=SILENCE_S))
            await conversation.expect("response.output_audio.delta")
            for _ in range(2):
                os.kill(server.process.pid, signal.SIGTERM)
                await asyncio.sleep(0.3)
            await asyncio.to_thread(server.process.wait, ENDED_S)
            assert conversation.of("response.done") == [], "the answer is not heard to its end"

    with live_server(tmp_path / "server.log", settings={"SERVER__DRAIN_S": "60"}) as server:
        engine = server.engine_pid
        assert engine is not None
        asyncio.run(insist())
        assert server.process.returncode == 0, server.tail()
        wait_until(lambda: not process_lives(engine), ENDED_S, "the engine has ended with its server")
