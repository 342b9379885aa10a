"""Any sound file in, mono int16 out; and each way in which a file can be none, in plain words."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from client_demo.audio_file import read_recording, recording_of, resample, write_wav
from client_demo.errors import AudioFileFailure, EmptyFile, ExitCode, NoFrames, NotAudio

SAMPLES = Path(__file__).parent.parent / "models/embedded/samples"


def wav(path: Path, data: bytes, *, rate: int = 16_000, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(data)
    return path


def sine(rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 300 * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize("rate", [24_000, 48_000])
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("0[0-3]*.wav")), ids=lambda path: path.stem)
def test_a_sample_keeps_its_length_and_its_end_of_speech(path: Path, rate: int) -> None:
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
    native, wide = read_recording(path, 16_000), read_recording(path, rate)
    assert wide.pcm.dtype == np.int16 and wide.pcm.size == pytest.approx(seconds * rate, abs=2)
    end_ms = native.voiced_ends[-1] / 16
    assert wide.voiced_ends[-1] * 1000 / rate == pytest.approx(end_ms, abs=10)
    assert 0 < end_ms <= wide.duration_ms + 1


@pytest.mark.parametrize(("width", "scale"), [(1, 127), (2, 32767), (4, 2**31 - 1)])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_any_width_rate_and_number_of_channels_is_read(
    tmp_path: Path, width: int, scale: int, channels: int, rate: int
) -> None:
    samples = np.repeat(sine(rate), channels) * scale
    data = (samples + 128).astype(np.uint8) if width == 1 else samples.astype(f"<i{width}")
    recording = read_recording(
        wav(tmp_path / "a.wav", data.tobytes(), rate=rate, channels=channels, width=width), 24_000
    )
    assert recording.pcm.size == pytest.approx(12_000, abs=2)
    assert np.sqrt(np.mean((recording.pcm[1000:-1000] / 32768.0) ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_float_samples_and_a_header_that_lies_about_its_length_are_read(tmp_path: Path) -> None:
    data = sine(16_000).astype("<f4").tobytes()
    fmt = struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
    endless = struct.pack("<I", 0xFFFFFFFF)
    path = tmp_path / "float.wav"
    path.write_bytes(b"RIFF" + endless + b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + endless + data)
    assert read_recording(path, 16_000).pcm.size == 8_000


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(EmptyFile, match="0 bytes") as caught:
        read_recording(path, 24_000)
    assert caught.value.exit_code == ExitCode.AUDIO_FILE == 6


@pytest.mark.parametrize("content", [b"hello, this is a text", b"RIFF\x00\x00\x00\x00WAVE", bytes(range(256)) * 20])
def test_what_is_no_audio_is_called_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(NotAudio):
        read_recording(path, 24_000)


def test_a_file_without_samples_is_called_so(tmp_path: Path) -> None:
    with pytest.raises((NoFrames, NotAudio)):
        read_recording(wav(tmp_path / "none.wav", b""), 24_000)


def test_a_missing_file_and_a_folder_are_called_so(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.wav", tmp_path):
        with pytest.raises(AudioFileFailure):
            read_recording(path, 24_000)


def test_resampling_keeps_the_length_and_does_not_wrap_at_full_scale() -> None:
    square = np.where(np.arange(16_000) // 40 % 2, 32767, -32768).astype(np.int16)
    wide = resample(square, 16_000, 48_000)
    assert wide.size == 48_000
    assert np.mean(np.sign(wide[::3].astype(float)) == np.sign(square.astype(float))) > 0.95


def test_a_written_reply_reads_back(tmp_path: Path) -> None:
    pcm = (sine(24_000) * 32767).astype(np.int16)
    write_wav(tmp_path / "reply.wav", pcm, 24_000)
    assert np.array_equal(read_recording(tmp_path / "reply.wav", 24_000).pcm, pcm)
    with pytest.raises(AudioFileFailure, match="cannot be written"):
        write_wav(tmp_path / "no" / "such" / "reply.wav", pcm, 24_000)


def test_what_is_heard_behind_the_end_of_speech_is_no_speech() -> None:
    recording = read_recording(SAMPLES / "00_add_piper.wav", 16_000)
    end_ms = int(recording.voiced_ends[-1]) // 16
    cut = recording.until(end_ms - 200)
    assert cut.pcm is recording.pcm and 0 < int(cut.voiced_ends[-1]) <= (end_ms - 200) * 16
    assert recording.until(None) is recording
    assert np.array_equal(recording.until(end_ms + 1).voiced_ends, recording.voiced_ends)


def test_the_longest_pause_is_that_between_two_voiced_frames() -> None:
    tone = (8_000 * np.sin(np.arange(4_800) * 0.2)).astype(np.int16)  # 300 ms
    pcm = np.concatenate([np.zeros(8_000, np.int16), tone, np.zeros(8_000, np.int16), tone, np.zeros(16_000, np.int16)])
    assert recording_of("two", pcm, 16_000).longest_pause_ms == pytest.approx(500, abs=20)
    assert recording_of("quiet", pcm[:8_000], 16_000).longest_pause_ms == 0
    assert recording_of("one", tone, 16_000).longest_pause_ms == 0
