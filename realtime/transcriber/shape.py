"""What a checkpoint's config.json says about its transcriber. It knows no tensors and reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realtime.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class TranscriberShape:
    """Sizes, and the tokens that mean something.

    positions: text tokens of a segment, the opening ones included. start: tokens that open every text. end: its end.
    silent: the token whose probability behind the first opening token says that nobody speaks. suppressed: never
    chosen; suppressed_first: never chosen as the first token of a text. alignment_heads: (layer, head) of those that
    listen to the sound of the very word. tokenizer: a file beside config.json.
    """

    width: int
    layers: int
    heads: int
    mlp_width: int
    vocab_size: int
    positions: int
    norm_eps: float
    start: tuple[int, ...]
    end: int
    silent: int
    suppressed: tuple[int, ...]
    suppressed_first: tuple[int, ...]
    alignment_heads: tuple[tuple[int, int], ...]
    tokenizer: str

    @classmethod
    def from_config(cls, document: Mapping[str, Any]) -> TranscriberShape | None:
        """From config.json; None without a transcriber. Raises CheckpointError for a faulty section."""
        section = document.get("transcriber")
        if section is None:
            return None
        try:
            shape = cls(
                width=int(section["d_model"]),
                layers=int(section["layers"]),
                heads=int(section["heads"]),
                mlp_width=int(section["ffn"]),
                vocab_size=int(section["vocab_size"]),
                positions=int(section["max_text_positions"]),
                norm_eps=float(section["layer_norm_eps"]),
                start=_ids(section["start"]),
                end=int(section["end"]),
                silent=int(section["silent"]),
                suppressed=_ids(section["suppress"]),
                suppressed_first=_ids(section["suppress_first"]),
                alignment_heads=tuple((int(layer), int(head)) for layer, head in section["alignment_heads"]),
                tokenizer=str(section["tokenizer"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json, section transcriber: {error!r} is missing or not a number") from error
        if shape.width % shape.heads or not shape.start or shape.tokenizer != shape.tokenizer.rpartition("/")[2]:
            raise CheckpointError("config.json, section transcriber: heads, start or tokenizer do not fit")
        return shape


def _ids(values: Any) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
