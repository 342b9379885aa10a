"""What an answer is laid on is computed while the transcriber writes its line; what is said does not depend on that."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from realtime.clock import FakeClock
from realtime.decoder import Decoder, Row
from realtime.engine import messages as m
from realtime.engine.core import EngineCore
from realtime.engine.dialect import seed_dialect
from realtime.errors import EngineOverloaded
from realtime.transcriber import TranscriberStream, load_transcriber
from streaming_encoder import load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import sample

PCM = sample(0)
REVOKED_AT = 40_000  # in the middle of the question
HOP = 1_600


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)
    yield decoder
    assert decoder.pool.used == 0, "what was laid ahead is given back"


@pytest.fixture(scope="module")
def beside() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def engine(decoder: Decoder, beside: Executor | None, rehearsal_interval_ms: int = 240) -> EngineCore:
    prompt = json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"]
    return EngineCore(
        load_audio_model(EMBEDDED_MODEL), decoder, seed_dialect(decoder, prompt), FakeClock(),
        rehearsal_interval_ms=rehearsal_interval_ms, transcriber=load_transcriber(EMBEDDED_MODEL), beside=beside,
    )  # fmt: skip


def turn(core: EngineCore) -> list[m.FromEngine]:
    """A question with a tentative end inside that is revoked, and another behind it."""
    said: list[m.FromEngine] = []

    def tell(message: m.ToEngine) -> None:
        said.extend(core.handle(message))
        while core.has_work:
            said.extend(core.step())
        core.step()  # may begin a rehearsal
        while core.has_work:
            said.extend(core.step())

    def speak(begin: int, end: int) -> None:
        for at in range(begin, end, HOP):
            pcm = PCM[at : min(end, at + HOP)].astype("<i2").tobytes()
            tell(m.Audio(session="s", turn=1, at_sample=at, pcm=pcm))

    tell(m.OpenSession(session="s"))
    tell(m.StartTurn(session="s", turn=1, at_sample=0))
    speak(0, REVOKED_AT)
    tell(m.EndTurn(session="s", turn=1, attempt=1, at_sample=REVOKED_AT, max_tokens=12))
    tell(m.Revoke(session="s", turn=1, attempt=1))
    speak(REVOKED_AT, len(PCM))
    tell(m.EndTurn(session="s", turn=1, attempt=2, at_sample=len(PCM), max_tokens=12))
    tell(m.CloseSession(session="s"))
    return said


def test_it_says_the_same_with_a_thread_for_the_transcriber(decoder: Decoder, beside: Executor) -> None:
    assert turn(engine(decoder, beside)) == turn(engine(decoder, None))


def test_the_sound_is_read_while_the_line_is_written(
    decoder: Decoder, beside: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transcriber waits here until the decoder has computed: one after the other they would wait for ever."""
    computed = threading.Event()
    step, line = decoder.step, TranscriberStream.line

    def compute(rows: list[Row]) -> object:
        logits = step(rows)
        computed.set()
        return logits

    def write(stream: TranscriberStream, tail: object) -> object:
        assert computed.wait(20), "nothing was computed beside it"
        computed.clear()
        return line(stream, tail)  # type: ignore[arg-type]

    core = engine(decoder, beside, rehearsal_interval_ms=0)
    for message in (
        m.OpenSession(session="s"),
        m.StartTurn(session="s", turn=1, at_sample=0),
        m.Audio(session="s", turn=1, at_sample=0, pcm=PCM.astype("<i2").tobytes()),
    ):
        core.handle(message)
    while core.has_work:
        core.step()
    monkeypatch.setattr(decoder, "step", compute)
    monkeypatch.setattr(TranscriberStream, "line", write)
    core.handle(m.EndTurn(session="s", turn=1, attempt=1, at_sample=len(PCM), max_tokens=4))
    (transcript,) = [said for said in run(core) if isinstance(said, m.Transcript)]
    assert transcript.text.split()[-4:] == ["apples", "do", "i", "have"]
    core.handle(m.CloseSession(session="s"))


def test_without_blocks_for_it_the_turn_is_answered_all_the_same(
    decoder: Decoder, beside: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = engine(decoder, beside, rehearsal_interval_ms=0)
    expected = turn(core)

    def overloaded(_seq: object) -> None:
        raise EngineOverloaded("no block is free")

    monkeypatch.setattr(core, "_prefill", overloaded)
    assert turn(core) == expected


def run(core: EngineCore) -> list[m.FromEngine]:
    said: list[m.FromEngine] = []
    while core.has_work:
        said += core.step()
    return said
