"""What a voice is: text in, PCM out. Knows no voice by name; `catalogue.py` opens them.

A voice is shared by every session of the server. It owns whatever it needs (a model, a process, a connection),
never blocks the event loop, and may be cancelled at any await.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tts_bridge.errors import BadSpeech, EmptySpeech
from tts_bridge.levels import is_noise, trim_silence

Samples = npt.NDArray[np.int16]

# Two minutes of one clause is a broken voice, not a long sentence; it also bounds what a server can make us hold.
MAX_CLAUSE_S = 120

# A sentence end needs about this much silence after it; nothing after it is kept from a voice.
KEPT_TRAILING_MS = 220


@dataclass(frozen=True, slots=True, eq=False)
class Pcm:
    """Mono speech. `samples` is int16 [n], n ≥ 1, at `sample_rate_hz`."""

    samples: Samples
    sample_rate_hz: int

    def __post_init__(self) -> None:
        assert self.samples.ndim == 1, f"Pcm wants [samples], got shape {self.samples.shape}"
        assert self.samples.dtype == np.int16, f"Pcm wants int16, got {self.samples.dtype}"
        assert self.sample_rate_hz > 0, f"Pcm wants a sample rate, got {self.sample_rate_hz}"

    @property
    def duration_ms(self) -> float:
        return 1000 * len(self.samples) / self.sample_rate_hz


@runtime_checkable
class Voice(Protocol):
    """Anything that can speak."""

    @property
    def name(self) -> str: ...

    @property
    def sample_rate_hz(self) -> int:
        """The rate to expect. What a `Pcm` says about itself is what counts (a fallback may differ)."""
        ...

    async def warm_up(self) -> None:
        """Load and speak once, so that the first clause of a session costs what every clause costs.

        Raises VoiceFailure when the voice cannot speak at all.
        """
        ...

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        """Speak `text` (already in spoken form) at `speed` (1.0 is natural, 0.25 to 4.0).

        Leading silence is ≤ 10 ms, trailing silence ≤ 220 ms. Raises VoiceFailure.
        """
        ...

    async def close(self) -> None:
        """Give back what the voice owns. It does not speak afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Which voice, and what it needs. `api_key` never appears in a repr, a log or an error."""

    kind: Literal["hibari", "espeak", "openai"] = "hibari"
    speaker: str = ""  # hibari: "heart"…; espeak: "en-us"…; openai: the server's voice name. "" is the kind's own.
    fallback: bool = True  # put espeak-ng behind it, where it is installed
    timeout_s: float = 2.0  # for one clause, after which the fallback speaks
    url: str = ""  # openai: the API's base, such as http://localhost:8000/v1
    model: str = "tts-1"  # openai
    response_format: Literal["pcm", "wav"] = "pcm"  # openai
    pcm_rate_hz: int = 24_000  # openai: the rate of raw "pcm" answers
    api_key: str = field(default="", repr=False)
    allow_download: bool = False  # hibari: fetch a voice that is not in the package
    program: str = "espeak-ng"  # espeak


def clamp_speed(speed: float) -> float:
    """The wire allows any number; voices stay understandable between a quarter and four times their pace."""
    return min(4.0, max(0.25, speed))


def speech(samples: Samples, sample_rate_hz: int, voice: str) -> Pcm:
    """Raw output of a voice, int16 [n], as a trimmed `Pcm`.

    Raises EmptySpeech when nothing is audible, BadSpeech when it is loud noise or longer than any clause can be.
    """
    if len(samples) > MAX_CLAUSE_S * sample_rate_hz:
        raise BadSpeech(f"{voice} returned more than {MAX_CLAUSE_S} s of audio for one clause", voice=voice)
    if is_noise(samples):
        raise BadSpeech(f"{voice} returned loud noise: not 16-bit PCM?", voice=voice)
    trimmed = trim_silence(samples, sample_rate_hz, trailing_ms=KEPT_TRAILING_MS)
    if not len(trimmed):
        raise EmptySpeech(f"{voice} returned no audible sound", voice=voice)
    return Pcm(trimmed, sample_rate_hz)
