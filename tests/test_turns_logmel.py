"""Log-mel: equal to the extractor that the end-of-turn model was trained with."""

from __future__ import annotations

import numpy as np
import pytest
from transformers import WhisperFeatureExtractor

from realtime.turns.listener import as_float32
from realtime.turns.logmel import FRAMES, MEL_BANDS, WINDOW_SAMPLES, front_padded, log_mel, mel_filters
from tests.turns_material import SETS, load

SAMPLES = SETS["seed samples (synthetic)"]


@pytest.fixture(scope="module")
def extractor() -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor(chunk_length=8)  # type: ignore[no-untyped-call]


def test_the_filters_are_whispers(extractor: WhisperFeatureExtractor) -> None:
    np.testing.assert_allclose(mel_filters(), extractor.mel_filters, atol=1e-7)


@pytest.mark.parametrize("path", [SAMPLES[0], SAMPLES[1], SAMPLES[14]], ids=lambda path: path.stem)
def test_features_equal_the_reference(path: object, extractor: WhisperFeatureExtractor) -> None:
    pcm = front_padded(as_float32(load(path)))  # type: ignore[arg-type]
    reference = extractor(pcm, sampling_rate=16_000, return_tensors="np", do_normalize=True).input_features[0]
    assert reference.shape == (MEL_BANDS, FRAMES)
    np.testing.assert_allclose(log_mel(pcm), reference, atol=1e-4)


def test_noise_louder_than_full_scale_and_silence_are_finite(extractor: WhisperFeatureExtractor) -> None:
    pcm = np.random.default_rng(5).standard_normal(WINDOW_SAMPLES).astype(np.float32) * 3
    reference = extractor(pcm, sampling_rate=16_000, return_tensors="np", do_normalize=True).input_features[0]
    np.testing.assert_allclose(log_mel(pcm), reference, atol=1e-4)
    assert np.isfinite(log_mel(np.zeros(WINDOW_SAMPLES, dtype=np.float32))).all()


def test_padding_is_in_front_and_the_last_8_s_count() -> None:
    short = np.ones(100, dtype=np.float32)
    padded = front_padded(short)
    assert padded.shape == (WINDOW_SAMPLES,) and padded[-100:].all() and not padded[:-100].any()
    long = np.arange(WINDOW_SAMPLES + 5, dtype=np.float32)
    np.testing.assert_array_equal(front_padded(long), long[5:])
    assert front_padded(np.zeros(0, dtype=np.float32)).shape == (WINDOW_SAMPLES,)
