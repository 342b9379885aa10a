"""A turn of an engine whose checkpoint has a transcriber: its words are the notes and the line, the decoder answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from realtime.clock import FakeClock
from realtime.decoder import Decoder
from realtime.engine import messages as m
from realtime.engine.core import EngineCore
from realtime.engine.dialect import seed_dialect
from realtime.engine.transcribing import Transcribing
from realtime.mind import contest, ears
from realtime.transcriber import TranscriberStream, transcript
from streaming_encoder import AudioModel, EncoderStream, load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import noise, sample, small_model
from tests.transcriber_tiny import tiny_transcriber

TRANSCRIBER_SEED = 3
WIDTH = 384
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def parts() -> tuple[AudioModel, Decoder]:
    return load_audio_model(EMBEDDED_MODEL), Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transcriber's line is taken, whatever the two find likely: these tests are about its words."""
    monkeypatch.setattr(ears, "MOST_ALTERNATIVES", 0)
    monkeypatch.setattr(ears, "TRANSCRIBER_SHARE", 1e6)
    monkeypatch.setattr(contest, "own_is_better", lambda *scores, ended: False)


@pytest.fixture
def engine(parts: tuple[AudioModel, Decoder]) -> Iterator[EngineCore]:
    audio_model, decoder = parts
    settings = json.loads((EMBEDDED_MODEL / "config.json").read_text())
    dialect = seed_dialect(decoder, settings["system_prompt"])
    transcriber = tiny_transcriber(TRANSCRIBER_SEED, WIDTH)
    core = EngineCore(audio_model, decoder, dialect, FakeClock(), transcriber=transcriber)
    core.handle(m.OpenSession(session="s"))
    core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
    yield core
    core.handle(m.CloseSession(session="s"))
    assert decoder.pool.used == 0
    assert not core.has_work


def run(core: EngineCore) -> list[m.FromEngine]:
    said = core.step()
    while core.has_work:
        said += core.step()
    return said


def speak(core: EngineCore, pcm: np.ndarray, at: int = 0, hop: int = 512) -> list[m.FromEngine]:
    """Audio in messages of `hop` samples, with all the time the engine wants between two."""
    said: list[m.FromEngine] = []
    for start in range(0, len(pcm), hop):
        part = pcm[start : start + hop].astype("<i2")
        said += core.handle(m.Audio(session="s", turn=1, at_sample=at + start, pcm=part.tobytes()))
        said += run(core)
    return said


def end(core: EngineCore, attempt: int, at: int) -> list[m.FromEngine]:
    said = core.handle(m.EndTurn(session="s", turn=1, attempt=attempt, at_sample=at, max_tokens=12))
    return said + run(core)


def heard_alone(model: AudioModel, pcm: np.ndarray) -> tuple[str, str]:
    """Notes and line without an engine."""
    encoder, stream = EncoderStream(model), TranscriberStream(tiny_transcriber(TRANSCRIBER_SEED, WIDTH))
    notes = [word for step in encoder.hear(pcm) for word in stream.hear(step)]
    return " ".join(notes), " ".join(stream.line(encoder.hear_tail()).words)


def notes_of(said: list[m.FromEngine]) -> str:
    return "".join(message.text for message in said if isinstance(message, m.Note)).strip()


def answer_of(said: list[m.FromEngine]) -> str:
    return "".join(message.text for message in said if isinstance(message, m.Answer))


def transcript_of(said: list[m.FromEngine]) -> m.Transcript:
    (transcript,) = (message for message in said if isinstance(message, m.Transcript))
    return transcript


@pytest.mark.usefixtures("believed")
def test_the_words_of_a_turn_are_the_transcribers(engine: EngineCore, parts: tuple[AudioModel, Decoder]) -> None:
    pcm = sample(0)
    notes, line = heard_alone(parts[0], pcm)
    said = speak(engine, pcm)
    assert notes and notes_of(said) == notes
    last = end(engine, 1, len(pcm))
    transcript = transcript_of(last)
    assert transcript.text == line
    assert transcript.prior is not None and transcript.unheard == 0
    assert any(isinstance(message, m.Done) for message in last)
    order = [type(message) for message in last if isinstance(message, m.Transcript | m.Done)]
    assert order == [m.Transcript, m.Done]


@pytest.mark.usefixtures("believed")
def test_audio_that_comes_at_once_gives_the_same_words(engine: EngineCore, parts: tuple[AudioModel, Decoder]) -> None:
    pcm = sample(0)
    notes, line = heard_alone(parts[0], pcm)
    said = engine.handle(m.Audio(session="s", turn=1, at_sample=0, pcm=pcm.astype("<i2").tobytes()))
    said += end(engine, 1, len(pcm))  # no step between them: the end of the turn listens to all that waits
    assert (notes_of(said), transcript_of(said).text) == (notes, line)


