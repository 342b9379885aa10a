"""Tentative ends that wait: an attempt begins with a step, one session's after the other's first clause."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from realtime.clock import FakeClock
from realtime.decoder import Decoder
from realtime.engine import messages as m
from realtime.engine.core import LONGEST_END_WAIT_MS, EngineCore
from realtime.engine.dialect import seed_dialect
from realtime.mind import Mind
from streaming_encoder import load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.encoder_reference import sample

HALF = 16_000


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder.load(EMBEDDED_MODEL, kv_tokens=4096, threads=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(decoder: Decoder, clock: FakeClock) -> Iterator[EngineCore]:
    """Two sessions, each in its first turn, without rehearsals: every step is one that was asked for."""
    prompt = json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"]
    core = EngineCore(
        load_audio_model(EMBEDDED_MODEL), decoder, seed_dialect(decoder, prompt), clock, rehearsal_interval_ms=0
    )
    for session in ("a", "b"):
        core.handle(m.OpenSession(session=session))
        core.handle(m.StartTurn(session=session, turn=1, at_sample=0))
    yield core
    for session in ("a", "b"):
        core.handle(m.CloseSession(session=session))
    assert decoder.pool.used == 0 and not core.has_work


def audio(session: str, pcm: np.ndarray, at: int = 0) -> m.Audio:
    return m.Audio(session=session, turn=1, at_sample=at, pcm=pcm.astype("<i2").tobytes())


def end(session: str, attempt: int, at: int) -> m.EndTurn:
    return m.EndTurn(session=session, turn=1, attempt=attempt, at_sample=at, max_tokens=16)


def run(core: EngineCore) -> list[m.FromEngine]:
    said: list[m.FromEngine] = []
    while core.has_work:
        said += core.step()
    return said


def of(said: list[m.FromEngine], session: str) -> list[m.FromEngine]:
    return [each for each in said if isinstance(each, m.Transcript | m.Answer | m.Done) and each.session == session]


def transcript(said: list[m.FromEngine], session: str) -> str:
    (found,) = (each for each in of(said, session) if isinstance(each, m.Transcript))
    return found.text


def test_an_end_that_is_revoked_before_its_step_never_began(engine: EngineCore) -> None:
    pcm = sample(0)
    engine.handle(audio("a", pcm[:HALF]))
    engine.handle(end("a", 1, HALF))
    engine.handle(audio("a", pcm[HALF:], HALF))  # behind the end: held
    assert engine.handle(m.Revoke(session="a", turn=1, attempt=1)) == []
    said = run(engine)
    assert of(said, "a") == [], "nothing was attempted"
    engine.handle(end("a", 2, len(pcm)))
    whole = transcript(run(engine), "a")
    engine.handle(audio("b", pcm))
    engine.handle(end("b", 1, len(pcm)))
    assert whole == transcript(run(engine), "b"), "what was held was heard in its place"


@pytest.mark.parametrize("behind", ["commit", "cancel", "discard"])
def test_what_follows_a_waiting_end_finds_it_begun(engine: EngineCore, behind: str) -> None:
    pcm = sample(0)
    engine.handle(audio("a", pcm))
    engine.handle(end("a", 1, len(pcm)))
    if behind == "commit":
        engine.handle(m.Commit(session="a", turn=1, attempt=1, item="user"))
        said = of(run(engine), "a")
        assert isinstance(said[0], m.Transcript) and isinstance(said[-1], m.Done)
    elif behind == "cancel":
        engine.handle(m.Cancel(session="a", turn=1))
        assert of(run(engine), "a") == []
    else:
        engine.handle(m.DiscardTurn(session="a", turn=1))
        assert of(run(engine), "a") == [], "a turn that is none is not answered"


def test_an_end_waits_for_the_first_clause_of_another_session(engine: EngineCore) -> None:
    for session in ("a", "b"):
        engine.handle(audio(session, sample(0)))
    run(engine)
    engine.handle(end("a", 1, len(sample(0))))
    engine.handle(end("b", 1, len(sample(0))))
    said = run(engine)
    whose = [each.session for each in said if isinstance(each, m.Transcript | m.Answer)]
    assert set(whose) == {"a", "b"}
    first = whose.index("b")
    assert [s for s in whose[:first] if s == "a"][1:], "the first clause of a is on its way before b is heard"


def test_it_waits_no_longer_than_it_may(engine: EngineCore, clock: FakeClock) -> None:
    for session in ("a", "b"):
        engine.handle(audio(session, sample(0)))
    run(engine)
    engine.handle(end("a", 1, len(sample(0))))
    engine.step()
    engine.handle(end("b", 1, len(sample(0))))
    clock.advance_ms(LONGEST_END_WAIT_MS + 1)
    said: list[m.FromEngine] = []
    while not any(isinstance(each, m.Transcript) and each.session == "b" for each in said):
        assert engine.has_work
        said += engine.step()
    assert sum(isinstance(each, m.Answer) for each in of(said, "a")) <= 12, "a is still at its first clause"


def test_time_to_think_that_is_over_before_the_attempt_begins_is_over(
    engine: EngineCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[bool] = []
    pass_deadline = Mind.pass_deadline

    def watched(mind: Mind, attempt: int) -> None:
        passed.append(mind.turn is not None and mind.turn.attempt == attempt)
        pass_deadline(mind, attempt)

    monkeypatch.setattr(Mind, "pass_deadline", watched)
    engine.handle(audio("a", sample(0)))
    engine.handle(m.EndTurn(session="a", turn=1, attempt=1, at_sample=len(sample(0)), think_ms=0, max_tokens=16))
    run(engine)
    assert passed == [True], "once, and the attempt that it ends was there"


def test_alone_it_waits_for_nobody(engine: EngineCore) -> None:
    engine.handle(audio("a", sample(0)))
    run(engine)
    engine.handle(end("a", 1, len(sample(0))))
    engine.step()
    assert next(iter(engine._sessions.values())).ending is None
