"""The terminal microphone against a virtual sound card: words in through PortAudio, the answer out of it.

The client runs as a process of its own, as a user runs it, with a real sound server between. The remote end comes from
the `server_url` fixture; set FORETHOUGHT_TEST_URL to talk to a running server instead of the scripted one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from client_demo.errors import ExitCode
from client_demo.sound_device import Loudspeaker, Microphone
from tests import client_virtual_sound_card as sound
from tests.client_scripted_server import Script, ScriptedServer, scripted_server, tone

SAMPLE = Path(__file__).parent.parent / "models/embedded/samples/01_geography_espeak.wav"
RUN = """
import asyncio, sys
from client_demo import ClientFailure, MicrophoneOptions, microphone
options = MicrophoneOptions(url=sys.argv[1], **{name: True for name in sys.argv[2:]})
try:
    sys.exit(asyncio.run(microphone(options)))
except ClientFailure as failure:
    print(failure)
    sys.exit(failure.exit_code)
"""
needs_card = pytest.mark.skipif(sound.missing() is not None, reason=sound.missing() or "")


@pytest.fixture
def card(tmp_path: Path) -> Iterator[sound.VirtualSoundCard]:
    with sound.virtual_sound_card(tmp_path) as virtual:
        yield virtual


@pytest.fixture
def script() -> Script:
    return Script(answer_ms=1000)


@pytest.fixture
async def server(script: Script) -> AsyncIterator[ScriptedServer]:
    async with scripted_server(script) as running:
        yield running


@pytest.fixture
def server_url(server: ScriptedServer) -> str:
    return os.environ.get("FORETHOUGHT_TEST_URL") or server.url


class Client:
    """A running `mic`; its output gathered line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode())

    @property
    def text(self) -> str:
        return "".join(self.lines)

    async def says(self, text: str, *, times: int = 1, within_s: float = 20) -> None:
        deadline = time.monotonic() + within_s
        while self.text.count(text) < times:
            assert time.monotonic() < deadline, f"never said {text!r}, but:\n{self.text}"
            await asyncio.sleep(0.02)

    async def press(self, key: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(key)
        await self.process.stdin.drain()


@asynccontextmanager
async def talking(url: str, *switches: str, env: dict[str, str]) -> AsyncIterator[Client]:
    pipe = asyncio.subprocess.PIPE
    environment = env | {"PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RUN,
        url,
        *switches,
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    client = Client(process)
    reading = asyncio.create_task(client.read())
    try:
        yield client
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(15):
            await process.wait()
            await reading


@needs_card
async def test_words_go_in_and_an_answer_comes_out(card: sound.VirtualSoundCard, server_url: str) -> None:
    with card.recording() as path:
        async with talking(server_url, env=card.env) as client:
            await client.says("Ready.")
            card.speak(SAMPLE)
            await client.says("\nanswer")
            await asyncio.sleep(1.5)
    assert client.process.returncode == ExitCode.OK, client.text
    for line in ("\nyou ", "\nnote ", "\nthought ", "\nanswer "):
        assert line in client.text, client.text
    assert sound.loud_seconds(sound.recorded(path)) > 0.5


@needs_card
async def test_speaking_over_an_answer_silences_it(
    card: sound.VirtualSoundCard, server_url: str, server: ScriptedServer, script: Script
) -> None:
    script.answer_ms = 6000
    with card.recording() as path:
        async with talking(server_url, "headphones", env=card.env) as client:
            await client.says("Ready.")
            await asyncio.to_thread(card.speak(SAMPLE).wait, 10)
            await client.says("\nyou")
            await asyncio.sleep(1.0)
            script.answer_ms = 300
            await asyncio.to_thread(card.speak(SAMPLE).wait, 10)
            await client.says("\nyou", times=2)
            await asyncio.sleep(0.8)
    cuts = [event for event in script.received if event["type"] == "conversation.item.truncate"]
    assert len(cuts) == 1 and cuts[0]["item_id"] == "item_a1", (cuts, client.text)
    assert 200 < cuts[0]["audio_end_ms"] < 5000
    assert "[cancelled]" in client.text
    assert 0.5 < sound.loud_seconds(sound.recorded(path)) < 5.0


@needs_card
async def test_half_duplex_does_not_hear_its_own_answer(
    card: sound.VirtualSoundCard, server_url: str, server: ScriptedServer, script: Script
) -> None:
    card.leak()
    async with talking(server_url, env=card.env) as client:
        await client.says("Ready.")
        card.speak(SAMPLE)
        await client.says("\nanswer")
        await asyncio.sleep(2.5)
    assert client.text.count("\nyou ") == 1, client.text


@needs_card
async def test_push_to_talk_sends_only_what_is_said_between_two_presses(
    card: sound.VirtualSoundCard, server_url: str, server: ScriptedServer, script: Script
) -> None:
    async with talking(server_url, "push_to_talk", env=card.env) as client:
        await client.says("Ready.")
        await asyncio.to_thread(card.speak(SAMPLE).wait, 10)
        await client.press(b"\n")
        await client.says("talking")
        await asyncio.to_thread(card.speak(SAMPLE).wait, 10)
        await client.press(b" ")
        await client.says("\nanswer")
    kinds = [event["type"] for event in script.received]
    assert kinds == ["session.update", "input_audio_buffer.clear", "input_audio_buffer.commit", "response.create"]
    assert script.received[0]["session"]["audio"]["input"]["turn_detection"] is None
    assert client.text.count("\nyou ") == 1


async def test_no_sound_card_is_said_in_plain_words(tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PULSE_")}
    env |= {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PULSE_SERVER": f"unix:{tmp_path}/none"}
    async with talking("http://127.0.0.1:9", env=env) as client:
        async with asyncio.timeout(20):
            await client.process.wait()
    if client.process.returncode == ExitCode.WIRE:
        pytest.skip("this machine has a sound card")
    assert client.process.returncode == ExitCode.SOUND_DEVICE, client.text
    assert "no sound card was found" in client.text and "Traceback" not in client.text


async def test_a_microphone_that_is_not_read_keeps_only_the_last_second() -> None:
    mic = Microphone(24_000)
    for index in range(70):
        mic.captured(np.full(480, index, np.int16))
    assert mic.dropped == 20
    assert (await mic.next_frame())[0] == 20


async def test_a_microphone_at_another_rate_gives_frames_of_the_wire() -> None:
    mic = Microphone(24_000)
    mic.records_at(48_000)
    for _ in range(50):
        mic.captured(tone(20, 48_000))
    frames = [await mic.next_frame() for _ in range(40)]
    assert all(frame.size == 480 for frame in frames)
    assert 0.1 < np.sqrt(np.mean((np.concatenate(frames)[2400:] / 32768) ** 2)) < 0.2


def test_a_loudspeaker_counts_what_sounded_and_forgets_what_was_flushed() -> None:
    loud = Loudspeaker(24_000)
    loud.play("a", np.ones(1000, np.int16))
    loud.play("b", np.full(1000, 2, np.int16))
    block = loud.pull(1500)
    assert list(np.unique(block)) == [1, 2] and loud.queued_ms == pytest.approx(500 / 24)
    assert loud.played_ms("b") == 500 * 1000 // 24_000
    assert loud.flush() == 500
    assert not loud.pull(100).any()


def test_a_loudspeaker_drops_the_newest_beyond_two_minutes() -> None:
    loud = Loudspeaker(1000)
    for _ in range(130):
        loud.play("a", np.ones(1000, np.int16))
    assert loud.queued_ms == 120_000 and loud.dropped_samples == 10_000
