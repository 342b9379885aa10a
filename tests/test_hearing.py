"""The input side of a session: a sound over the answer is noticed as it arrives, before anything has been judged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from realtime.hearing import Hearing
from realtime.turns import Ducked, Paused, Suspicion, TurnPolicy
from realtime.turns.decisions import SILENCE_DBFS, level_dbfs
from realtime.turns.detectors import WebRtcVoiceDetector
from realtime.turns.listener import as_float32
from tests.turns_material import SAMPLES, Pcm16, load

PACKET = 320
QUESTION = load(SAMPLES / "04_multiply_kokoro.wav")


def suspicions(microphone: Pcm16, played: Pcm16 | None, *, agent_speaks: bool = True) -> list[Suspicion]:
    """What is suspected while `microphone` arrives in packets and `played` (silence: None) leaves."""
    out: list[Suspicion] = []
    with ThreadPoolExecutor(1) as executor:
        hearing = Hearing(
            WebRtcVoiceDetector(),
            None,
            executor,
            TurnPolicy.semantic_vad(),
            decided=lambda _: None,
            judged=lambda _: None,
            suspected=out.extend,
        )
        hearing.push(np.random.default_rng(1).integers(-9, 9, 16_000).astype(np.int16), 0)
        hearing.agent_speaking(agent_speaks)
        for begin in range(0, len(microphone) - PACKET, PACKET):
            left = None if played is None else played[begin : begin + PACKET]
            hearing.played(SILENCE_DBFS if left is None else level_dbfs(as_float32(left)))
            hearing.push(microphone[begin : begin + PACKET], begin)
    return out


def test_a_voice_over_the_answer_ducks_and_pauses_it_as_it_arrives() -> None:
    first = int(np.flatnonzero(np.abs(QUESTION) > 300)[0])
    ducked, paused, *_ = suspicions(QUESTION, None)
    assert isinstance(ducked, Ducked) and isinstance(paused, Paused)
    assert paused.at_sample - 16_000 - first < 80 * 16


def test_nothing_is_suspected_while_the_agent_is_silent() -> None:
    assert suspicions(QUESTION, None, agent_speaks=False) == []


def test_the_agents_own_voice_in_the_microphone_pauses_nothing() -> None:
    echo = np.rint(QUESTION * 0.04).astype(np.int16)  # 28 dB below what was played
    assert not [each for each in suspicions(echo, QUESTION) if isinstance(each, Paused)]
