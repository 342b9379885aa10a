"""The embedded voice: hibari, a small English model in this process, on one thread of its own.

Knows hibari's API and nothing of sessions. Most of its time is inside onnxruntime and numpy, which give the
interpreter back while they compute; `benchmarks/voice.py` measures what is left for the event loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tts_bridge.errors import BadSpeech, VoiceMisconfigured, VoiceOverloaded, VoiceUnavailable
from tts_bridge.voice import Pcm, Samples, clamp_speed, speech

DEFAULT_SPEAKER = "heart"
SAMPLE_RATE_HZ = 24_000

# At about 20 ms a clause the last one in this queue waits two thirds of a second; beyond that, say so instead.
MAX_WAITING = 32

# Its noise component is random by default; the same words should sound the same, in tests and to people.
_SEED = 0
# What hibari accepts; outside it the durations become nonsense.
_MIN_SPEED, _MAX_SPEED = 0.5, 2.0


class HibariVoice:
    """hibari behind the `Voice` protocol. The model is loaded by `warm_up` or by the first text."""

    def __init__(self, speaker: str = "", *, allow_download: bool = False) -> None:
        self.name = "hibari"
        self.sample_rate_hz = SAMPLE_RATE_HZ
        self._speaker = speaker or DEFAULT_SPEAKER
        self._allow_download = allow_download
        self._tts: Any = None
        self._waiting = 0
        # One thread: a clause is short, two at a time would each take twice as long, and hibari promises no more.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voice-hibari")

    async def warm_up(self) -> None:
        await self.synthesise("Hello there, this is a warm up.")

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        if self._waiting >= MAX_WAITING:
            raise VoiceOverloaded(f"{MAX_WAITING} clauses are waiting for the hibari voice already", voice=self.name)
        self._waiting += 1
        loop = asyncio.get_running_loop()
        try:
            # Cancelling takes back a text that has not begun; one that has runs out its few milliseconds unheard.
            samples = await loop.run_in_executor(self._executor, self._speak, text, clamp_speed(speed))
        finally:
            self._waiting -= 1
        return speech(samples, SAMPLE_RATE_HZ, self.name)

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _speak(self, text: str, speed: float) -> Samples:
        """On the voice's thread. int16 [n], n may be 0."""
        if self._tts is None:
            self._tts = self._load()
        try:
            wave = self._tts(text, speed=min(_MAX_SPEED, max(_MIN_SPEED, speed)), seed=_SEED)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            # Not `from error`: its text may hold what was to be said.
            raise BadSpeech(f"hibari failed with {type(error).__name__}", voice=self.name) from None
        if not np.isfinite(wave).all():
            raise BadSpeech("hibari returned samples that are not finite", voice=self.name)
        samples: Samples = (np.clip(wave, -1.0, 1.0) * 32_767).astype(np.int16)
        return samples

    def _load(self) -> Any:
        try:
            from hibari import Hibari  # noqa: PLC0415 — a server that speaks with another voice doesn't load it
            from hibari.voices import VOICES, voice_path  # noqa: PLC0415
        except ImportError as error:
            raise VoiceUnavailable("hibari-tts is not installed: pip install hibari-tts", voice=self.name) from error
        if self._speaker not in VOICES:
            known = ", ".join(VOICES)
            raise VoiceMisconfigured(f"hibari has no speaker {self._speaker!r}: use one of {known}", voice=self.name)
        try:
            voice_path(self._speaker, download_missing=self._allow_download)
            return Hibari(voice=self._speaker)
        except FileNotFoundError as error:
            message = f"hibari speaker {self._speaker!r} is not on this machine: allow its download, or use 'heart'"
            raise VoiceUnavailable(message, voice=self.name) from error
        except (OSError, RuntimeError) as error:
            raise VoiceUnavailable(f"hibari could not be loaded: {error}", voice=self.name) from error
