"""`AudioModel`: frontend, encoder and adapter as one set of weights, and how a checkpoint becomes one.

It holds no stream state and reads no audio; `streaming_encoder.stream` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from streaming_encoder.adapter import Adapter
from streaming_encoder.checkpoint import TensorParts, read_json
from streaming_encoder.config import MEL_FRAMES_PER_FRAME, AudioConfig
from streaming_encoder.encoder import ChunkCausalEncoder
from streaming_encoder.errors import CheckpointDamagedError, CheckpointMismatchError
from streaming_encoder.features import LogMel
from streaming_encoder.prosody import Prosody
from streaming_encoder.state import EncoderState
from streaming_encoder.voice_meter import SLOTS, VoiceFrames

_PREFIXES = ("encoder.", "adapter.")
_CONFIG_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Heard:
    """What one step heard, float32.

    embeddings: [frames / 4, width], for the decoder. frames: [frames, encoder width], the same audio at 50 Hz.
    ahead: [right, encoder width], the step's right context: what will be heard again, with more behind it, by the next.
    begins_segment: nothing of what was heard before is context of these frames. voice: what is measured of them beside
    the words; None where the adapter is given none of it.
    """

    embeddings: torch.Tensor
    frames: torch.Tensor
    ahead: torch.Tensor
    begins_segment: bool
    voice: VoiceFrames | None


class AudioModel(nn.Module):
    """Weights only: any number of streams may use one model, one at a time per thread of the caller."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        self.features = LogMel(config.frontend)
        self.encoder = ChunkCausalEncoder(config)
        self.adapter = Adapter(config)
        self.prosody = (
            Prosody(config.embedding_samples, config.frontend.sample_rate_hz) if config.adapter.prosody else None
        )

    @property
    def width(self) -> int:
        """Width of one embedding: the decoder's."""
        return self.config.adapter.width

    @property
    def device(self) -> torch.device:
        return self.encoder.pos.device

    def step(self, state: EncoderState, frames: int) -> Heard:
        """Encode and commit the first `frames` frames of the state's window; what follows them is right context.

        `frames` is a multiple of 4 and at most the plan's chunk.
        """
        config = self.config
        left = config.frontend.left_context_samples
        end = left + (frames + state.plan.right_frames) * config.frame_samples
        mel, maxima = self.features(state.window[:end], state.running_max)
        assert mel.shape[0] == (frames + state.plan.right_frames) * MEL_FRAMES_PER_FRAME, mel.shape
        sound = state.window[left : left + frames * config.frame_samples]
        prosody, voice = (None, None) if self.prosody is None else _measured(self.prosody, sound)
        begins_segment = state.position == 0
        x = self.encoder(mel, state, frames)
        unpooled = self.encoder.unpooled(x)
        embeddings: torch.Tensor = self.adapter(self.encoder.pooled(x[:frames]), prosody)
        state.commit(frames, maxima)
        return Heard(embeddings, unpooled[:frames], unpooled[frames:], begins_segment, voice)


def _measured(prosody: Prosody, sound: torch.Tensor) -> tuple[torch.Tensor, VoiceFrames]:
    """Of float32 [n * frame_samples]: what the adapter reads, and the plain numbers."""
    level_db, octaves, voicing = prosody.measure(sound)
    power = sound.reshape(len(level_db), SLOTS, -1).square().mean(-1)
    return prosody.written(level_db, octaves, voicing), VoiceFrames(power, sound.clone())


def load_audio_model(checkpoint: Path | TensorParts, device: str | torch.device = "cpu") -> AudioModel:
    """Load the hearing half of a checkpoint directory (or of one already opened) as float32, ready for inference.

    Every part is verified against its sha256 before anything of it is used. Raises CheckpointMissingError,
    CheckpointDamagedError or CheckpointMismatchError.
    """
    parts = checkpoint if isinstance(checkpoint, TensorParts) else TensorParts(checkpoint)
    config = AudioConfig.parse(read_json(parts.directory / "config.json", _CONFIG_LIMIT_BYTES))
    with torch.device("meta"):  # shapes without memory; the tensors come from the file
        model = AudioModel(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    _check_names(parts, wanted)
    tensors = {name: _float32(parts, name, shape) for name, shape in wanted.items()}
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.requires_grad_(False).eval().to(device)


def _check_names(parts: TensorParts, wanted: dict[str, tuple[int, ...]]) -> None:
    there = {name for name in parts.names() if name.startswith(_PREFIXES)}
    if missing := sorted(wanted.keys() - there):
        raise CheckpointMismatchError(f"{parts.directory}: tensor {missing[0]} is missing ({len(missing)} in all)")
    if unknown := sorted(there - wanted.keys()):
        raise CheckpointMismatchError(
            f"{parts.directory}: tensor {unknown[0]} is not one that config.json describes ({len(unknown)} in all)"
        )


def _float32(parts: TensorParts, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = parts.tensor(name, shape=shape)
    if not tensor.is_floating_point():
        raise CheckpointMismatchError(
            f"{parts.directory}: tensor {name} is {tensor.dtype}; a floating-point one is needed"
        )
    # A copy in any case: the file's mapping must not back the weights.
    owned = tensor.to(torch.float32, copy=True)
    if not bool(torch.isfinite(owned).all()):
        raise CheckpointDamagedError(
            f"{parts.directory}: tensor {name} has NaN or infinite values; fetch the file again"
        )
    return owned
