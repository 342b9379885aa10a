"""The voices, real ones: hibari's model, the espeak-ng program, and a speech server that misbehaves in every way."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import tts_bridge.voices.hibari as hibari_voice
from tts_bridge import (
    BadSpeech,
    EmptySpeech,
    Pcm,
    TtsBridgeError,
    Voice,
    VoiceFailure,
    VoiceMisconfigured,
    VoiceOverloaded,
    VoiceSettings,
    VoiceTimeout,
    VoiceUnavailable,
    open_voice,
)
from tts_bridge.levels import voiced_span
from tts_bridge.voices import EspeakVoice, HibariVoice, OpenAISpeechVoice

SENTENCE = "Six plus eight is fourteen."
KEY = "sk-secret-of-the-test"


# --- a speech server ------------------------------------------------------------------------------------------


def _speech_pcm() -> bytes:
    time_s = np.arange(24_000) / 24_000
    return (9_000 * np.sin(2 * np.pi * 150 * time_s)).astype("<i2").tobytes()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    """The first part of the path says how to misbehave: /500/v1/audio/speech."""

    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers), b""))
        self._send(_speech_pcm())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        noise = np.random.default_rng(1).bytes(48_000)
        match self.path.split("/")[1]:
            case "hang":
                self.server.released.wait(10)
            case "drip":
                self.send_response(200)
                self.end_headers()
                while not self.server.released.wait(0.05):
                    try:
                        self.wfile.write(b"\0\0")
                    except OSError:
                        return
            case "flood":
                self.send_response(200)
                self.end_headers()
                try:
                    for _ in range(200):
                        self.wfile.write(bytes(100_000))
                except OSError:
                    return
            case "500":
                self._send(b'{"error": "no"}', 500)
            case "noise":
                self._send(noise, Content_Type="audio/pcm")
            case "html":
                self._send(b"<html>Welcome</html>", Content_Type="text/html; charset=utf-8")
            case "mp3":
                self._send(b"ID3" + noise, Content_Type="audio/mpeg")
            case "badwav":
                self._send(b"RIFF" + noise, Content_Type="audio/wav")
            case "half":
                self._send(_speech_pcm()[:8_000], length=48_000)
            case "odd":
                self._send(_speech_pcm()[:-1])
            case "empty":
                self._send(b"")
            case "silent":
                self._send(bytes(48_000))
            case "gzip":
                self._send(_speech_pcm(), Content_Encoding="gzip")
            case "redirect":
                self._send(b"", 307, Location=f"{self.server.url}/v1/audio/speech")
            case "metadata":
                self._send(b"", 302, Location="http://169.254.169.254/latest/meta-data/")
            case _:
                self._send(_speech_pcm(), Content_Type="audio/pcm")


@pytest.fixture
def server() -> Iterator[_Server]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def hibari() -> Iterator[HibariVoice]:
    voice = HibariVoice()
    asyncio.run(voice.warm_up())
    yield voice
    asyncio.run(voice.close())


# --- what every voice promises --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hibari", "espeak", "openai"])
async def test_contract(kind: str, server: _Server) -> None:
    settings = VoiceSettings(kind=kind, url=server.url, fallback=False, timeout_s=20)  # type: ignore[arg-type]
    voice = open_voice(settings)
    assert isinstance(voice, Voice)
    await voice.warm_up()
    pcm = await voice.synthesise(SENTENCE)
    assert isinstance(pcm, Pcm) and pcm.samples.dtype == np.int16 and pcm.samples.ndim == 1
    assert pcm.sample_rate_hz == voice.sample_rate_hz
    start, end = voiced_span(pcm.samples)
    assert start <= 0.0101 * pcm.sample_rate_hz
    assert len(pcm.samples) - end <= 0.2201 * pcm.sample_rate_hz
    assert 800 < pcm.duration_ms < 4_000
    again = await voice.synthesise(SENTENCE)
    assert np.array_equal(pcm.samples, again.samples)
    await voice.close()


@pytest.mark.parametrize("kind", ["hibari", "espeak"])
async def test_speed_changes_the_duration(kind: str) -> None:
    voice = open_voice(VoiceSettings(kind=kind, fallback=False, timeout_s=20))  # type: ignore[arg-type]
    slow, fast = [(await voice.synthesise(SENTENCE, speed=speed)).duration_ms for speed in (0.7, 1.6)]
    assert slow > 1.5 * fast
    assert (await voice.synthesise("Yes.", speed=float("inf"))).duration_ms > 50
    await voice.close()


@pytest.mark.parametrize("kind", ["hibari", "espeak"])
@pytest.mark.parametrize("text", ["", " ", "—", "\0"])
async def test_nothing_to_say_is_a_typed_error(kind: str, text: str) -> None:
    voice = open_voice(VoiceSettings(kind=kind, fallback=False, timeout_s=20))  # type: ignore[arg-type]
    with pytest.raises(EmptySpeech):
        await voice.synthesise(text)
    await voice.close()


# --- hibari ----------------------------------------------------------------------------------------------------


async def test_hibari_leaves_the_event_loop_alone(hibari: HibariVoice) -> None:
    lags_ms: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.002)
            lags_ms.append(1000 * (time.perf_counter() - before) - 2)

    async with asyncio.TaskGroup() as group:
        heart = group.create_task(beat())
        for _ in range(15):
            await hibari.synthesise("The capital of France is Paris, which is a large city on the Seine.")
        heart.cancel()
    # A blocked loop would show 30 ms again and again. The bound leaves room for a busy machine.
    assert np.median(lags_ms) < 5


async def test_hibari_cancels_what_has_not_begun(hibari: HibariVoice) -> None:
    tasks = [asyncio.create_task(hibari.synthesise(SENTENCE)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[1:]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], Pcm)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[1:])
    started = time.perf_counter()
    await hibari.synthesise("Yes.")
    assert time.perf_counter() - started < 2


async def test_hibari_bounds_its_queue(hibari: HibariVoice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hibari_voice, "MAX_WAITING", 2)
    results = await asyncio.gather(*(hibari.synthesise("Yes.") for _ in range(4)), return_exceptions=True)
    assert [type(result) for result in results] == [Pcm, Pcm, VoiceOverloaded, VoiceOverloaded]


async def test_hibari_refuses_unknown_and_absent_speakers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(VoiceMisconfigured, match="no speaker"):
        await HibariVoice("nobody").warm_up()
    with pytest.raises(VoiceUnavailable, match="allow its download"):
        await HibariVoice("emma").warm_up()
    assert not list(tmp_path.iterdir())


# --- espeak-ng -------------------------------------------------------------------------------------------------


async def test_espeak_never_reads_the_text_as_an_option_or_a_command(tmp_path: Path) -> None:
    voice = EspeakVoice(timeout_s=10)
    target = tmp_path / "made"
    for text in (f"-w {target}", f"$(touch {target})", f"; touch {target}", "--help"):
        assert (await voice.synthesise(text)).duration_ms > 100
    assert not target.exists()
    with pytest.raises(VoiceMisconfigured):
        EspeakVoice("--version")


async def test_espeak_reads_the_stress_of_a_long_text() -> None:
    pcm = await EspeakVoice(timeout_s=20).synthesise("word " * 150)
    assert pcm.duration_ms > 20_000


async def test_espeak_missing() -> None:
    with pytest.raises(VoiceUnavailable, match="installed"):
        await EspeakVoice(program="no-such-program").synthesise("Hello.")


def _program(tmp_path: Path, script: str) -> str:
    program = tmp_path / "espeak-fake"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


async def test_espeak_that_hangs_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    voice = EspeakVoice(program=_program(tmp_path, f"echo $$ > {pid_file}; exec sleep 30"), timeout_s=0.5)
    started = time.perf_counter()
    with pytest.raises(VoiceTimeout):
        await voice.synthesise("Hello.")
    assert time.perf_counter() - started < 5
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_espeak_cancelled_leaves_no_process(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    voice = EspeakVoice(program=_program(tmp_path, f"echo $$ > {pid_file}; exec sleep 30"), timeout_s=20)
    task = asyncio.create_task(voice.synthesise("Hello."))
    async with asyncio.timeout(10):
        while not (pid_file.exists() and pid_file.read_text()):  # noqa: ASYNC110 — another process writes it
            await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize(("script", "error"), [("echo garbage", BadSpeech), ("exit 3", VoiceUnavailable)])
async def test_espeak_that_talks_nonsense(tmp_path: Path, script: str, error: type[VoiceFailure]) -> None:
    with pytest.raises(error):
        await EspeakVoice(program=_program(tmp_path, script), timeout_s=10).synthesise("Hello.")


# --- a speech server -------------------------------------------------------------------------------------------


async def test_openai_request_has_the_shape_of_the_api(server: _Server) -> None:
    voice = OpenAISpeechVoice(f"{server.url}/v1", model="m", speaker="nova", api_key=KEY, timeout_s=10)
    pcm = await voice.synthesise(SENTENCE, speed=9.0)
    path, headers, body = server.requests[0]
    assert path == "/v1/audio/speech"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Host"] == server.url.removeprefix("http://")
    assert json.loads(body) == {
        "model": "m", "input": SENTENCE, "voice": "nova", "response_format": "pcm", "speed": 4.0
    }  # fmt: skip
    assert pcm.duration_ms == pytest.approx(1000, abs=5)
    await voice.close()


async def test_openai_by_name_reaches_the_address_that_listens(server: _Server) -> None:
    """ "localhost" may mean ::1 first, where this server does not listen."""
    voice = OpenAISpeechVoice(server.url.replace("127.0.0.1", "localhost"), timeout_s=10)
    assert (await voice.synthesise("Hi.")).sample_rate_hz == 24_000
    assert server.requests[0][1]["Host"].startswith("localhost:")
    await voice.close()


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("hang", VoiceTimeout),
        ("drip", VoiceTimeout),
        ("flood", BadSpeech),
        ("500", VoiceUnavailable),
        ("noise", BadSpeech),
        ("html", BadSpeech),
        ("mp3", BadSpeech),
        ("badwav", BadSpeech),
        ("half", VoiceUnavailable),
        ("odd", BadSpeech),
        ("empty", EmptySpeech),
        ("silent", EmptySpeech),
        ("gzip", BadSpeech),
        ("redirect", VoiceUnavailable),
        ("metadata", VoiceUnavailable),
    ],
)
async def test_openai_that_misbehaves(server: _Server, behaviour: str, error: type[VoiceFailure]) -> None:
    timeout_s = 0.4 if behaviour in ("hang", "drip") else 10.0
    voice = OpenAISpeechVoice(f"{server.url}/{behaviour}", api_key=KEY, timeout_s=timeout_s)
    with pytest.raises(error) as caught:
        await voice.synthesise("Something private.")
    assert len(server.requests) == 1, "a redirect was followed"
    shown = f"{caught.value!r} {voice!r} {caught.value.__cause__!r}"
    assert KEY not in shown and "private" not in shown
    await voice.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "ftp://example.com/v1",
        "gopher://127.0.0.1:70/",
        "//example.com/v1",
        "http://",
        "http://[::1",
        "http://user:pw@example.com/v1",
        "http://169.254.169.254/v1",
        "http://169.254.169.254./v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://[fd00:ec2::254]/v1",
        "http://metadata.google.internal/v1",
        "http://0.0.0.0/v1",
    ],
)
def test_openai_urls_that_are_never_asked(url: str) -> None:
    with pytest.raises(VoiceMisconfigured) as caught:
        open_voice(VoiceSettings(kind="openai", url=url, api_key=KEY))
    assert KEY not in repr(caught.value)


async def test_openai_name_that_resolves_to_link_local(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    async def resolve(*_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", ("93.184.216.34", 80)), (2, 1, 6, "", ("169.254.169.254", 80))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    voice = OpenAISpeechVoice("http://speech.example/v1")
    with pytest.raises(VoiceUnavailable, match="link-local"):
        await voice.synthesise("Hi.")
    await voice.close()


async def test_openai_server_that_is_not_there() -> None:
    voice = OpenAISpeechVoice("http://127.0.0.1:9/v1", timeout_s=10)
    with pytest.raises(VoiceUnavailable):
        await voice.synthesise("Hi.")
    await voice.close()


def test_settings_never_show_the_key() -> None:
    assert KEY not in repr(VoiceSettings(kind="openai", url="http://x", api_key=KEY))
    assert all(issubclass(error, TtsBridgeError) for error in (VoiceFailure, VoiceMisconfigured))
