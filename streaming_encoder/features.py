"""Causal log-mel: 16 kHz PCM in, 100 Hz mel frames out. It knows nothing of chunks, networks or streams.

Frame t is the 400 samples that end at sample 160 t + 160: no lookahead, and 240 samples of left context, which the
caller carries together with the running maximum. So any stretch of audio can be computed alone, and the same frame
comes out wherever the stretch begins.

A stream has no clip maximum, so Whisper's "maximum - 8" becomes "maximum so far - 8", with a floor on the maximum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from streaming_encoder.config import FrontendConfig
from streaming_encoder.errors import AudioInputError

_INT16_SCALE = np.float32(1 / 32768)

# Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above.
_LINEAR_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def sanitise(pcm: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Checked PCM as a fresh float32 [n] in [-1, 1]; samples beyond full scale are clipped, nothing else is changed.

    Raises AudioInputError for anything but a one-dimensional array of native int16 or finite float32.
    """
    if not isinstance(pcm, np.ndarray):
        raise AudioInputError(f"audio is {type(pcm).__name__}; give a numpy array of int16 or float32")
    if pcm.ndim != 1:
        raise AudioInputError(f"audio has shape {pcm.shape}; give one channel as [samples]")
    if pcm.dtype == np.int16:
        return np.multiply(pcm, _INT16_SCALE, dtype=np.float32)
    if pcm.dtype != np.float32:
        raise AudioInputError(f"audio has dtype {pcm.dtype}; give int16, or float32 in [-1, 1]")
    if not np.isfinite(pcm).all():
        raise AudioInputError("audio has NaN or infinite samples; nothing of this push was used")
    return np.clip(pcm, np.float32(-1), np.float32(1)).astype(np.float32, copy=False)


def slaney_mel_filters(n_mels: int, n_fft: int, sample_rate_hz: int) -> npt.NDArray[np.float64]:
    """Triangular filters [n_mels, n_fft // 2 + 1] from 0 Hz to Nyquist, each of unit area over Hz."""
    bins_hz = np.linspace(0, sample_rate_hz / 2, n_fft // 2 + 1)
    edges_hz = _mel_to_hz(np.linspace(0, _hz_to_mel(sample_rate_hz / 2), n_mels + 2))
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    triangles = np.clip(np.minimum(rising, falling), 0, None)
    return np.asarray(triangles * (2 / (high - low)), dtype=np.float64)


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_LOG_START_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, logarithmic)


class LogMel(nn.Module):
    """The mel computation itself, without state: its two buffers are constants.

    The spectrum is computed in float64. In float32 the rounding of a loud bin reaches the quiet bands that the dynamic
    range still keeps (8 decades of power is 1e-4 in amplitude, rounding is 1e-7), and a frame would depend on how the
    FFT was vectorised; in float64 it costs well under a millisecond per chunk.
    """

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        filters = slaney_mel_filters(config.n_mels, config.n_fft, config.sample_rate_hz)
        # On the CPU whatever the default device is: constants, not weights that a checkpoint will fill.
        hann = torch.hann_window(config.n_fft, periodic=True, dtype=torch.float64, device="cpu")
        self.register_buffer("window", hann, persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters.T.copy()), persistent=False)  # [bins, mels]

    def forward(self, pcm: torch.Tensor, running_max: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """PCM with its left context -> mel frames, and the running maximum after each of them.

        pcm: float32 [240 + 160 t] on this module's device. running_max: float64 [], the maximum before these frames.
        Returns float32 [t, n_mels] and float64 [t].
        """
        config = self.config
        assert (pcm.shape[0] - config.left_context_samples) % config.hop_samples == 0, pcm.shape
        frames = pcm.unfold(0, config.n_fft, config.hop_samples).double() * self.window  # [t, n_fft]
        spectrum = torch.view_as_real(torch.fft.rfft(frames))  # [t, bins, 2]
        power = spectrum.square().sum(-1)
        log_mel = (power @ self.filters).clamp_min_(config.log_floor).log10_()  # [t, mels]
        maxima = log_mel.amax(1).cummax(0).values.clamp_min_(running_max)  # [t]
        mel = log_mel.maximum(maxima[:, None] - config.dynamic_range).add_(config.offset).div_(config.scale)
        return mel.float(), maxima
