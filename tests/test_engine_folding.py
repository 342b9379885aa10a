"""A long turn through the engine with its real weights: it is folded, told whole, and replays from its tape."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from realtime.clock import FakeClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.replay.engine import RecordedCore, load_recorded, play_engine
from realtime.replay.tape import read_tape
from realtime.transcriber import TranscriberStream, load_transcriber
from streaming_encoder import EncoderStream, load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import sample

pytestmark = pytest.mark.timeout(300)
RATE_HZ = 16_000
HOP = 10_240  # a step of the encoder
SPOKEN = (4, 5, 6, 8, 10, 4, 6)  # synthetic voices that are heard well


def speech() -> np.ndarray:
    parts = itertools.chain.from_iterable((sample(number), np.zeros(RATE_HZ // 10)) for number in SPOKEN)
    return np.concatenate(list(parts)).astype("<i2")


def config() -> EngineConfig:
    return EngineConfig(
        str(EMBEDDED_MODEL), 1, 2048, exact=False, chunk_frames=32, right_context_ms=None, note_interval_ms=640, nice=0,
        rehearsal_interval_ms=0,
    )  # fmt: skip


def run(core: RecordedCore) -> list[m.FromEngine]:
    said = core.step()
    while core.has_work:
        said += core.step()
    return said


def talk(core: RecordedCore, pcm: np.ndarray) -> list[m.FromEngine]:
    """One turn, with an end in the middle that is revoked, and one that stands."""
    said: list[m.FromEngine] = []
    middle = len(pcm) * 3 // 4 // HOP * HOP
    for begin in range(0, len(pcm), HOP):
        if begin == middle:
            said += core.handle(m.EndTurn(session="s", turn=1, attempt=1, at_sample=begin, max_tokens=8))
            said += run(core)
            core.handle(m.Revoke(session="s", turn=1, attempt=1))
        part = pcm[begin : begin + HOP].tobytes()
        said += core.handle(m.Audio(session="s", turn=1, at_sample=begin, pcm=part))
        said += run(core)
    said += core.handle(m.EndTurn(session="s", turn=1, attempt=2, at_sample=len(pcm), max_tokens=8))
    said += run(core)
    core.handle(m.Commit(session="s", turn=1, attempt=2, item="user"))
    core.handle(m.AnswerHeard(session="s", turn=1, item="answer"))
    return said + run(core)


def test_a_long_turn_is_folded_told_whole_and_replayed(tmp_path: Path) -> None:
    pcm = speech()
    core, _ = load_recorded(config(), FakeClock(), tmp_path)
    core.handle(m.OpenSession(session="s"))
    core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
    said = talk(core, pcm)
    core.handle(m.CloseSession(session="s"))
    (done,) = (message for message in said if isinstance(message, m.Done) and message.attempt == 2)
    assert done.input_audio_frames == -(-len(pcm) // 1280)
    assert done.input_tokens < done.input_audio_frames, "nothing was folded"
    transcripts = {message.attempt: message.text for message in said if isinstance(message, m.Transcript)}
    encoder = EncoderStream(load_audio_model(EMBEDDED_MODEL))
    transcriber = load_transcriber(EMBEDDED_MODEL)
    assert transcriber is not None
    alone = TranscriberStream(transcriber)
    for step in encoder.hear(pcm):
        alone.hear(step)
    folded = [word for run in alone.settled if run.until < alone.frames - 600 for word in run.words]
    assert len(folded) > 10
    assert transcripts[2].split()[: len(folded)] == folded
    assert len(transcripts[2].split()) > len(folded)
    (tape,) = tmp_path.glob("*.engine.tape")
    play_engine(*read_tape(tape))  # raises where anything differs
