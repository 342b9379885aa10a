"""The vote where sounds stand out: the decoder completes a question by itself, the transcriber tells how far it is.

With the embedded model and both its ears.
"""

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
from realtime.mind.readiness import NO_WORDS
from realtime.transcriber import load_transcriber
from realtime.turns.policy import ENDPOINT_VOTE, MIND_SURE, MIND_VOTE, TurnPolicy
from streaming_encoder import load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import sample

PER_MS = 16
BEEPS, SWEEP = 14, 15  # their places in the samples' folder
# What is asked behind the sound, and ms of the recording at which it has been said.
ASKED = {BEEPS: ("count the beeps", 3_830), SWEEP: ("okay was the tone rising or falling", 3_960)}
ALL_BUT_FALLING_MS = 3_460
MELODY_IS_SURE = 0.99


@pytest.fixture(scope="module")
def core() -> Iterator[EngineCore]:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, threads=1)
    prompt = json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"]
    yield EngineCore(
        load_audio_model(EMBEDDED_MODEL), decoder, seed_dialect(decoder, prompt), FakeClock(),
        rehearsal_interval_ms=0, transcriber=load_transcriber(EMBEDDED_MODEL),
    )  # fmt: skip
    assert decoder.pool.used == 0


@pytest.fixture
def session(core: EngineCore) -> Iterator[EngineCore]:
    core.handle(m.OpenSession(session="s"))
    yield core
    core.handle(m.CloseSession(session="s"))


def run(core: EngineCore, message: m.ToEngine) -> list[m.FromEngine]:
    said = core.handle(message)
    while core.has_work:
        said += core.step()
    return said


def heard(core: EngineCore, turn: int, pcm: np.ndarray) -> m.Transcript:
    """What is voted if turn number `turn` ends behind `pcm`, int16 at 16 kHz."""
    run(core, m.StartTurn(session="s", turn=turn, at_sample=0))
    run(core, m.Audio(session="s", turn=turn, at_sample=0, pcm=pcm.astype("<i2").tobytes()))
    said = run(core, m.EndTurn(session="s", turn=turn, attempt=1, at_sample=len(pcm), respond=False))
    (transcript,) = (message for message in said if isinstance(message, m.Transcript))
    return transcript


def glide(ms: int) -> np.ndarray:
    """A tone that rises from 300 Hz, by a factor of five in a second, and is heard for `ms`; in a quiet room."""
    hz = 300 * 5 ** np.linspace(0, 1, 16_000)
    tone = 3_000 * np.sin(2 * np.pi * np.cumsum(hz) / 16_000)[: ms * PER_MS]
    tone *= np.minimum(1, np.arange(len(tone)) / 320)
    whole = np.concatenate([np.zeros(4_800), tone, np.zeros(960)])
    return np.rint(whole + 8 * np.random.default_rng(0).standard_normal(len(whole))).astype(np.int16)


def test_a_word_that_only_the_decoder_wrote_is_waited_for(session: EngineCore) -> None:
    half = heard(session, 1, sample(SWEEP)[: ALL_BUT_FALLING_MS * PER_MS])
    assert half.text == ASKED[SWEEP][0], "the decoder knows the rest"
    policy = TurnPolicy.semantic_vad()
    silence_ms, _ = policy.needed_silence({MIND_VOTE: half.ready, ENDPOINT_VOTE: MELODY_IS_SURE})
    assert silence_ms == policy.patience.objected_ms, "no melody ends the turn before it has been said"


@pytest.mark.parametrize("place", ASKED)
def test_a_question_behind_sounds_that_both_ears_heard_to_its_end_is_over(session: EngineCore, place: int) -> None:
    asked, until_ms = ASKED[place]
    whole = heard(session, 1, sample(place)[: until_ms * PER_MS])
    assert whole.text == asked and whole.ready >= MIND_SURE


@pytest.mark.parametrize("ms", [200, 1_000])
def test_a_tone_alone_is_no_question_even_where_one_was_just_asked(session: EngineCore, ms: int) -> None:
    """The history has a question about beeps in it: the decoder takes every tone for another.

    The short one does not stand out yet. A voice detector that takes its beginning for a voice ends the turn there.
    """
    asked, until_ms = ASKED[BEEPS]
    heard(session, 1, sample(BEEPS)[: until_ms * PER_MS])
    run(session, m.Commit(session="s", turn=1, attempt=1, item="asked"))
    run(session, m.Cancel(session="s", turn=1))
    tone = heard(session, 2, glide(ms))
    assert tone.text == asked and tone.ready == NO_WORDS
