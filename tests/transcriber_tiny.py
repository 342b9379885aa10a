"""A small random transcriber over the small encoder: quick, and as sure of its nonsense as a real one of its words."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch

from realtime.transcriber import Transcriber
from realtime.transcriber.checkpoint import load_network
from realtime.transcriber.shape import TranscriberShape
from realtime.transcriber.vocabulary import Vocabulary
from tests.decoder_tiny import DictSource

VOCAB = 64
END, SILENT = 1, 2


def tiny_section(width: int = 16) -> dict[str, Any]:
    """The section `transcriber` of a tiny config."""
    return {
        "d_model": width, "layers": 2, "heads": 2, "ffn": 32, "vocab_size": VOCAB, "max_text_positions": 448,
        "layer_norm_eps": 1e-5, "start": [3, 4], "end": END, "silent": SILENT, "suppress": [2, 3, 4],
        "suppress_first": [END], "alignment_heads": [[0, 1], [1, 0]], "tokenizer": "transcriber_tokenizer.json",
    }  # fmt: skip


def tiny_shape(width: int = 16) -> TranscriberShape:
    shape = TranscriberShape.from_config({"transcriber": tiny_section(width)})
    assert shape is not None
    return shape


def tiny_tensors(shape: TranscriberShape, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors in the checkpoint's names."""
    random = torch.Generator().manual_seed(seed)

    def draw(*size: int, scale: float) -> torch.Tensor:
        return scale * torch.randn(size, generator=random)

    width, mlp = shape.width, shape.mlp_width
    out = {"embed.weight": draw(shape.vocab_size, width, scale=0.3), "positions": draw(448, width, scale=1.0)}
    matrices = {"qkv": (3 * width, width), "o": (width, width), "cross_q": (width, width), "cross_o": (width, width),
                "cross_kv": (2 * width, width), "fc1": (mlp, width), "fc2": (width, mlp)}  # fmt: skip
    norms = ["norm"]
    for n in range(shape.layers):
        norms += [f"layers.{n}.{norm}" for norm in ("norm", "cross_norm", "mlp_norm")]
        for name, size in matrices.items():
            # Where it listens hardly moves: a text that jumps back would end with its first words.
            strength = 0.1 if name == "cross_q" else 3.0
            out[f"layers.{n}.{name}.weight"] = draw(*size, scale=strength * size[1] ** -0.5)
            out[f"layers.{n}.{name}.bias"] = draw(size[0], scale=0.1)
    for norm in norms:
        # The last norm makes it sure of its words: doubted ones are noted only after seconds.
        out[f"{norm}.weight"], out[f"{norm}.bias"] = (
            (8 if norm == "norm" else 1) + draw(width, scale=0.1),
            draw(width, scale=0.1),
        )
    return {f"transcriber.{name}": tensor for name, tensor in out.items()}


class TinyVocabulary:
    """Token n is the word n in letters; every seventh goes on with the word before it, every eleventh is a mark."""

    def text(self, ids: list[int]) -> str:
        return "".join(f"{' ' if self.begins_word(n) else ''}{self.letters(n) or '.'}" for n in ids)

    def ids(self, text: str) -> list[int]:
        """Whole words that it has; of any other the token 5."""
        known = {self.text([n]): n for n in range(VOCAB)}
        return [known.get(f" {word.lower()}", 5) for word in text.split()]

    def begins_word(self, token: int) -> bool:
        return token % 7 != 0 and token % 11 != 0

    def letters(self, token: int) -> str:
        return "" if token % 11 == 0 else "abcdefgh"[token // 8] + "klmnopqr"[token % 8]

    def sentence_ends(self) -> list[int]:
        return [11, 22]


@cache
def tiny_transcriber(seed: int = 0, width: int = 16) -> Transcriber:
    shape = tiny_shape(width)
    network = load_network(DictSource(tiny_tensors(shape, seed)), shape, exact=True)
    return Transcriber(network, cast(Vocabulary, TinyVocabulary()), 2048)
