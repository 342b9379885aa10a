"""Sounds that are not speech: noises, music, hum, beeps, claps, tones, sweeps. Pure, from a generator of numbers.

float32 [n] at 16 kHz. Knows nothing of questions about them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from training.items import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.float32]

NOISES = ("white", "pink", "brown", "babble", "hum", "music", "keyboard", "fan")
NOISE_SHARES = (0.1, 0.24, 0.14, 0.2, 0.06, 0.1, 0.08, 0.08)
_SLOPES = {"white": 0.0, "pink": 0.5, "brown": 1.0, "fan": 0.8}
_SCALE = (0, 2, 4, 5, 7, 9, 11, 12)


def coloured(slope: float, length: int, rng: np.random.Generator) -> Samples:
    """Noise whose amplitude falls as f^-slope; RMS about 1."""
    size = fft.next_fast_len(max(length, 2), real=True)
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    hz = np.arange(len(spectrum), dtype=np.float32)
    hz[0] = 1.0
    spectrum *= np.maximum(hz, size * 60 / SAMPLE_RATE_HZ) ** -slope
    out = fft.irfft(spectrum, size)[:length]
    return np.asarray(out / (np.std(out) + 1e-9), np.float32)


def fade(samples: Samples, ms: int = 8) -> Samples:
    """With its first and last ms sloped, so that it does not click."""
    edge = min(ms * SAMPLE_RATE_HZ // 1000, len(samples) // 2)
    if edge:
        slope = np.linspace(0, 1, edge, dtype=np.float32)
        samples[:edge] *= slope
        samples[-edge:] *= slope[::-1]
    return samples


def tone(hz: float, seconds: float, rng: np.random.Generator, harmonics: int = 1) -> Samples:
    time = np.arange(int(seconds * SAMPLE_RATE_HZ), dtype=np.float32) / SAMPLE_RATE_HZ
    out = np.zeros(len(time), np.float32)
    for k in range(1, harmonics + 1):
        if k * hz < SAMPLE_RATE_HZ / 2:
            out += np.sin(2 * np.pi * k * hz * time + rng.uniform(0, 6.28)).astype(np.float32) / k
    return fade(out / max(float(np.abs(out).max()), 1e-6))


def sweep(first_hz: float, last_hz: float, seconds: float) -> Samples:
    """A tone that glides, on a logarithmic scale."""
    length = int(seconds * SAMPLE_RATE_HZ)
    hz = first_hz * (last_hz / first_hz) ** np.linspace(0, 1, length)
    return fade(np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ).astype(np.float32), 20)


def clap(rng: np.random.Generator) -> Samples:
    """A burst of noise in the mid band that dies within 60 ms or so."""
    length = int(0.18 * SAMPLE_RATE_HZ)
    time = np.arange(length, dtype=np.float32) / SAMPLE_RATE_HZ
    out = coloured(0.2, length, rng) * np.exp(-time / rng.uniform(0.006, 0.02)).astype(np.float32)
    return np.asarray(out / np.abs(out).max(), np.float32)


def music(length: int, rng: np.random.Generator) -> Samples:
    """A wandering tune over slow chords, in one key."""
    out = np.zeros(length, np.float32)
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    beat_s = float(rng.uniform(0.18, 0.5))
    step = int(beat_s * SAMPLE_RATE_HZ)
    harmonics = int(rng.integers(2, 7))
    for index, start in enumerate(range(0, length, step)):
        degree = int(rng.choice(_SCALE))
        notes = [(2 * root * 2 ** (degree / 12), beat_s * 1.2, 0.7)]
        if index % 4 == 0:
            chord = int(rng.choice([0, 5, 7]))
            notes += [(root * 2 ** ((chord + k) / 12), beat_s * 4, 0.35) for k in (0, 4, 7)]
        for hz, seconds, loud in notes:
            note = tone(hz, seconds, rng, harmonics)
            note *= np.exp(-np.linspace(0, 3, len(note), dtype=np.float32)) * loud
            end = min(start + len(note), length)
            out[start:end] += note[: end - start]
    return np.asarray(out / (np.std(out) + 1e-9), np.float32)


def hum(length: int, rng: np.random.Generator) -> Samples:
    """Mains: 50 or 60 Hz with its overtones, as from a transformer."""
    time = np.arange(length, dtype=np.float32) / SAMPLE_RATE_HZ
    base = float(rng.choice([50.0, 60.0]))
    out = np.zeros(length, np.float32)
    for k in range(1, 9):
        out += (rng.uniform(0.1, 1) / k**0.7 * np.sin(2 * np.pi * base * k * time + rng.uniform(0, 6.28))).astype(
            np.float32
        )
    return np.asarray(out / (np.std(out) + 1e-9), np.float32)


def keyboard(length: int, rng: np.random.Generator) -> Samples:
    """Keys pressed in bursts."""
    out = np.zeros(length, np.float32)
    at = int(rng.uniform(0, 0.3) * SAMPLE_RATE_HZ)
    while at < length:
        click = clap(rng)[: int(rng.uniform(0.01, 0.04) * SAMPLE_RATE_HZ)] * rng.uniform(0.3, 1)
        end = min(at + len(click), length)
        out[at:end] += click[: end - at].astype(np.float32)
        at += int((rng.uniform(0.06, 0.25) if rng.random() < 0.85 else rng.uniform(0.4, 1.2)) * SAMPLE_RATE_HZ)
    return np.asarray(out / (np.std(out) + 1e-9), np.float32)


def murmur(length: int, rng: np.random.Generator) -> Samples:
    """Where no other people's speech is at hand: noise with the band and the syllables of many voices."""
    size = length // 1600 + 2
    envelope = np.interp(np.arange(length), np.arange(size) * 1600, rng.uniform(0.2, 1, size)).astype(np.float32)
    return coloured(0.7, length, rng) * envelope


def noise(kind: str, length: int, rng: np.random.Generator, babble: Samples | None = None) -> Samples:
    """One of NOISES, RMS about 1, `length` samples."""
    match kind:
        case "babble" if babble is not None and len(babble) > SAMPLE_RATE_HZ // 2:
            start = int(rng.integers(0, len(babble)))
            return np.asarray(np.resize(np.roll(babble, -start), length), np.float32)
        case "babble":
            return murmur(length, rng)
        case "hum":
            return hum(length, rng)
        case "music":
            return music(length, rng)
        case "keyboard":
            return keyboard(length, rng)
        case _:
            return coloured(_SLOPES[kind], length, rng)
