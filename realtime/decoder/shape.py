"""The sizes of a Llama or Qwen2.5 shaped decoder, read from a checkpoint's config. Knows no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realtime.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """All sizes of the network. Llama: no bias. Qwen2.5: `qkv_bias`."""

    vocab_size: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_width: int
    rope_theta: float
    norm_eps: float
    max_position: int
    tied_head: bool
    qkv_bias: bool

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> DecoderShape:
        """From the `decoder` section of config.json; raises CheckpointError where it does not describe a decoder."""
        try:
            shape = cls(
                vocab_size=int(section["vocab_size"]),
                width=int(section["hidden_size"]),
                layers=int(section["layers"]),
                heads=int(section["heads"]),
                kv_heads=int(section["kv_heads"]),
                head_dim=int(section["head_dim"]),
                mlp_width=int(section["intermediate_size"]),
                rope_theta=float(section["rope_theta"]),
                norm_eps=float(section["rms_norm_eps"]),
                max_position=int(section["max_position"]),
                tied_head=bool(section["tie_word_embeddings"]),
                qkv_bias=bool(section.get("qkv_bias", False)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json, section decoder: {error!r} is missing or not a number") from error
        if section.get("rope", "rotate_half") != "rotate_half":
            raise CheckpointError(f"config.json, section decoder: rope {section['rope']!r} is not supported")
        if shape.heads % shape.kv_heads or shape.head_dim % 2:
            raise CheckpointError("config.json, section decoder: heads must divide by kv_heads and head_dim by 2")
        return shape

    @property
    def group(self) -> int:
        """Query heads that share one key/value head."""
        return self.heads // self.kv_heads

    @property
    def kv_bytes_per_token_fp32(self) -> int:
        """Cache cost of one position with float32 keys and values."""
        return self.layers * 2 * self.kv_heads * self.head_dim * 4
