"""What a checkpoint's config.json says about hearing: frontend, encoder, adapter, and the chunk plan made from them.

It knows nothing of tensors or files: it turns parsed JSON into frozen values and refuses what the code cannot run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streaming_encoder.errors import CheckpointMismatchError, EncoderSettingError
from streaming_encoder.prosody import WIDTH as PROSODY_WIDTH

MEL_FRAMES_PER_FRAME = 2  # conv2 has stride 2: 100 Hz mel frames, 50 Hz encoder frames

# Values that this code has built in. A checkpoint that says otherwise needs other code, not a silent approximation.
_BUILT_IN: dict[str, dict[str, object]] = {
    "frontend": {"window": "hann_periodic", "mel": "slaney 0-8000 Hz, slaney area norm"},
    "encoder": {
        "conv_kernel": 3,
        "conv1_left_context": 2,
        "conv2_left_context": 1,
        "conv_lookahead_frames": 0,
        "activation": "gelu_exact",
        "qkv": "fused rows q,k,v",
    },
    "adapter": {"activation": "gelu_exact"},
}


@dataclass(frozen=True, slots=True)
class FrontendConfig:
    """Constants of the causal log-mel."""

    sample_rate_hz: int
    n_fft: int
    hop_samples: int
    left_context_samples: int
    n_mels: int
    log_floor: float
    running_max_floor: float
    dynamic_range: float
    offset: float
    scale: float


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Dimensions of the chunk-causal transformer, and the chunk sizes it was trained with (50 Hz frames)."""

    width: int
    layers: int
    heads: int
    ffn: int
    max_positions: int
    segment_frames: int
    chunk_frames: tuple[int, ...]
    default_chunk_frames: int
    right_context_ms: int
    layer_norm_eps: float
    pool: int


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """`stack` pooled frames (25 Hz) become one embedding (12.5 Hz) of the decoder's `width`.

    prosody: numbers measured in the samples (`streaming_encoder.prosody`) that stand behind them; 0 where none do.
    """

    stack: int
    hidden: int
    width: int
    prosody: int


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """Everything that hearing needs to know of config.json."""

    frontend: FrontendConfig
    encoder: EncoderConfig
    adapter: AdapterConfig

    @property
    def frame_samples(self) -> int:
        """Samples per 50 Hz encoder frame."""
        return self.frontend.hop_samples * MEL_FRAMES_PER_FRAME

    @property
    def frames_per_embedding(self) -> int:
        """Encoder frames per embedding given to the decoder."""
        return self.encoder.pool * self.adapter.stack

    @property
    def embedding_samples(self) -> int:
        """Samples per embedding: 1280 (80 ms) for the embedded model."""
        return self.frame_samples * self.frames_per_embedding

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> AudioConfig:
        """Read a parsed config.json. Raises CheckpointMismatchError for what is absent, mistyped or not supported."""
        for section, values in _BUILT_IN.items():
            for key, wanted in values.items():
                _require_built_in(_section(document, section), section, key, wanted)
        config = cls(_frontend(document), _encoder(document), _adapter(document))
        _check_whole(config, document)
        return config


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """How one stream cuts its frames: `chunk_frames` are committed per step, seeing `right_frames` of what follows.

    `segment_frames` is the most that a segment commits before all state restarts. It is the checkpoint's, cut to whole
    chunks, and shorter where chunk and right context together would pass the last trained position.
    """

    chunk_frames: int
    right_frames: int
    segment_frames: int

    @property
    def cache_frames(self) -> int:
        """Rows of keys and values a stream needs per layer."""
        return self.segment_frames + self.right_frames

    @property
    def window_frames(self) -> int:
        """Frames that must be there before a step can run."""
        return self.chunk_frames + self.right_frames

    @classmethod
    def for_config(
        cls, config: AudioConfig, chunk_frames: int | None = None, right_context_ms: int | None = None
    ) -> ChunkPlan:
        """None takes the checkpoint's own value. Raises EncoderSettingError for a value it cannot run with."""
        encoder = config.encoder
        chunk = encoder.default_chunk_frames if chunk_frames is None else chunk_frames
        if chunk not in encoder.chunk_frames:
            allowed = ", ".join(map(str, encoder.chunk_frames))
            raise EncoderSettingError(f"chunk_frames is {chunk!r}; this checkpoint was trained with {allowed}")
        right_ms = encoder.right_context_ms if right_context_ms is None else right_context_ms
        frame_ms = config.frame_samples * 1000 // config.frontend.sample_rate_hz
        if right_ms < 0 or right_ms % frame_ms:
            raise EncoderSettingError(f"right_context_ms is {right_ms!r}; it must be 0 or a multiple of {frame_ms} ms")
        right = right_ms // frame_ms
        segment = min(encoder.segment_frames, encoder.max_positions - right) // chunk * chunk
        if segment < chunk:
            room_ms = (encoder.max_positions - chunk) * frame_ms
            raise EncoderSettingError(
                f"right_context_ms is {right_ms}; with chunks of {chunk} frames at most {room_ms} ms fit the positions"
            )
        return cls(chunk, right, segment)


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = document.get(name)
    if not isinstance(section, Mapping):
        raise CheckpointMismatchError(f"config.json has no section {name!r}; use a checkpoint of format_version 1")
    return section


