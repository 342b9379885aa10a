"""`EncoderStream`: PCM of one speaker in, final embeddings out. Owner and only writer of one `EncoderState`.

It does not know what the embeddings are for, when a turn ends, or what time it is.

Samples gather in the state's window until a chunk and its right context are complete; then one step of fixed shape
runs. So a push computes the same thing on the same shapes however the samples were cut: the frames of two splits are
not merely close but the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from streaming_encoder.config import ChunkPlan
from streaming_encoder.features import sanitise
from streaming_encoder.model import AudioModel, Heard
from streaming_encoder.state import EncoderState


class EncoderStream:
    """One stream over shared weights. Not for two threads at once.

    chunk_frames: 50 Hz frames per step, one of the checkpoint's sizes; right_context_ms: a multiple of 20 ms.
    None takes the checkpoint's own value. Raises EncoderSettingError.

    A turn longer than a segment (29.44 s with the embedded model) goes on as if a new turn began at the boundary.
    """

    def __init__(self, model: AudioModel, chunk_frames: int | None = None, right_context_ms: int | None = None) -> None:
        self.model = model
        self.plan = ChunkPlan.for_config(model.config, chunk_frames, right_context_ms)
        with torch.inference_mode():
            self._state = EncoderState.fresh(model.config, self.plan, model.device)

    @property
    def samples(self) -> int:
        """Samples pushed since the turn began."""
        return self._state.samples

    @property
    def chunk_samples(self) -> int:
        """Samples per step."""
        return self.plan.chunk_frames * self.model.config.frame_samples

    @property
    def right_context_samples(self) -> int:
        """Samples by which final embeddings lag behind the audio, beyond the chunk itself."""
        return self.plan.right_frames * self.model.config.frame_samples

    def push(self, pcm: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> torch.Tensor:
        """Hear [n] samples, n >= 0, mono 16 kHz; return the embeddings that became final, float32 [m, width].

        Raises AudioInputError for other audio; then nothing of the push was heard and the stream goes on unharmed.
        """
        return self._joined(self.hear(pcm))

    @torch.inference_mode()
    def hear(self, pcm: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> list[Heard]:
        """As `push`, step by step: for who reads the 50 Hz frames, too."""
        state = self._state
        rest = torch.from_numpy(sanitise(pcm)).to(self.model.device)
        final: list[Heard] = []
        while rest.shape[0]:
            taken = min(state.room, rest.shape[0])
            state.append(rest[:taken])
            rest = rest[taken:]
            if state.room == 0:
                final.append(self.model.step(state, self.plan.chunk_frames))
        return final

    def tail(self) -> torch.Tensor:
        """The embeddings that would follow if the turn ended exactly here, float32 [m, width].

        The turn is padded with zeros to whole embeddings (80 ms); zeros stand in for right context that never came.
        The stream does not change: pushing on gives what it would have given without this call.
        """
        return self._joined(self.hear_tail())

    @torch.inference_mode()
    def hear_tail(self) -> list[Heard]:
        """As `tail`, step by step. What is `ahead` of the last step is the silence behind the turn."""
        state = self._state.fork()
        config = self.model.config
        left = -(-state.filled // config.embedding_samples) * config.frames_per_embedding
        steps = []
        while left:
            frames = min(left, self.plan.chunk_frames)
            steps.append(self.model.step(state, frames))
            left -= frames
        return steps

    def finish(self) -> torch.Tensor:
        """`tail()`, then `reset()`: the end of the turn."""
        frames = self.tail()
        self.reset()
        return frames

    @torch.inference_mode()
    def reset(self) -> None:
        """Forget the turn; the next push begins a new one."""
        self._state.reset()

    @torch.inference_mode()
    def _joined(self, steps: list[Heard]) -> torch.Tensor:
        if len(steps) == 1:
            return steps[0].embeddings
        if not steps:
            return torch.empty(0, self.model.width, device=self.model.device)
        return torch.cat([step.embeddings for step in steps])
