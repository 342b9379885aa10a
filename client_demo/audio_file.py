"""A sound file as mono int16 samples at the rate a wire wants, and a received reply as a WAV. Knows no wire.

Reading goes through PyAV (FFmpeg), so any WAV can be asked (8 to 32 bit, float, A-law, several channels, headers
that lie about their length) and most other formats too.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soxr

from client_demo.errors import AudioFileFailure, EmptyFile, FileTooLong, NoFrames, NotAudio
from client_demo.speech_gate import GATE_FRAME_MS, Pcm, voiced_ends

# The longest session that the protocol knows; a longer file could not be asked in one.
MAX_FILE_S = 60 * 60


@dataclass(frozen=True, slots=True)
class Recording:
    """Something to say: int16 [n] mono at `sample_rate_hz`, and the ends of its voiced 10 ms frames in samples."""

    name: str
    pcm: Pcm
    sample_rate_hz: int
    voiced_ends: npt.NDArray[np.int64]

    def until(self, speech_end_ms: int | None) -> Recording:
        """The same with nothing voiced behind `speech_end_ms`; None changes nothing."""
        if speech_end_ms is None:
            return self
        is_speech = self.voiced_ends <= speech_end_ms * self.sample_rate_hz // 1000
        return replace(self, voiced_ends=self.voiced_ends[is_speech])

    @property
    def duration_ms(self) -> float:
        return self.pcm.size * 1000 / self.sample_rate_hz

    @property
    def longest_pause_ms(self) -> float:
        """The longest silence between two voiced frames; 0 where there is none."""
        gaps = np.diff(self.voiced_ends) * 1000 / self.sample_rate_hz - GATE_FRAME_MS
        return float(gaps.max(initial=0.0))


def recording_of(name: str, pcm: Pcm, sample_rate_hz: int) -> Recording:
    """A `Recording` of samples that we already hold (int16 [n])."""
    return Recording(name, pcm, sample_rate_hz, voiced_ends(pcm, sample_rate_hz))


def resample(pcm: Pcm, from_hz: int, to_hz: int) -> Pcm:
    """`pcm` (int16 [n]) at another rate: int16 [n · to / from, rounded]."""
    if from_hz == to_hz or pcm.size == 0:
        return pcm
    floats = soxr.resample(pcm.astype(np.float32), from_hz, to_hz)
    return np.asarray(np.clip(np.rint(floats), -32768, 32767), dtype=np.int16)


def read_recording(path: Path, sample_rate_hz: int) -> Recording:
    """Read `path` as mono at `sample_rate_hz`.

    Raises `EmptyFile`, `NotAudio`, `NoFrames`, `FileTooLong`, or `AudioFileFailure` where it cannot be opened.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioFileFailure(f"{path} cannot be read: {error.strerror}. Give the path of a sound file.") from error
    if size == 0:
        raise EmptyFile(f"{path} is empty (0 bytes): nothing was recorded. Record it again.")
    try:
        native, native_hz = _decode(path)
    except av.FFmpegError as error:
        raise NotAudio(f"{path} is not a sound file that can be decoded. Give a WAV.") from error
    except OSError as error:
        raise AudioFileFailure(f"{path} cannot be read: {error.strerror or 'unreadable'}.") from error
    if native.size == 0:
        raise NoFrames(f"{path} is a sound file without a single sample. Record it again.")
    pcm = resample(native, native_hz, sample_rate_hz)
    return recording_of(path.name, pcm, sample_rate_hz)


def _decode(path: Path) -> tuple[Pcm, int]:
    blocks: list[Pcm] = []
    samples = 0
    with av.open(str(path), mode="r", metadata_errors="replace") as container:
        if not container.streams.audio:
            raise NotAudio(f"{path} holds no audio stream. Give a WAV.")
        stream = container.streams.audio[0]
        native_hz = stream.rate
        if not native_hz:
            raise NotAudio(f"{path} does not say its sample rate. Give a WAV.")
        to_mono = av.AudioResampler(format="s16", layout="mono", rate=native_hz)
        for frame in container.decode(stream):
            for block in to_mono.resample(frame):
                blocks.append(np.asarray(block.to_ndarray()[0], dtype=np.int16))
                samples += blocks[-1].size
            if samples > MAX_FILE_S * native_hz:
                raise FileTooLong(f"{path} is longer than {MAX_FILE_S // 60} minutes, which is all a session may last.")
    return (np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int16)), native_hz


def write_wav(path: Path, pcm: Pcm, sample_rate_hz: int) -> None:
    """Write `pcm` (int16 [n]) as a mono 16 bit WAV."""
    try:
        with path.open("wb") as file, wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(sample_rate_hz)
            out.writeframes(pcm.astype("<i2").tobytes())
    except OSError as error:
        raise AudioFileFailure(f"{path} cannot be written: {error.strerror}.") from error