def _require_built_in(section: Mapping[str, Any], where: str, key: str, wanted: object) -> None:
    if section.get(key) != wanted:
        raise CheckpointMismatchError(
            f"config.json: {where}.{key} is {section.get(key)!r}; this code supports {wanted!r}"
        )


def _integer(section: Mapping[str, Any], where: str, key: str, *, least: int = 1, default: int | None = None) -> int:
    value = section.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise CheckpointMismatchError(
            f"config.json: {where}.{key} is {value!r}; it must be an integer of at least {least}"
        )
    return value


def _number(section: Mapping[str, Any], where: str, key: str) -> float:
    value = section.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise CheckpointMismatchError(f"config.json: {where}.{key} is {value!r}; it must be a finite number")
    return float(value)


def _frontend(document: Mapping[str, Any]) -> FrontendConfig:
    section, where = _section(document, "frontend"), "frontend"
    return FrontendConfig(
        sample_rate_hz=_integer(section, where, "sample_rate"),
        n_fft=_integer(section, where, "n_fft"),
        hop_samples=_integer(section, where, "hop_length"),
        left_context_samples=_integer(section, where, "left_pad"),
        n_mels=_integer(section, where, "n_mels"),
        log_floor=_number(section, where, "log_floor"),
        running_max_floor=_number(section, where, "running_max_floor"),
        dynamic_range=_number(section, where, "dynamic_range"),
        offset=_number(section, where, "offset"),
        scale=_number(section, where, "scale"),
    )


def _encoder(document: Mapping[str, Any]) -> EncoderConfig:
    section, where = _section(document, "encoder"), "encoder"
    chunks = section.get("chunk_frames")
    if not isinstance(chunks, list) or not chunks or not all(type(c) is int and c > 0 for c in chunks):
        raise CheckpointMismatchError(
            f"config.json: encoder.chunk_frames is {chunks!r}; it must be a list of frame counts"
        )
    return EncoderConfig(
        width=_integer(section, where, "d_model"),
        layers=_integer(section, where, "layers"),
        heads=_integer(section, where, "heads"),
        ffn=_integer(section, where, "ffn"),
        max_positions=_integer(section, where, "max_positions"),
        segment_frames=_integer(section, where, "segment_frames"),
        chunk_frames=tuple(chunks),
        default_chunk_frames=_integer(section, where, "default_chunk_frames"),
        right_context_ms=_integer(section, where, "right_context_ms", least=0, default=0),
        layer_norm_eps=_number(section, where, "layer_norm_eps"),
        pool=_integer(section, where, "pool"),
    )


def _adapter(document: Mapping[str, Any]) -> AdapterConfig:
    section, where = _section(document, "adapter"), "adapter"
    return AdapterConfig(
        stack=_integer(section, where, "stack"),
        hidden=_integer(section, where, "hidden"),
        width=_integer(section, where, "output"),
        prosody=_integer(section, where, "prosody", least=0, default=0),
    )


def _check_whole(config: AudioConfig, document: Mapping[str, Any]) -> None:
    """The relations between values that the arithmetic of streaming rests on."""
    frontend, encoder = config.frontend, config.encoder
    relations = {
        "n_fft and win_length are equal": document["frontend"].get("win_length") == frontend.n_fft,
        "left_pad + hop_length = n_fft": frontend.left_context_samples + frontend.hop_samples == frontend.n_fft,
        "d_model divides into heads": encoder.width % encoder.heads == 0,
        "adapter.input = stack * d_model + prosody": document["adapter"].get("input")
        == config.adapter.stack * encoder.width + config.adapter.prosody,
        "adapter.prosody is what this code measures": config.adapter.prosody in (0, PROSODY_WIDTH),
        "every chunk is whole embeddings": all(c % config.frames_per_embedding == 0 for c in encoder.chunk_frames),
        "a segment is whole chunks of every size": all(encoder.segment_frames % c == 0 for c in encoder.chunk_frames),
        "default_chunk_frames is one of chunk_frames": encoder.default_chunk_frames in encoder.chunk_frames,
        "segment_frames <= max_positions": encoder.segment_frames <= encoder.max_positions,
        "samples_per_decoder_frame fits the strides": document.get("samples_per_decoder_frame")
        == config.embedding_samples,
    }
    for relation, holds in relations.items():
        if not holds:
            raise CheckpointMismatchError(f"config.json: {relation}: this does not hold; the file is not consistent")
