"""`ask` through real sockets: a real recording in, everything the remote end said out, and every way to end."""

from __future__ import annotations

import json
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from client_demo import AskOptions, ExitCode, ask, print_ask
from client_demo.audio_file import write_wav
from client_demo.errors import EmptyFile, ServerRefused, ServerUnreachable, UsageFailure
from client_demo.wire import TransportName, WireEvent
from tests.client_scripted_server import Script, scripted_server

SAMPLES = Path(__file__).parent.parent / "models/embedded/samples"
SAMPLE = SAMPLES / "01_geography_espeak.wav"
TRANSPORTS: list[TransportName] = ["websocket", "webrtc"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_question_is_asked_answered_and_measured(transport: TransportName, tmp_path: Path) -> None:
    out = tmp_path / "reply.wav"
    events: list[str] = []

    def watch(event: WireEvent, sent_ms: float) -> None:
        events.append(event.type)

    async with scripted_server(Script(answer_ms=500)) as server:
        result = await ask(AskOptions(SAMPLE, server.url, transport, out), watch)
    (turn,) = result.turns
    assert result.exit_code == ExitCode.OK and result.message is None and result.order_problems == ()
    assert (turn.transcript, turn.thought, turn.answer) == ("a question", "a thought", "an answer")
    assert turn.speech_end_ms == pytest.approx(1650, abs=20)
    assert turn.ledger is not None and turn.ledger.clock == "shared" and turn.ledger.balanced
    assert list(turn.ledger.stages_ms) == ["arrival", "endpoint_wait", "thought", "first_audio", "client"]
    assert min(turn.ledger.stages_ms.values()) >= 0
    assert turn.ttfp_eos_ms is not None and turn.ttfp_eot_ms is not None
    assert turn.ttfp_eos_ms == pytest.approx(turn.ledger.total_ms)
    assert 420 <= turn.ttfp_eos_ms < 900 and 100 <= turn.ttfp_eot_ms < 400
    assert "forethought.note" in events and events[-1] in ("response.done", "output_audio_buffer.stopped")
    with wave.open(str(out)) as file:
        rate = file.getframerate()
        reply = np.frombuffer(file.readframes(-1), "<i2")
    sounding = np.flatnonzero(np.abs(reply) > 1000)
    expected_s = (turn.speech_end_ms + turn.ttfp_eos_ms) / 1000
    # The strip lies by the least delayed packet, the figure by the first one: they differ by its jitter.
    assert sounding[0] / rate == pytest.approx(expected_s, abs=0.15)
    assert (sounding[-1] - sounding[0]) / rate == pytest.approx(0.5, abs=0.08)


async def test_the_json_has_the_promised_fields_and_the_print_shows_them() -> None:
    async with scripted_server(Script(answer_ms=100)) as server:
        result = await ask(AskOptions(SAMPLE, server.url, "websocket"))
    body = json.loads(json.dumps(result.to_json()))
    times = {"speech_end_ms", "turn_end_ms", "ttfp_eos_ms", "ttfp_eot_ms"}
    assert {"transcript", "notes", "thought", "answer", "ledger", "turns"} | times <= body.keys()
    assert body["notes"] == [{"ms": 640, "text": "word"}] and len(body["turns"]) == 1
    ledger = body["ledger"]
    assert sum(ledger["stages_ms"].values()) == pytest.approx(ledger["total_ms"], abs=5)
    console = Console(record=True, width=100, quiet=True)
    console.quiet = False
    with console.capture() as shown:
        print_ask(result, console)
    for text in ("a question", "a thought", "an answer", "endpoint_wait", "640 ms"):
        assert text in shown.get()


async def test_a_long_file_gives_all_its_turns(tmp_path: Path) -> None:
    with wave.open(str(SAMPLE)) as file:
        speech = np.frombuffer(file.readframes(-1), "<i2")
    path = tmp_path / "two.wav"
    write_wav(path, np.concatenate([speech, np.zeros(16_000 * 1, np.int16), speech]), 16_000)
    async with scripted_server(Script(answer_ms=200)) as server:
        result = await ask(AskOptions(path, server.url, "websocket"))
    first, second = result.turns
    assert (first.index, second.index) == (1, 2) and result.exit_code == ExitCode.OK
    assert first.speech_end_ms is not None and second.speech_end_ms is not None
    assert second.speech_end_ms - first.speech_end_ms == pytest.approx(3000, abs=30)
    assert result.to_json()["speech_end_ms"] == first.speech_end_ms


async def test_a_file_without_speech_ends_with_a_word_and_not_never(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    write_wav(path, np.zeros(16_000, np.int16), 16_000)
    begin = time.monotonic()
    async with scripted_server() as server:
        result = await ask(AskOptions(path, server.url, "websocket", grace_s=0.5))
    assert result.exit_code == ExitCode.NO_SPEECH == 3 and time.monotonic() - begin < 5
    assert "no speech" in (result.message or "") and "-45 dBFS" in (result.message or "")
    assert result.to_json()["transcript"] == "" and result.to_json()["ttfp_eos_ms"] is None


async def test_sound_that_the_server_takes_for_no_speech_ends_too() -> None:
    async with scripted_server(Script(hears=False)) as server:
        result = await ask(AskOptions(SAMPLE, server.url, "websocket", grace_s=0.5))
    assert result.exit_code == ExitCode.NO_SPEECH and "-45 dBFS" not in (result.message or "")


@pytest.mark.parametrize(
    ("script", "code", "word"),
    [
        (Script(answers=False), ExitCode.FAILED, "did not come"),
        (Script(fails=True), ExitCode.FAILED, "engine_lost"),
        (Script(hangs_up=True, answer_ms=2000), ExitCode.WIRE, "in the middle of a turn"),
    ],
    ids=["never answers", "fails", "hangs up"],
)
async def test_a_turn_that_goes_wrong_is_reported_as_far_as_it_came(script: Script, code: ExitCode, word: str) -> None:
    async with scripted_server(script) as server:
        result = await ask(AskOptions(SAMPLE, server.url, "websocket", timeout_s=0.7))
    assert result.exit_code == code and word in (result.message or ""), result.message
    assert len(result.turns) == 1 and not result.turns[0].answered


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_no_server_and_a_refusing_server_are_told_apart(transport: TransportName) -> None:
    with pytest.raises(ServerUnreachable, match="forethought serve"):
        await ask(AskOptions(SAMPLE, "http://127.0.0.1:9", transport))
    async with scripted_server(Script(refuse="invalid_value")) as server:
        with pytest.raises(ServerRefused, match="refused the session: invalid_value"):
            await ask(AskOptions(SAMPLE, server.url, transport))


async def test_what_cannot_be_asked_is_said_before_the_server_is_troubled(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    with pytest.raises(EmptyFile):
        await ask(AskOptions(empty, "http://127.0.0.1:9"))
    with pytest.raises(UsageFailure, match="server address"):
        await ask(AskOptions(SAMPLE, "ftp://nowhere"))
