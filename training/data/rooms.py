"""What a room, a microphone and a line do to speech: echo, noise, level, band, clipping, silence around. Pure.

Knows signals as float32 [n] at 16 kHz and draws from the generator it is given; no words, no items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from training.data import sounds
from training.items import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.float32]

LEVEL_DBFS = (-35.0, -10.0)  # RMS over the speech
LEAD_S = (0.1, 0.8)
TRAIL_S = (0.1, 0.6)
_FULL_SCALE = 0.99


@dataclass(frozen=True, slots=True)
class Room:
    """One recording situation, drawn once.

    level_dbfs: RMS of the speech; None leaves it as the voice made it.
    snr_db: None where there is only the microphone's own faint noise; noise: which kind.
    reverb_s: time for the echo to fall by 60 dB; 0 is a dry room. wet: the echo's share.
    """

    level_dbfs: float | None = -22.0
    reverb_s: float = 0.0
    wet: float = 0.0
    snr_db: float | None = None
    noise: str = "pink"
    telephone: bool = False
    tilt_db: float = 0.0
    clip: float = 0.0
    bits: int = 16
    lead_s: float = 0.3
    trail_s: float = 0.3
    pause_s: float = 0.0


CLEAN = Room()


def draw(rng: np.random.Generator, *, noisy: float = 0.55) -> Room:
    """A room as people have them; `noisy` is the share with an audible background."""
    has_noise = rng.random() < noisy
    reverberant = rng.random() < 0.55
    return Room(
        level_dbfs=float(np.clip(rng.normal(-23, 6), *LEVEL_DBFS)),
        reverb_s=float(np.exp(rng.uniform(np.log(0.12), np.log(0.9)))) if reverberant else 0.0,
        wet=float(rng.uniform(0.1, 0.7)),
        snr_db=float(np.clip(rng.normal(18, 9), 0, 40)) if has_noise else None,
        noise=str(rng.choice(sounds.NOISES, p=sounds.NOISE_SHARES)),
        telephone=bool(rng.random() < 0.12),
        tilt_db=float(rng.normal(0, 4)) if rng.random() < 0.6 else 0.0,
        clip=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.05 else 0.0,
        bits=int(rng.choice([8, 10, 12])) if rng.random() < 0.06 else 16,
        lead_s=float(rng.uniform(*LEAD_S)),
        trail_s=float(rng.uniform(*TRAIL_S)),
        pause_s=float(rng.uniform(0.2, 0.9)) if rng.random() < 0.1 else 0.0,
    )


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.dot(samples, samples) / max(len(samples), 1)) + 1e-9)


def level_dbfs(samples: Samples) -> float:
    """RMS against full scale, in dB."""
    return 20 * float(np.log10(rms(samples)))


def echo(rng: np.random.Generator, reverb_s: float, wet: float) -> Samples:
    """An impulse response: the direct sound, a few early reflections, a decaying tail darker than it."""
    length = max(int(min(reverb_s, 1.2) * SAMPLE_RATE_HZ), 160)
    time = np.arange(length, dtype=np.float32) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(length, dtype=np.float32) * np.exp(-6.9 * time / reverb_s).astype(np.float32)
    tail = signal.lfilter([0.45], [1.0, -float(rng.uniform(0.2, 0.75))], tail).astype(np.float32)
    tail[: int(rng.uniform(0.002, 0.02) * SAMPLE_RATE_HZ)] = 0.0
    for _ in range(int(rng.integers(2, 7))):  # walls, table, ceiling
        place = int(rng.uniform(0.001, 0.03) * SAMPLE_RATE_HZ)
        if place < length:
            tail[place] += rng.uniform(-1, 1) * 3
    tail *= wet / (np.sqrt(float(np.dot(tail, tail))) + 1e-9)
    tail[0] += 1.0
    return np.asarray(tail, np.float32)


def _convolve(samples: Samples, response: Samples) -> Samples:
    """The first len(samples) of the full convolution: nothing becomes later."""
    size = fft.next_fast_len(len(samples) + len(response), real=True)
    product = fft.rfft(samples, size) * fft.rfft(response, size)
    return np.asarray(fft.irfft(product, size)[: len(samples)], np.float32)


def _shape(samples: Samples, room: Room) -> Samples:
    """Tilt and telephone band at once, in the spectrum (zero phase, so words stay where they are)."""
    if not room.telephone and room.tilt_db == 0.0:
        return samples
    size = fft.next_fast_len(len(samples), real=True)
    spectrum = fft.rfft(samples, size)
    hz = np.linspace(0, SAMPLE_RATE_HZ / 2, len(spectrum), dtype=np.float32)
    gain = 10 ** (room.tilt_db * (hz / 4000 - 1) / 20)
    if room.telephone:
        gain *= 1 / (1 + (300 / np.maximum(hz, 1)) ** 8) / (1 + (hz / 3400) ** 16)
    return np.asarray(fft.irfft(spectrum * gain, size)[: len(samples)], np.float32)


def _with_pause(
    samples: Samples, ends: tuple[int, ...], room: Room, rng: np.random.Generator
) -> tuple[Samples, tuple[int, ...]]:
    """A pause between two words, where the voice is quiet near a word's end."""
    if room.pause_s <= 0 or len(ends) < 4:
        return samples, ends
    word = int(rng.integers(1, len(ends) - 2))
    around = ends[word] * SAMPLE_RATE_HZ // 1000
    first, last = max(around - 1600, 0), min(around + 1600, len(samples) - 160)
    if last - first < 640:
        return samples, ends
    power = np.convolve(samples[first:last] ** 2, np.ones(320, np.float32) / 320, "valid")
    cut = first + int(power.argmin()) + 160
    added_ms = int(room.pause_s * 1000)
    gap = np.zeros(added_ms * SAMPLE_RATE_HZ // 1000, np.float32)
    moved = (
        *(min(e, cut * 1000 // SAMPLE_RATE_HZ) for e in ends[: word + 1]),
        *(e + added_ms for e in ends[word + 1 :]),
    )
    return np.concatenate([samples[:cut], gap, samples[cut:]]), tuple(moved)


def place(
    speech: Samples, ends: tuple[int, ...], room: Room, rng: np.random.Generator, babble: Samples | None = None
) -> tuple[Samples, tuple[int, ...]]:
    """Speech in its room. Returns float32 [m] within full scale and the word ends, moved by what came before them.

    babble: other people's speech for `noise == "babble"`, any length; None takes a made one.
    """
    speech, ends = _with_pause(speech, ends, room, rng)
    lead, trail = int(room.lead_s * SAMPLE_RATE_HZ), int(room.trail_s * SAMPLE_RATE_HZ)
    spoken = slice(lead, lead + len(speech))
    out = np.zeros(lead + len(speech) + trail, np.float32)
    out[spoken] = speech
    if room.reverb_s > 0:
        out = _convolve(out, echo(rng, room.reverb_s, room.wet))
    out = _shape(out, room)
    loudness = rms(out[spoken])
    faint = loudness * 10 ** (-float(rng.uniform(42, 62)) / 20)
    out += faint * rng.standard_normal(len(out), dtype=np.float32)
    if room.snr_db is not None:
        noise = sounds.noise(room.noise, len(out), rng, babble)
        out += noise * (loudness * 10 ** (-room.snr_db / 20) / rms(noise))
    if room.level_dbfs is not None:
        out *= 10 ** (room.level_dbfs / 20) / rms(out[spoken])
    if room.clip > 0:
        ceiling = room.clip * float(np.abs(out).max())
        np.clip(out, -ceiling, ceiling, out=out)
    if room.bits < 16:
        steps = 2.0 ** (room.bits - 1) / max(float(np.abs(out).max()), 1e-6)
        out = np.asarray(np.round(out * steps) / steps, np.float32)
    peak = float(np.abs(out).max())
    if peak > _FULL_SCALE:
        # Softly: a loud voice stays loud, its peaks bend.
        out = np.tanh(out * (1 / _FULL_SCALE)) * _FULL_SCALE if peak < 4 else out * (_FULL_SCALE / peak)
    lead_ms = lead * 1000 // SAMPLE_RATE_HZ
    return np.asarray(out, np.float32), tuple(end + lead_ms for end in ends)


def to_int16(samples: Samples) -> npt.NDArray[np.int16]:
    return (np.clip(samples, -1.0, 1.0) * 32_767).astype(np.int16)
