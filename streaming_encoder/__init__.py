"""Streaming hearing: PCM in, embeddings for the decoder out, at a flat cost per second of audio."""

from streaming_encoder.checkpoint import TensorParts
from streaming_encoder.config import AudioConfig, ChunkPlan
from streaming_encoder.errors import (
    AudioInputError,
    CheckpointDamagedError,
    CheckpointError,
    CheckpointMismatchError,
    CheckpointMissingError,
    EncoderSettingError,
    StreamingEncoderError,
)
from streaming_encoder.model import AudioModel, Heard, load_audio_model
from streaming_encoder.stream import EncoderStream
from streaming_encoder.voice_meter import Voice, VoiceMeter

__all__ = [
    "AudioConfig",
    "AudioInputError",
    "AudioModel",
    "CheckpointDamagedError",
    "CheckpointError",
    "CheckpointMismatchError",
    "CheckpointMissingError",
    "ChunkPlan",
    "EncoderSettingError",
    "EncoderStream",
    "Heard",
    "StreamingEncoderError",
    "TensorParts",
    "Voice",
    "VoiceMeter",
    "load_audio_model",
]
