"""The watch over the playout: quick on a voice, deaf to the agent's own, and every duck and pause ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.turns import BargeInWatch, Ducked, Listener, Paused, Resumed, Suspicion
from realtime.turns.barge_in import BLOCK_MS, LONGEST_PAUSE_MS, RESUME_MS, UNDUCK_MS, WatchState
from realtime.turns.decisions import SILENCE_DBFS, level_dbfs
from realtime.turns.detectors import QuickDetector
from realtime.turns.hum import is_hum
from realtime.turns.listener import as_float32
from tests.turns_material import SAMPLES, Pcm16, load

BLOCK = 160
SAMPLE_FILES = sorted(SAMPLES.glob("*.wav"))
VOICE = (-25.0, True)
QUIET = (-70.0, False)
KNOCK = (-20.0, False)


def watched(blocks: list[tuple[float, bool]], played: float = -20.0) -> list[tuple[int, Suspicion]]:
    """(ms of the decision, decision) for blocks over an agent that is heard with level `played`."""
    watch = BargeInWatch()
    for at in range(100):  # a second of the room before
        watch.push(at * BLOCK, -70.0, is_voice=False)
    watch.agent_speaking(True)
    out: list[tuple[int, Suspicion]] = []
    for at, (level, is_voice) in enumerate(blocks):
        if at % 2 == 0:
            watch.echo.played(SILENCE_DBFS if watch.state is WatchState.PAUSED else played)
        decided = watch.push((100 + at) * BLOCK, level, is_voice)
        out += [((at + 1) * BLOCK_MS, decision) for decision in decided]
    return out


def kinds(decisions: list[tuple[int, Suspicion]]) -> list[tuple[int, str]]:
    return [(ms, type(decision).__name__) for ms, decision in decisions]


def test_a_voice_ducks_the_answer_at_20_ms_and_pauses_it_at_40() -> None:
    assert kinds(watched([VOICE] * 15)) == [(20, "Ducked"), (40, "Paused")]


def test_a_short_sound_ducks_and_the_answer_comes_back() -> None:
    assert kinds(watched([VOICE] * 3 + [QUIET] * 30)) == [(20, "Ducked"), (30 + UNDUCK_MS, "Resumed")]


def test_a_pause_that_no_turn_follows_is_taken_back() -> None:
    assert kinds(watched([VOICE] * 12 + [QUIET] * 40))[-1] == (120 + RESUME_MS, "Resumed")


def test_what_is_no_voice_does_nothing() -> None:
    assert watched([KNOCK] * 20 + [QUIET] * 20) == []


def test_a_lasting_sound_pauses_once() -> None:
    assert kinds(watched([VOICE] * 400)) == [(20, "Ducked"), (40, "Paused"), (40 + LONGEST_PAUSE_MS, "Resumed")]


def test_the_end_of_the_answer_ends_the_watch() -> None:
    watch = BargeInWatch()
    watch.push(0, -70.0, is_voice=False)
    watch.agent_speaking(True)
    for at in range(1, 10):
        watch.push(at * BLOCK, -25.0, is_voice=True)
    assert watch.state is WatchState.PAUSED
    watch.agent_speaking(False)
    assert watch.state is WatchState.CLEAR and not watch.is_on
    assert watch.push(10 * BLOCK, -25.0, is_voice=True) == []


@given(
    st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from([VOICE, QUIET, KNOCK, (-45.0, True), (-12.0, True)])), max_size=20
    ),
    st.sampled_from([-100.0, -30.0, -15.0]),
)
def test_every_duck_and_every_pause_ends(runs: list[tuple[int, tuple[float, bool]]], played: float) -> None:
    blocks = [block for count, block in runs for _ in range(count)]
    decisions = watched([*blocks, *[QUIET] * (RESUME_MS // BLOCK_MS + 1)], played)
    state: type[Suspicion] = Resumed
    paused_at = 0
    for at_ms, decision in decisions:
        allowed: dict[type[Suspicion], tuple[type[Suspicion], ...]] = {
            Resumed: (Ducked,),
            Ducked: (Paused, Resumed),
            Paused: (Resumed,),
        }
        assert isinstance(decision, allowed[state])
        if state is Paused:
            assert at_ms - paused_at <= LONGEST_PAUSE_MS
        state, paused_at = type(decision), at_ms
    assert state is Resumed, "quiet ends every suspicion"


# --- with sound -------------------------------------------------------------------------------------


def over(agent: Pcm16, user: Pcm16, attenuation_db: float, delay_ms: int, noise: float = 8.0) -> list[Suspicion]:
    """What is decided while `agent` is played and comes back, delayed, under `user` (16 kHz, as long as `agent`)."""
    rng = np.random.default_rng(3)
    echo = np.concatenate([np.zeros(delay_ms * 16), agent.astype(np.float64)])[: len(agent)]
    heard = echo * 10 ** (-attenuation_db / 20) + user + rng.standard_normal(len(agent)) * noise
    microphone = np.clip(np.rint(heard), -32768, 32767).astype(np.int16)
    watch, quick = BargeInWatch(), QuickDetector()
    watch.agent_speaking(True)
    out: list[Suspicion] = []
    for begin in range(0, len(agent) - 320, 320):
        paused = watch.state is WatchState.PAUSED
        watch.echo.played(SILENCE_DBFS if paused else level_dbfs(as_float32(agent[begin : begin + 320])))
        for at_sample, level, is_voice in quick.blocks(microphone[begin : begin + 320]):
            out += watch.push(at_sample, level, is_voice)
    return out


@pytest.mark.parametrize(("attenuation_db", "delay_ms"), [(25, 60), (25, 250), (35, 120), (50, 120)])
def test_the_agents_own_echo_pauses_nothing(attenuation_db: float, delay_ms: int) -> None:
    agent = np.concatenate([load(SAMPLES / name) for name in ("00_add_piper.wav", "08_list_recall_kokoro.wav")])
    decided = over(agent, np.zeros(len(agent)), attenuation_db, delay_ms)
    assert not [each for each in decided if isinstance(each, Paused)]


@pytest.mark.parametrize("name", ["01_geography_espeak.wav", "03_compare_piper.wav", "04_multiply_kokoro.wav"])
@pytest.mark.parametrize("attenuation_db", [25.0, 40.0])
def test_a_user_over_the_echo_pauses_within_80_ms_of_the_first_voiced_block(name: str, attenuation_db: float) -> None:
    agent = load(SAMPLES / "08_list_recall_kokoro.wav")
    question = load(SAMPLES / name)
    user = np.zeros(len(agent), np.int16)
    begins = 2 * 16_000
    user[begins : begins + len(question)] = question[: len(agent) - begins]
    levels = [level_dbfs(as_float32(user[at : at + BLOCK])) for at in range(0, len(user) - BLOCK, BLOCK)]
    first = next(at for at, level in enumerate(levels) if level > -45) * BLOCK
    pause = next(each for each in over(agent, user, attenuation_db, 120) if isinstance(each, Paused))
    assert 0 < pause.at_sample - first <= 80 * 16


def test_blocks_know_their_place_behind_what_was_skipped() -> None:
    quick = QuickDetector()
    pcm = load(SAMPLE_FILES[4])
    plain = list(QuickDetector().blocks(pcm))
    first = list(quick.blocks(pcm[:1_000]))
    quick.skip(2_200)
    rest = list(quick.blocks(pcm[3_200:]))
    assert [at for at, _, _ in first] == list(range(0, 960, BLOCK))
    assert [each[:2] for each in rest] == [each[:2] for each in plain if each[0] >= 3_200]


def test_a_hum_is_told_from_words() -> None:
    t = np.arange(512) / 16_000
    hum = sum(np.sin(2 * np.pi * 130 * k * t) / k**2 for k in range(1, 4)).astype(np.float32)
    assert is_hum(0.1 * hum)
    assert not is_hum((0.1 * hum + 0.01 * np.sin(2 * np.pi * 1_000 * t)).astype(np.float32))


@pytest.mark.parametrize("path", SAMPLE_FILES[:13:4], ids=lambda path: path.stem)
def test_a_question_is_no_hum(path: Path) -> None:
    frames = [frame for frame in Listener().push(load(path)) if level_dbfs(frame) > -35]
    assert sum(map(is_hum, frames)) < 0.2 * len(frames)
