"""Turn-taking on recordings, through the real detectors: how many turns, where they begin, and what is no turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.turns import Committed, Discarded, Revoked, TentativeEnd, TurnPolicy, TurnStarted
from realtime.turns.decisions import Decision
from realtime.turns.detectors import EndpointDetector, VoiceDetector, WebRtcVoiceDetector
from realtime.turns.offline import decisions_of
from tests.turns_material import HUMAN, MISSING, MODELS, SETS, Pcm16, load, natural_pauses, quiet, with_pauses

SAMPLES = SETS["seed samples (synthetic)"]
SECOND = 16_000


@pytest.fixture(scope="module")
def voice() -> VoiceDetector:
    return VoiceDetector.load(MODELS / "vad")


@pytest.fixture(scope="module")
def endpoint() -> EndpointDetector:
    return EndpointDetector.load(MODELS / "endpoint")


def committed(decisions: list[Decision]) -> list[Committed]:
    return [d for d in decisions if isinstance(d, Committed)]


def started(decisions: list[Decision]) -> list[TurnStarted]:
    return [d for d in decisions if isinstance(d, TurnStarted)]


def followed_by_quiet(pcm: Pcm16, duration_ms: int = 2_000) -> Pcm16:
    return np.concatenate([pcm, quiet(pcm, duration_ms)])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_seed_sample_is_one_turn(path: Path, voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    pcm = load(path)
    decisions = decisions_of(followed_by_quiet(pcm), TurnPolicy.semantic_vad(), voice, endpoint=endpoint)
    (end,) = committed(decisions)
    loud = np.flatnonzero(np.abs(pcm) > 300)
    assert abs(end.speech_end_sample - int(loud[-1])) < 0.2 * SECOND, "the end is where the sound ends"
    wait_ms = (end.at_sample - end.speech_end_sample) / 16
    patience = TurnPolicy.semantic_vad().patience
    assert wait_ms < (patience.plausible_ms if end.reason == "endpoint" else patience.objected_ms) + 32


@pytest.mark.parametrize("name", ["14_beeps_piper.wav", "15_sweep_piper.wav"])
def test_the_sound_that_is_asked_about_belongs_to_the_turn(name: str, voice: VoiceDetector) -> None:
    pcm = load(MODELS / "embedded" / "samples" / name)
    before = 3 * SECOND
    lead = np.zeros(before, np.int16)
    decisions = decisions_of(np.concatenate([lead, followed_by_quiet(pcm)]), TurnPolicy.semantic_vad(), voice)
    (start,) = started(decisions)
    sound_begins = before + int(np.flatnonzero(np.abs(pcm) > 300)[0])
    assert sound_begins - 0.25 * SECOND <= start.from_sample <= sound_begins
    assert start.speech_sample > sound_begins + SECOND, "the voice detector alone would have missed it"


@pytest.mark.skipif(not HUMAN, reason=MISSING)
@pytest.mark.parametrize("path", HUMAN, ids=lambda path: path.stem)
def test_each_human_sentence_is_one_turn(path: Path, voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    pcm = load(path)
    decisions = decisions_of(followed_by_quiet(pcm), TurnPolicy.semantic_vad(), voice, endpoint=endpoint)
    (end,) = committed(decisions)
    assert end.speech_end_sample > 0.6 * len(pcm)


@pytest.mark.skipif(not HUMAN, reason=MISSING)
def test_sentences_2_s_apart_are_as_many_turns(voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    paths = HUMAN[3:8] + SAMPLES[9:13]
    pcm = np.concatenate([followed_by_quiet(load(path)) for path in paths])
    decisions = decisions_of(pcm, TurnPolicy.semantic_vad(), voice, endpoint=endpoint)
    assert [end.turn for end in committed(decisions)] == list(range(1, len(paths) + 1))
    assert not [d for d in decisions if isinstance(d, Discarded)]


@pytest.mark.parametrize(("pause_ms", "most_cut_ins"), [(300, 0), (500, 2)])
def test_pauses_inside_a_question_rarely_end_it(
    pause_ms: int, most_cut_ins: int, voice: VoiceDetector, endpoint: EndpointDetector
) -> None:
    """The end-of-turn model alone: the worst case, with no mind to object (docs/turns.md has the whole table)."""
    cut_ins = pauses = revoked = 0
    for path in SAMPLES[::2]:
        pcm = load(path)
        inner = natural_pauses(pcm, 250 * 16, len(pcm) - 500 * 16)
        paused = followed_by_quiet(with_pauses(pcm, inner, pause_ms))
        decisions = decisions_of(paused, TurnPolicy.semantic_vad(), voice, endpoint=endpoint)
        cut_ins += len(committed(decisions)) - 1
        revoked += sum(isinstance(d, Revoked) for d in decisions)
        pauses += len(inner)
    assert pauses >= 10
    assert revoked >= pauses / 2, "most pauses start an answer that is taken back unheard"
    assert cut_ins <= most_cut_ins


def test_a_mind_that_objects_keeps_the_turn_through_800_ms(voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    pcm = load(SAMPLES[3])
    paused = with_pauses(pcm, natural_pauses(pcm, 250 * 16, len(pcm) - 500 * 16), 800)
    last = len(paused) - SECOND // 2

    def ends(objection: float) -> list[Committed]:
        def mind(tentative: TentativeEnd) -> float:
            return 1.0 if tentative.speech_end_sample > last else objection

        policy = TurnPolicy.semantic_vad()
        return committed(decisions_of(followed_by_quiet(paused), policy, voice, endpoint=endpoint, mind=mind))

    assert len(ends(0.5)) > 1, "where the mind has nothing to say the melody ends the turn"
    (end,) = ends(0.0)
    assert end.reason in {"agreement", "mind"} and (end.at_sample - end.speech_end_sample) / 16 < 200 + 32


def rumble(kind: str) -> Pcm16:
    """12 s of sound that is no speech."""
    rng = np.random.default_rng(11)
    t = np.arange(12 * SECOND) / SECOND
    if kind == "silence":
        signal = np.zeros(len(t))
    elif kind == "white noise":
        signal = 0.1 * rng.standard_normal(len(t))
    elif kind == "noise that begins":
        signal = 0.1 * rng.standard_normal(len(t)) * (t > 4)
    elif kind == "chords":
        roots = 220 * 2 ** (np.array([0, 5, 7, 0, 9, 5])[(t / 0.5).astype(int) % 6] / 12)
        phase = 2 * np.pi * np.cumsum(roots) / SECOND
        signal = sum(0.08 / k * np.sin(k * r * phase) for k in (1, 2, 3) for r in (1.0, 1.26, 1.5)) * np.exp(
            -3 * (t % 0.5)
        )
    elif kind == "hum":
        signal = 0.1 * np.sin(2 * np.pi * 50 * t) + 0.05 * np.sin(2 * np.pi * 150 * t)
    elif kind == "clicks":
        signal = np.zeros(len(t))
        for at in rng.integers(0, len(t) - 80, 25):
            signal[at : at + 80] = rng.standard_normal(80) * np.exp(-np.arange(80) / 15)
    else:
        raise ValueError(kind)
    return np.rint(np.clip(signal, -1, 1) * 30_000).astype(np.int16)


@pytest.mark.parametrize("kind", ["silence", "white noise", "noise that begins", "chords", "hum", "clicks"])
def test_what_is_no_speech_is_no_turn(kind: str, voice: VoiceDetector) -> None:
    assert committed(decisions_of(rumble(kind), TurnPolicy.semantic_vad(), voice)) == []


@pytest.mark.parametrize("kind", ["silence", "white noise", "noise that begins", "chords", "hum"])
def test_webrtcvad_finds_no_turn_there_either(kind: str) -> None:
    assert committed(decisions_of(rumble(kind), TurnPolicy.semantic_vad(), WebRtcVoiceDetector())) == []


def test_speech_in_noise_is_a_turn_that_does_not_reach_far_back(voice: VoiceDetector) -> None:
    speech = load(SAMPLES[4])
    lead = 6 * SECOND
    pcm = np.concatenate([np.zeros(lead, np.int16), speech, np.zeros(2 * SECOND, np.int16)])
    noisy = pcm + np.rint(np.random.default_rng(4).standard_normal(len(pcm)) * 300).astype(np.int16)  # about -41 dBFS
    (start,) = started(decisions_of(noisy, TurnPolicy.semantic_vad(), voice))
    assert start.speech_sample - start.from_sample < SECOND


def test_webrtcvad_finds_the_same_turns_in_clean_speech(voice: VoiceDetector) -> None:
    paths = [SAMPLES[i] for i in (1, 4, 9, 12)]
    pcm = np.concatenate([followed_by_quiet(load(path)) for path in paths])
    policy = TurnPolicy.server_vad(silence_duration_ms=800)
    silero = started(decisions_of(pcm, policy, voice))
    webrtc = started(decisions_of(pcm, policy, WebRtcVoiceDetector()))
    assert len(silero) == len(webrtc) == len(paths)
    for one, other in zip(silero, webrtc, strict=True):
        assert abs(one.speech_sample - other.speech_sample) < 0.2 * SECOND
