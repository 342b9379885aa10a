"""`EncoderState`: everything that one stream carries between pushes, and nothing else. It knows no network.

    window       samples that are not yet committed, behind the left context that their first mel frame needs
    running_max  of the log-mel, at the last committed frame
    mel_tail     the left context of conv1;  conv_tail  that of conv2
    keys, values of every committed frame of this segment, per layer

The weights hold none of it, so one set of weights serves any number of streams. The cost of a step depends on the plan
and on the committed frames of the segment, never on the length of the turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from streaming_encoder.config import MEL_FRAMES_PER_FRAME, AudioConfig, ChunkPlan

CONV1_CONTEXT = 2  # mel frames: kernel 3, stride 1
CONV2_CONTEXT = 1  # conv1 outputs: kernel 3, stride 2


@dataclass(slots=True)
class EncoderState:
    """See the module. Build with `fresh`; advance only through `commit`.

    window       float32 [left + samples of (chunk + right context)]; past `filled` it is zero, which is what stands in
                 for audio that has not come
    running_max  float64 []
    mel_tail     float32 [n_mels, 2];  conv_tail float32 [width, 1]
    keys, values float32 [layers, heads, cache_frames, head_dim]; rows from `position` on are scratch of the step that
                 is running and are never read by a later one
    """

    config: AudioConfig
    plan: ChunkPlan
    window: torch.Tensor
    running_max: torch.Tensor
    mel_tail: torch.Tensor
    conv_tail: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    samples: int = 0  # pushed since the turn began
    filled: int = 0  # of them, in the window: pushed but not committed
    position: int = 0  # committed frames of the segment
    borrows_cache: bool = False  # keys and values belong to the stream this was forked from

    @classmethod
    def fresh(cls, config: AudioConfig, plan: ChunkPlan, device: torch.device) -> EncoderState:
        """The state at the start of a turn."""
        encoder = config.encoder
        left = config.frontend.left_context_samples
        cache_shape = (encoder.layers, encoder.heads, plan.cache_frames, encoder.width // encoder.heads)
        return cls(
            config=config,
            plan=plan,
            window=torch.zeros(left + plan.window_frames * config.frame_samples, device=device),
            running_max=torch.tensor(config.frontend.running_max_floor, dtype=torch.float64, device=device),
            mel_tail=torch.zeros(config.frontend.n_mels, CONV1_CONTEXT, device=device),
            conv_tail=torch.zeros(encoder.width, CONV2_CONTEXT, device=device),
            # empty, not zeros: the pages of a cache that a short turn never reaches are never touched.
            keys=torch.empty(cache_shape, device=device),
            values=torch.empty(cache_shape, device=device),
        )

    @property
    def room(self) -> int:
        """Samples the window still takes before a step must run."""
        return self.plan.window_frames * self.config.frame_samples - self.filled

    def append(self, pcm: torch.Tensor) -> None:
        """Take float32 [n] samples, n <= room."""
        assert pcm.shape[0] <= self.room, f"{pcm.shape[0]} samples for a room of {self.room}"
        start = self.config.frontend.left_context_samples + self.filled
        self.window[start : start + pcm.shape[0]] = pcm
        self.filled += pcm.shape[0]
        self.samples += pcm.shape[0]

    def fork(self) -> EncoderState:
        """A copy that may run on while this one stays as it is.

        The cache is shared: a fork writes only rows from `position` on, which are scratch to the original. (The small
        tensors are replaced by a step, never written into, so sharing them is safe.)
        """
        return replace(self, window=self.window.clone(), borrows_cache=True)

    def commit(self, frames: int, maxima: torch.Tensor) -> None:
        """Make `frames` frames final: move the window behind them, and restart when the segment is full.

        maxima: float64 [mel frames], the running maximum after each mel frame of the step.
        """
        left = self.config.frontend.left_context_samples
        done = frames * self.config.frame_samples
        end = left + self.filled
        kept = self.window[done : max(done + left, end)].clone()
        self.window.zero_()
        self.window[: kept.shape[0]] = kept
        self.filled = max(0, self.filled - done)
        self.running_max = maxima[frames * MEL_FRAMES_PER_FRAME - 1].clone()
        self.position += frames
        if self.position >= self.plan.segment_frames:
            self._restart_segment()

    def reset(self) -> None:
        """Back to the start of a turn, keeping the buffers."""
        self.samples = self.filled = 0
        self.window.zero_()
        self._restart_segment()

    def _restart_segment(self) -> None:
        """What follows is heard as if it began a turn: the samples already in the window stay, their context goes."""
        self.window[: self.config.frontend.left_context_samples] = 0
        self.running_max = torch.full_like(self.running_max, self.config.frontend.running_max_floor)
        self.mel_tail = torch.zeros_like(self.mel_tail)
        self.conv_tail = torch.zeros_like(self.conv_tail)
        self.position = 0
        if self.borrows_cache:  # row 0 is not scratch to the original
            self.keys, self.values = torch.empty_like(self.keys), torch.empty_like(self.values)
            self.borrows_cache = False
