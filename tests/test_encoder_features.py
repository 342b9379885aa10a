"""The causal log-mel against Whisper's filters and an FFT of its own; refusal of audio that cannot be used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.audio_utils import mel_filter_bank

from streaming_encoder import AudioInputError
from streaming_encoder.features import sanitise, slaney_mel_filters
from tests.encoder_reference import embedded_model, noise, reference_mel, sample

FLOOR = torch.tensor(0.5, dtype=torch.float64)


def mel_of(pcm: np.ndarray, running_max: torch.Tensor = FLOOR) -> tuple[torch.Tensor, torch.Tensor]:
    """`pcm` with its 240 samples of left context."""
    return embedded_model().features(torch.from_numpy(pcm), running_max)


def from_start(pcm: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(240, np.float32), pcm])


def test_filters_are_those_of_whisper() -> None:
    theirs = mel_filter_bank(201, 80, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    assert np.abs(slaney_mel_filters(80, 400, 16000) - theirs.T).max() < 1e-12


@pytest.mark.parametrize("index", [0, 4, 15])
def test_speech_gives_the_mel_of_the_model_card(index: int) -> None:
    pcm = sanitise(sample(index))
    pcm = pcm[: len(pcm) // 160 * 160]
    mel, _ = mel_of(from_start(pcm))
    assert mel.dtype == torch.float32
    assert mel.shape == (len(pcm) // 160, 80)
    assert np.abs(mel.numpy() - reference_mel(pcm)).max() < 1e-5


@given(cut=st.integers(1, 199), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_any_stretch_alone_gives_the_same_frames(cut: int, seed: int) -> None:
    pcm = from_start(noise(200 * 160, seed))
    whole, maxima = mel_of(pcm)
    first, first_maxima = mel_of(pcm[: 240 + cut * 160])
    second, second_maxima = mel_of(pcm[cut * 160 :], first_maxima[-1])
    assert torch.allclose(torch.cat([first, second]), whole, atol=1e-6, rtol=0)
    assert torch.allclose(torch.cat([first_maxima, second_maxima]), maxima, atol=1e-9, rtol=0)


def test_a_frame_hears_exactly_its_400_samples() -> None:
    pcm = from_start(noise(20 * 160))
    whole, _ = mel_of(pcm)
    for changed in (240 + 1600, 240 + 1759):
        other = pcm.copy()
        other[changed] += 0.5
        frames = (mel_of(other)[0] != whole).any(1).nonzero()[:, 0].tolist()
        # Sample s of the audio is in frames t with 160 t - 240 <= s < 160 t + 160. (The running maximum may go on.)
        assert frames[0] == 10
    silent = np.zeros_like(pcm)
    touched = silent.copy()
    touched[240 + 1700] = 0.1
    frames = (mel_of(touched)[0] != mel_of(silent)[0]).any(1).nonzero()[:, 0].tolist()
    assert frames == [10, 11, 12]


def test_the_running_maximum_never_falls() -> None:
    loud, quiet = noise(1600) * 0 + 0.9, noise(1600) * 1e-4
    mel, maxima = mel_of(from_start(np.concatenate([loud, quiet]).astype(np.float32)))
    assert (maxima.diff() >= 0).all()
    assert mel[10:].min() >= (maxima[-1] - 8 + 4) / 4 - 1e-6


def test_silence_is_finite_and_flat() -> None:
    mel, maxima = mel_of(np.zeros(240 + 3200, np.float32))
    assert torch.equal(mel, torch.full_like(mel, (0.5 - 8 + 4) / 4))
    assert torch.equal(maxima, torch.full_like(maxima, 0.5))


def test_int16_and_float32_are_the_same_audio() -> None:
    pcm = np.array([-32768, -1, 0, 1, 32767], np.int16)
    clean = sanitise(pcm)
    assert clean.dtype == np.float32
    assert np.array_equal(clean, pcm.astype(np.float64) / 32768)
    assert np.array_equal(sanitise(clean), clean)


def test_beyond_full_scale_is_clipped_and_the_input_stays() -> None:
    pcm = np.array([-3.0, 0.25, 1e30], np.float32)
    assert sanitise(pcm).tolist() == [-1.0, 0.25, 1.0]
    assert pcm.tolist()[0] == -3.0


def test_a_view_and_a_read_only_array_are_taken() -> None:
    pcm = np.arange(10, dtype=np.int16)
    pcm.flags.writeable = False
    assert sanitise(pcm[::2]).shape == (5,)
    assert sanitise(np.empty(0, np.float32)).shape == (0,)


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (np.array([0, np.nan], np.float32), "NaN"),
        (np.array([np.inf, 0], np.float32), "infinite"),
        (np.zeros((2, 100), np.int16), "shape"),
        (np.zeros((100, 1), np.float32), "shape"),
        (np.array(0.5, np.float32), "shape"),
        (np.zeros(10), "float64"),
        (np.zeros(10, np.int32), "int32"),
        (np.zeros(10, np.uint8), "uint8"),
        (np.zeros(10, ">i2"), ">i2"),
        (np.zeros(10, object), "object"),
        ([0.0, 0.1], "list"),
        (b"\0\0", "bytes"),
        (None, "NoneType"),
    ],
)
def test_other_audio_is_refused_with_its_reason(bad: object, word: str) -> None:
    with pytest.raises(AudioInputError, match=word):
        sanitise(bad)  # type: ignore[arg-type]
