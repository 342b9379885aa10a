"""Whisper's log-mel spectrogram in numpy, for the end-of-turn model. Knows one fixed window of 8 s and nothing else.

Equals `transformers.WhisperFeatureExtractor(chunk_length=8)` with `do_normalize=True` (a test compares them), as
Smart Turn v3 was trained: audio normalised to zero mean and unit variance, 400-sample periodic Hann window, hop 160,
80 Slaney mel bands of 0-8000 Hz, log10 floored 8 below the maximum, (x + 4) / 4. Radford et al. 2022, section 2.2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from realtime.turns.decisions import SAMPLE_RATE_HZ

WINDOW_S = 8
WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
FFT_SAMPLES = 400
HOP_SAMPLES = 160
MEL_BANDS = 80
FRAMES = WINDOW_SAMPLES // HOP_SAMPLES  # 800
MEL_FLOOR = 1e-10
DYNAMIC_RANGE = 8.0  # in log10 units

# Slaney's mel scale: linear (3 mel per 200 Hz) up to 1 kHz, logarithmic above.
_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0

Float32 = npt.NDArray[np.float32]


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))


def mel_filters() -> Float32:
    """Triangular, area-normalised filters, float32 [FFT_SAMPLES // 2 + 1, MEL_BANDS]."""
    top_hz = SAMPLE_RATE_HZ / 2
    top_mel = _BREAK_MEL + np.log(top_hz / _BREAK_HZ) / _LOG_STEP
    edges_hz = _mel_to_hz(np.linspace(0.0, top_mel, MEL_BANDS + 2))
    bins_hz = np.linspace(0.0, top_hz, FFT_SAMPLES // 2 + 1)
    distance = edges_hz[None, :] - bins_hz[:, None]  # [bins, bands + 2]
    widths = np.diff(edges_hz)
    rising = -distance[:, :-2] / widths[:-1]
    falling = distance[:, 2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges_hz[2:] - edges_hz[:-2]))).astype(np.float32)


_FILTERS = mel_filters()
_HANN = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(FFT_SAMPLES) / FFT_SAMPLES)).astype(np.float32)


def front_padded(pcm: Float32) -> Float32:
    """The last WINDOW_SAMPLES of `pcm` (float32 [n]), zeros in front where it is shorter."""
    pcm = pcm[-WINDOW_SAMPLES:]
    return np.concatenate([np.zeros(WINDOW_SAMPLES - len(pcm), dtype=np.float32), pcm])


def log_mel(pcm: Float32) -> Float32:
    """Features float32 [MEL_BANDS, FRAMES] of exactly WINDOW_SAMPLES of `pcm`, float32, full scale 1.0."""
    assert pcm.shape == (WINDOW_SAMPLES,), f"log_mel takes {WINDOW_SAMPLES} samples, not {pcm.shape}"
    mean = pcm.mean(dtype=np.float64)
    deviation = np.sqrt(pcm.var(dtype=np.float64) + 1e-7)
    normal = ((pcm - mean) / deviation).astype(np.float32)
    padded = np.pad(normal, FFT_SAMPLES // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES][:FRAMES]
    spectrum = np.fft.rfft(windows * _HANN, axis=-1)  # [frames, bins]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = np.log10(np.maximum(power.astype(np.float32) @ _FILTERS, MEL_FLOOR))
    mel = (np.maximum(mel, mel.max() - DYNAMIC_RANGE) + 4.0) / 4.0
    return np.ascontiguousarray(mel.T, dtype=np.float32)
