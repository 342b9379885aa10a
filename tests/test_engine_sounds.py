"""Where a turn holds sounds that are surely no speech, the decoder hears it for itself, whatever was noted."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from realtime.clock import FakeClock
from realtime.decoder import Decoder
from realtime.engine import messages as m
from realtime.engine.core import EngineCore
from realtime.engine.dialect import seed_dialect
from streaming_encoder import load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import sample
from tests.test_transcriber_engine import TRANSCRIBER_SEED, WIDTH, end, heard_alone, notes_of, speak, transcript_of
from tests.transcriber_tiny import tiny_transcriber

SAID = {14: "count the beeps", 15: "okay was the tone rising or falling"}  # by its place in the samples' folder


@pytest.fixture(scope="module")
def core() -> Iterator[EngineCore]:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)
    prompt = json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"]
    transcriber = tiny_transcriber(TRANSCRIBER_SEED, WIDTH)  # writes sure nonsense
    yield EngineCore(
        load_audio_model(EMBEDDED_MODEL), decoder, seed_dialect(decoder, prompt), FakeClock(),
        rehearsal_interval_ms=0, transcriber=transcriber,
    )  # fmt: skip
    assert decoder.pool.used == 0


@pytest.mark.parametrize("place", SAID)
def test_the_decoder_hears_a_turn_with_sounds_for_itself(core: EngineCore, place: int) -> None:
    pcm = sample(place)
    notes, line = heard_alone(load_audio_model(EMBEDDED_MODEL), pcm)
    core.handle(m.OpenSession(session="s"))
    core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
    said = speak(core, pcm)
    transcript = transcript_of(end(core, 1, len(pcm)))
    core.handle(m.CloseSession(session="s"))
    assert notes and line and notes_of(said) == notes
    assert transcript.text == SAID[place], "nothing of the transcriber's is left"
