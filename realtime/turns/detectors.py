"""The models behind the votes: voice activity per frame, end of turn per pause. Knows PCM in, a probability out.

Shells, called from an executor thread, never from the event loop. Each instance is thread-safe (a lock guards a
stream's state; onnxruntime sessions are thread-safe themselves). One thread per session: on a small machine two
threads of a 2 MB network only wait for each other, and for everybody else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
import webrtcvad
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from realtime.errors import CheckpointError
from realtime.turns.decisions import SAMPLE_RATE_HZ, level_dbfs
from realtime.turns.listener import FRAME_SAMPLES, as_float32, as_int16
from realtime.turns.logmel import front_padded, log_mel
from realtime.turns.manifest import read_verified

VAD_FILE = "silero_vad_16k.onnx"
ENDPOINT_FILE = "smart-turn-v3.2-cpu.onnx"

Float32 = npt.NDArray[np.float32]


class FrameDetector(Protocol):
    """Voice activity of one stream, frame by frame."""

    def probability(self, frame: Float32) -> float:
        """How likely the frame (float32 [FRAME_SAMPLES], full scale 1.0) is voice, 0..1. Frames come in order."""
        ...

    def reset(self) -> None:
        """Begin a new stream."""
        ...

    def stream(self) -> FrameDetector:
        """A detector of the same model for another stream."""
        ...


def open_session(path: Path) -> Any:
    """An onnxruntime session on one thread for a file whose hash is right. Raises `CheckpointError`."""
    content = read_verified(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The end-of-turn model's arena would hold 20 MB from its first answer on.
    options.enable_cpu_mem_arena = False
    # A spinning pool would take a core from the playout between frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (
        onnx_errors.Fail,
        onnx_errors.InvalidProtobuf,
        onnx_errors.InvalidGraph,
        onnx_errors.NotImplemented,
    ) as error:
        raise CheckpointError(f"{path} cannot be opened by onnxruntime {onnxruntime.__version__}") from error


class VoiceDetector:
    """Silero VAD 6 for one stream: LSTM state [2, 1, 128] and the 64 samples before the frame.

    `stream()` gives further streams of the same weights.
    """

    CONTEXT_SAMPLES = 64
    STATE_SHAPE = (2, 1, 128)
    _RATE = np.array(SAMPLE_RATE_HZ, dtype=np.int64)

    def __init__(self, session: Any) -> None:
        self._session = session
        self._lock = threading.Lock()
        self.reset()

    @classmethod
    def load(cls, directory: Path) -> VoiceDetector:
        """The model of `directory` (models/vad). Raises `CheckpointError`."""
        return cls(open_session(directory / VAD_FILE))

    def stream(self) -> VoiceDetector:
        return VoiceDetector(self._session)

    def reset(self) -> None:
        with self._lock:
            self._state = np.zeros(self.STATE_SHAPE, dtype=np.float32)
            self._input = np.zeros((1, self.CONTEXT_SAMPLES + FRAME_SAMPLES), dtype=np.float32)

    def probability(self, frame: Float32) -> float:
        assert frame.shape == (FRAME_SAMPLES,), f"a frame has {FRAME_SAMPLES} samples, not {frame.shape}"
        with self._lock:
            self._input[0, : self.CONTEXT_SAMPLES] = self._input[0, -self.CONTEXT_SAMPLES :]
            self._input[0, self.CONTEXT_SAMPLES :] = frame
            feeds = {"input": self._input, "state": self._state, "sr": self._RATE}
            output, self._state = self._session.run(None, feeds)
        return float(output[0, 0])


class WebRtcVoiceDetector:
    """The smallest fallback: WebRTC's Gaussian-mixture VAD, no weights.

    It judges 10 ms blocks yes or no; a frame's probability is the share of yes among the blocks it completed. It
    takes hard clicks for voice, which Silero does not (docs/turns.md).
    """

    BLOCK_SAMPLES = 160
    # 0..3; 3 lets the least noise through.
    AGGRESSIVENESS = 3

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def stream(self) -> WebRtcVoiceDetector:
        return WebRtcVoiceDetector()

    def reset(self) -> None:
        with self._lock:
            self._vad = webrtcvad.Vad(self.AGGRESSIVENESS)
            self._rest = np.zeros(0, dtype=np.int16)

    def probability(self, frame: Float32) -> float:
        with self._lock:
            pcm = np.concatenate([self._rest, as_int16(frame)])
            blocks = len(pcm) // self.BLOCK_SAMPLES
            self._rest = pcm[blocks * self.BLOCK_SAMPLES :]
            voiced = [
                self._vad.is_speech(
                    pcm[i * self.BLOCK_SAMPLES : (i + 1) * self.BLOCK_SAMPLES].tobytes(), SAMPLE_RATE_HZ
                )
                for i in range(blocks)
            ]
        return sum(voiced) / blocks if blocks else 0.0


class QuickDetector:
    """Voice, yes or no, in 10 ms blocks: WebRTC's VAD for those who cannot wait for a frame. Some 10 µs a block."""

    BLOCK_SAMPLES = 160
    # 0..3. Its onset is what counts here; what it takes wrongly for voice only ducks an answer.
    AGGRESSIVENESS = 2

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(self.AGGRESSIVENESS)
        self._rest = np.zeros(0, dtype=np.int16)
        self._at_sample = 0

    def skip(self, samples: int) -> None:
        """Leave `samples` unheard; what is left of an unfinished block goes with them."""
        self._at_sample += len(self._rest) + samples
        self._rest = np.zeros(0, dtype=np.int16)

    def blocks(self, pcm: npt.NDArray[np.int16]) -> Iterator[tuple[int, float, bool]]:
        """(first sample, level in dBFS, is voice) of each block that `pcm` (int16 [n]) completes."""
        pcm = np.concatenate([self._rest, pcm])
        whole = len(pcm) // self.BLOCK_SAMPLES * self.BLOCK_SAMPLES
        self._rest = pcm[whole:]
        for begin in range(0, whole, self.BLOCK_SAMPLES):
            block = pcm[begin : begin + self.BLOCK_SAMPLES]
            is_voice = self._vad.is_speech(block.tobytes(), SAMPLE_RATE_HZ)
            yield self._at_sample, level_dbfs(as_float32(block)), is_voice
            self._at_sample += self.BLOCK_SAMPLES


class EndpointDetector:
    """Smart Turn v3.2: is the speaker done? Stateless; one instance serves every session."""

    def __init__(self, session: Any) -> None:
        self._session = session

    @classmethod
    def load(cls, directory: Path) -> EndpointDetector:
        """The model of `directory` (models/endpoint). Raises `CheckpointError`."""
        return cls(open_session(directory / ENDPOINT_FILE))

    def probability(self, pcm: npt.NDArray[Any]) -> float:
        """Probability (0..1) that the turn ending with `pcm` is complete.

        `pcm` is mono 16 kHz, int16 or float32 (full scale 1.0), shape [n]; the last 8 s count, less is padded in
        front. The file's output is named "logits" but a sigmoid has been applied inside. Raises `AudioError`.
        """
        features = log_mel(front_padded(as_float32(pcm[-8 * SAMPLE_RATE_HZ :])))
        (output,) = self._session.run(None, {"input_features": features[None]})
        return float(output[0, 0])
