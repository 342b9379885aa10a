"""How a voice sounds beside what it says: level, pitch and voicing of each 80 ms. It has no state and no weights.

Whisper's features discard how loud, how high and whose a voice is, so a decoder that reads only them can state such
things but not hear them. These numbers are measured in the samples themselves and given to the adapter beside the
encoder's frames. A number is written as the heights of overlapping bumps along its range ("soft one-hot"), which one
linear layer can read thresholds from.

Pitch is the normalised autocorrelation's peak (Boersma 1993, without its path search): the first of the peaks that are
nearly as high as the highest, which is what keeps it from an octave below.
"""

from __future__ import annotations

import torch
from torch import nn

LOWEST_HZ, HIGHEST_HZ = 60.0, 420.0
LEVELS_DB = (-70.0, -5.0, 14)  # first and last bump, how many
PITCHES_OCTAVES = (-0.7, 2.0, 16)  # above 100 Hz: 62 to 400 Hz
# A frame counts as voiced in proportion to how far its periodicity lies above this.
LEAST_PERIODICITY = 0.5
# A peak this close to the highest one, at a shorter period, is the period itself and the highest a multiple of it.
PEAK_SHARE = 0.87
_FLOOR = 1e-10

WIDTH = LEVELS_DB[2] + PITCHES_OCTAVES[2] + 1


class Prosody(nn.Module):
    """Samples to `WIDTH` numbers a frame.

    Args:
        frame_samples: samples of one frame, 1280 (80 ms).
        sample_rate_hz: 16 000.
    """

    level_bumps: torch.Tensor
    pitch_bumps: torch.Tensor

    def __init__(self, frame_samples: int, sample_rate_hz: int) -> None:
        super().__init__()
        self.frame_samples, self.sample_rate_hz = frame_samples, sample_rate_hz
        self.shortest = int(sample_rate_hz / HIGHEST_HZ)
        self.longest = int(sample_rate_hz / LOWEST_HZ) + 1
        # Arithmetic, no weights: never in a checkpoint. On the CPU even where the model is laid out without memory.
        self.register_buffer("level_bumps", torch.linspace(*LEVELS_DB, device="cpu"), persistent=False)
        self.register_buffer("pitch_bumps", torch.linspace(*PITCHES_OCTAVES, device="cpu"), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """float32 [..., n * frame_samples] in [-1, 1] -> float32 [..., n, WIDTH]."""
        return self.written(*self.measure(samples))

    def written(self, level_db: torch.Tensor, octaves: torch.Tensor, voicing: torch.Tensor) -> torch.Tensor:
        """What `measure` gives, each [..., n], as the adapter reads it: float32 [..., n, WIDTH]."""
        level = _bumps(level_db, self.level_bumps)
        pitch = _bumps(octaves, self.pitch_bumps) * voicing[..., None]
        return torch.cat([level, pitch, voicing[..., None]], -1)

    def measure(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Level in dB of full scale, pitch in octaves above 100 Hz, and voicing 0..1, each float32 [..., n]."""
        frames = samples.reshape(*samples.shape[:-1], -1, self.frame_samples)
        power = frames.square().mean(-1)
        level_db = 10.0 * torch.log10(power.clamp_min(_FLOOR))
        periodicity = self._periodicity(frames - frames.mean(-1, keepdim=True))
        best = periodicity.max(-1, keepdim=True).values
        is_peak = torch.zeros_like(periodicity, dtype=torch.bool)
        inner = periodicity[..., 1:-1]
        is_peak[..., 1:-1] = (inner >= periodicity[..., :-2]) & (inner >= periodicity[..., 2:])
        good = is_peak & (periodicity >= PEAK_SHARE * best)
        period = good.float().argmax(-1) + self.shortest  # the first of them
        octaves = torch.log2(self.sample_rate_hz / period.float() / 100.0)
        voicing = ((best[..., 0] - LEAST_PERIODICITY) / (1.0 - LEAST_PERIODICITY)).clamp(0.0, 1.0)
        return level_db, octaves, voicing * good.any(-1)

    def _periodicity(self, frames: torch.Tensor) -> torch.Tensor:
        """Correlation of each frame with itself a period later, -1..1, for every period from shortest to longest."""
        n = self.frame_samples
        spectrum = torch.fft.rfft(frames, 2 * n)
        correlation = torch.fft.irfft(spectrum.abs().square(), 2 * n)[..., self.shortest : self.longest + 1]
        energy = torch.nn.functional.pad(frames.square().cumsum(-1), (1, 0))  # [..., n + 1]
        lags = torch.arange(self.shortest, self.longest + 1, device=frames.device)
        early = energy[..., n - lags]  # of samples 0 .. n - lag
        late = energy[..., n, None] - energy[..., lags]  # of samples lag .. n
        periodicity: torch.Tensor = correlation / (early * late).sqrt().clamp_min(_FLOOR * n)
        return periodicity


def _bumps(value: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """Heights at `value` of Gaussian bumps one spacing wide: [...] -> [..., centres].

    Outside them the nearest one holds.
    """
    spacing = centres[1] - centres[0]
    inside = torch.minimum(torch.maximum(value, centres[0]), centres[-1])
    heights: torch.Tensor = torch.exp(-0.5 * ((inside[..., None] - centres) / spacing).square())
    return heights
