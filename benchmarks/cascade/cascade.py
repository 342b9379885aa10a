"""One recording through the cascade, with the time of each stage; nothing overlaps, as in the agents it stands for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.cascade.parts import LanguageModel, Recogniser, first_sentence
from benchmarks.cascade.turn_end import FRAME_MS, START_FRAMES, stretches
from client_demo.audio_file import read_recording
from realtime.turns.detectors import VoiceDetector
from realtime.turns.listener import FRAME_SAMPLES
from tts_bridge import Voice, VoiceSettings, open_voice, ready_for_playout, spoken

RATE_HZ = 16_000
PER_MS = RATE_HZ // 1000
PLAYOUT_HZ = 48_000
# Silence behind the recording, in which the turn ends.
TAIL_MS = 1_000
# Pipecat hands the recogniser what came before the VAD was sure, too.
LEAD_FRAMES = START_FRAMES
MODELS = Path(__file__).resolve().parent.parent.parent / "models"
STAGES = ("vad_wait", "recognition", "first_token", "first_sentence", "voice")


@dataclass(frozen=True, slots=True)
class CascadeTurn:
    """One recording. `ttfp_eos_ms`: from the last voiced sample of the recording (the same energy gate as in
    `forethought measure`) to the first sentence's audio being there; the sum of `stages_ms`.

    vad_wait        last voiced sample → the VAD has heard 200 ms without voice (time of the recording, not of this
                    machine: the VAD itself takes 0.2 ms a frame)
    recognition     → Whisper has the whole transcript
    first_token     → the language model's first token
    first_sentence  → its first whole sentence
    voice           → that sentence as 48 kHz PCM

    `early_ends` counts silences inside the sentence that were long enough to end the turn: each is an answer into
    the middle of it. The figures are of the last end, which hears the whole recording.
    """

    file: str
    ttfp_eos_ms: float
    stages_ms: dict[str, float]
    transcript: str
    answer: str
    early_ends: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Cascade:
    """Loaded and warmed-up parts. Not for several tasks at a time."""

    def __init__(self) -> None:
        self._vad = VoiceDetector.load(MODELS / "vad")
        self._recogniser = Recogniser()
        self._language = LanguageModel()
        self._voice: Voice = open_voice(VoiceSettings())

    def warm_up(self) -> None:
        """Every stage three times, so that no recording pays for a first call."""
        asyncio.run(self._voice.warm_up())
        noise = (0.01 * np.random.default_rng(0).standard_normal(RATE_HZ)).astype(np.float32)
        for _ in range(3):
            self._recogniser.transcribe(noise)
            for _ in self._language.answer("What is two plus two?"):
                pass
            self._speak("Two plus two is four.")

    def run(self, file: Path) -> CascadeTurn | None:
        """`file` from end to end; None where the VAD hears no speech in it."""
        recording = read_recording(file, RATE_HZ)
        audio = np.concatenate([recording.pcm, np.zeros(TAIL_MS * PER_MS, np.int16)]).astype(np.float32)
        audio /= 32768
        heard = stretches(self._probabilities(audio))
        if not heard or not recording.voiced_ends.size:
            return None
        begin = max(0, heard[0].begin - LEAD_FRAMES) * FRAME_SAMPLES
        stop_ms = heard[-1].stop_ms
        said = np.ascontiguousarray(audio[begin : stop_ms * PER_MS])
        # A weak last sound may pass the gate and not the VAD; waiting cannot last less than nothing.
        marks = [max(0.0, stop_ms - int(recording.voiced_ends[-1]) / PER_MS)]
        begun = time.perf_counter()

        def mark() -> None:
            marks.append((time.perf_counter() - begun) * 1000)

        transcript = self._recogniser.transcribe(said)
        mark()
        writing = self._language.answer(transcript)
        text = next(writing, "")
        mark()
        while (sentence := first_sentence(text)) is None and (more := next(writing, None)) is not None:
            text = more
        mark()
        self._speak(sentence or text)
        mark()
        for text in writing:  # noqa: B007 - the rest of the answer, which is not timed
            pass
        wait, *ends = marks
        stages = [wait, *np.diff([0.0, *ends]).tolist()]
        return CascadeTurn(
            file=file.name,
            ttfp_eos_ms=round(sum(stages), 3),
            stages_ms={name: round(ms, 3) for name, ms in zip(STAGES, stages, strict=True)},
            transcript=transcript,
            answer=text.strip(),
            early_ends=len(heard) - 1,
        )

    def _probabilities(self, audio: npt.NDArray[np.float32]) -> list[float]:
        self._vad.reset()
        frames = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        return [self._vad.probability(frame) for frame in frames]

    def _speak(self, sentence: str) -> None:
        words = spoken(sentence).strip()
        if not words:
            return
        speech = asyncio.run(self._voice.synthesise(words))
        ready_for_playout(speech.samples, speech.sample_rate_hz, PLAYOUT_HZ, 0)


assert FRAME_MS * PER_MS == FRAME_SAMPLES
