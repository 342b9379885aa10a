"""Detectors: state per stream, the votes' ranges, threads, and the fallback beside Silero."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from realtime.errors import AudioError
from realtime.turns import Listener
from realtime.turns.detectors import EndpointDetector, FrameDetector, VoiceDetector, WebRtcVoiceDetector
from realtime.turns.listener import as_float32
from tests.turns_material import HUMAN, MISSING, MODELS, SETS, Pcm16, load, quiet

SAMPLES = SETS["seed samples (synthetic)"]


@pytest.fixture(scope="module")
def voice() -> VoiceDetector:
    return VoiceDetector.load(MODELS / "vad")


@pytest.fixture(scope="module")
def endpoint() -> EndpointDetector:
    return EndpointDetector.load(MODELS / "endpoint")


def probabilities(detector: FrameDetector, pcm: Pcm16) -> npt.NDArray[np.float64]:
    detector.reset()
    return np.array([detector.probability(frame) for frame in Listener().push(pcm)])


def test_silero_finds_the_speech_and_only_the_speech(voice: VoiceDetector) -> None:
    pcm = np.concatenate([np.zeros(16_000, np.int16), load(SAMPLES[4]), np.zeros(16_000, np.int16)])
    p = probabilities(voice, pcm)
    assert p[:31].max() < 0.1
    assert np.median(p[45:95]) > 0.95
    assert p[-25:].max() < 0.1


def test_a_stream_depends_on_its_own_past_only(voice: VoiceDetector) -> None:
    one, other = (load(path) for path in SAMPLES[1:3])
    alone = probabilities(voice.stream(), one)
    mine, theirs = voice.stream(), voice.stream()
    interleaved = []
    for a, b in zip(Listener().push(one), Listener().push(other), strict=False):
        interleaved.append(mine.probability(a))
        theirs.probability(b)
    np.testing.assert_array_equal(interleaved, alone[: len(interleaved)])


def test_each_frame_runs_behind_64_samples_of_context_and_the_carried_state(voice: VoiceDetector) -> None:
    """Against the plain loop of Silero's documentation over the whole recording."""
    pcm = as_float32(load(SAMPLES[6]))
    padded = np.concatenate([np.zeros(64, np.float32), pcm])
    state = np.zeros((2, 1, 128), np.float32)
    reference = []
    for begin in range(0, len(pcm) - 511, 512):
        feeds = {"input": padded[None, begin : begin + 576], "state": state, "sr": np.array(16_000)}
        output, state = voice._session.run(None, feeds)
        reference.append(float(output[0, 0]))
    np.testing.assert_allclose(probabilities(voice.stream(), load(SAMPLES[6])), reference, atol=1e-6)


def test_reset_begins_a_new_stream(voice: VoiceDetector) -> None:
    pcm = load(SAMPLES[3])
    np.testing.assert_array_equal(probabilities(voice, pcm), probabilities(voice, pcm))


def test_streams_run_in_threads(voice: VoiceDetector) -> None:
    pcm = load(SAMPLES[5])
    alone = probabilities(voice.stream(), pcm)
    with ThreadPoolExecutor(4) as pool:
        for p in pool.map(lambda _: probabilities(voice.stream(), pcm), range(4)):
            np.testing.assert_array_equal(p, alone)


def test_the_endpoint_model_gives_probabilities_not_logits(endpoint: EndpointDetector) -> None:
    rng = np.random.default_rng(2)
    inputs = [load(path) for path in SAMPLES[:4]] + [
        np.zeros(0, np.int16),
        np.zeros(128_000, np.int16),
        rng.integers(-9_000, 9_000, 128_000, dtype=np.int16),
    ]
    votes = [endpoint.probability(pcm) for pcm in inputs]
    assert all(0.0 <= p <= 1.0 for p in votes)
    assert max(votes) > 0.9


def test_the_endpoint_model_tells_a_whole_sentence_from_its_half(endpoint: EndpointDetector) -> None:
    path = next(p for p in SAMPLES if p.name.startswith("10_opposite"))
    pcm = load(path)
    half = pcm[: 880 * 16]
    assert endpoint.probability(np.concatenate([pcm, quiet(pcm, 100)])) > 0.5
    assert endpoint.probability(np.concatenate([half, quiet(pcm, 100)])) < 0.5


def test_the_endpoint_model_takes_int16_and_float32_and_the_last_8_s(endpoint: EndpointDetector) -> None:
    pcm = np.concatenate([load(path) for path in SAMPLES[:3]])
    p = endpoint.probability(pcm)
    assert endpoint.probability(as_float32(pcm)) == p == endpoint.probability(pcm[-128_000:])
    with pytest.raises(AudioError):
        endpoint.probability(np.full(1_000, np.nan, dtype=np.float32))


@pytest.mark.skipif(not HUMAN, reason=MISSING)
def test_webrtcvad_agrees_with_silero_on_clean_human_speech(voice: VoiceDetector) -> None:
    agreed = []
    for path in HUMAN:
        pcm = load(path)
        agreed.append(np.mean((probabilities(voice, pcm) >= 0.5) == (probabilities(WebRtcVoiceDetector(), pcm) >= 0.5)))
    assert np.mean(agreed) > 0.75


def test_webrtcvad_hears_nothing_in_silence_and_any_frame_gives_a_share() -> None:
    assert probabilities(WebRtcVoiceDetector(), np.zeros(32_000, np.int16)).max() == 0.0
    p = probabilities(WebRtcVoiceDetector(), load(SAMPLES[2]))
    assert p.min() >= 0.0 and p.max() == 1.0