def test_a_decoder_that_is_sure_of_its_own_line_is_believed(
    engine: EngineCore, parts: tuple[AudioModel, Decoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ears, "TRANSCRIBER_SHARE", 0.0)  # of the tiny one, to which all words but its own are nonsense
    pcm = sample(0)
    notes, line = heard_alone(parts[0], pcm)
    said = speak(engine, pcm)
    transcript = transcript_of(end(engine, 1, len(pcm)))
    assert notes_of(said) == notes, "the notes are the transcriber's all the same"
    assert transcript.text != line and transcript.text.endswith("how many apples do i have")
    assert transcript.prior is not None and transcript.unheard is not None, "a listener was asked for the words"


@pytest.mark.usefixtures("believed")
def test_a_revoked_end_takes_nothing_back_and_goes_on(engine: EngineCore, parts: tuple[AudioModel, Decoder]) -> None:
    pcm = sample(0)
    cut = len(pcm) // 2
    said = speak(engine, pcm[:cut])
    said += engine.handle(m.EndTurn(session="s", turn=1, attempt=1, at_sample=cut, max_tokens=12))
    said += engine.step()
    before = notes_of(said)
    engine.handle(m.Revoke(session="s", turn=1, attempt=1))
    said += speak(engine, pcm[cut:], cut)
    last = end(engine, 2, len(pcm))
    notes, line = heard_alone(parts[0], pcm)
    assert notes_of(said) == notes and notes.startswith(before)
    assert transcript_of(last).text == line


def test_where_nobody_speaks_there_are_no_words(engine: EngineCore) -> None:
    said = end(engine, 1, 0)
    transcript = transcript_of(said)
    assert transcript.text == "[no speech]" and transcript.ready == 0


def test_silence_behind_a_full_segment_leaves_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token of the line is left to be sure of then: the words of the segment that is over stay."""
    encoder = EncoderStream(small_model(), right_context_ms=320)
    transcribing = Transcribing(tiny_transcriber(TRANSCRIBER_SEED), encoder)
    first, *steps = encoder.hear(noise(31 * RATE_HZ, TRANSCRIBER_SEED))
    transcribing.hear([first], 0)
    for step in steps:
        if step.begins_segment:  # from here on nobody speaks, as far as the transcriber can tell
            monkeypatch.setattr(transcript, "SILENT_LEAST", -1.0)
            monkeypatch.setattr(transcript, "UNSURE_MOST", 1.0)
        transcribing.hear([step], 0)
        transcribing.listen()
    transcribing.listen()
    _, line = transcribing.tail()
    assert line is not None and line.words
    assert (line.confidence, line.doubt) == (0.0, 0.0)


@pytest.mark.usefixtures("believed")
def test_two_speakers_at_once_are_heard_each_alone(engine: EngineCore, parts: tuple[AudioModel, Decoder]) -> None:
    engine.handle(m.OpenSession(session="t"))
    engine.handle(m.StartTurn(session="t", turn=1, at_sample=0))
    voices = {"s": sample(0), "t": sample(5)}
    said: list[m.FromEngine] = []
    for start in range(0, max(map(len, voices.values())), 16_000):
        for session, pcm in voices.items():
            part = pcm[start : start + 16_000].astype("<i2").tobytes()
            said += engine.handle(m.Audio(session=session, turn=1, at_sample=start, pcm=part))
        said += engine.step()  # both are behind, one is listened to
    for session, pcm in voices.items():
        said += engine.handle(m.EndTurn(session=session, turn=1, attempt=1, at_sample=len(pcm), max_tokens=4))
    said += run(engine)
    for session, pcm in voices.items():
        own = [message for message in said if getattr(message, "session", "") == session]
        assert (notes_of(own), transcript_of(own).text) == heard_alone(parts[0], pcm)
    engine.handle(m.CloseSession(session="t"))


@pytest.mark.usefixtures("believed")
def test_an_answer_written_at_one_go_does_not_wait_for_the_vote(engine: EngineCore) -> None:
    pcm = sample(0)
    speak(engine, pcm)
    written = end(engine, 1, len(pcm))
    engine.handle(m.Revoke(session="s", turn=1, attempt=1))
    run(engine)
    engine.handle(m.EndTurn(session="s", turn=1, attempt=2, at_sample=len(pcm), max_tokens=12))
    steps: list[list[m.FromEngine]] = []
    while engine.has_work:
        steps.append(engine.step())

    def at(kind: type[m.FromEngine]) -> int:
        return next(index for index, said in enumerate(steps) if any(isinstance(message, kind) for message in said))

    assert at(m.Answer) < at(m.Transcript) == at(m.Done), "the words, then the vote on them, then the end"
    again = [message for said in steps for message in said]
    assert answer_of(again) == answer_of(written) != ""
