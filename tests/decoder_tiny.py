"""Small random decoders in both shapes, and the same weights in transformers, for the decoder's tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from realtime.decoder.checkpoint import load_weights
from realtime.decoder.decoder import Decoder
from realtime.decoder.sequence import Row, Symbol
from realtime.decoder.shape import DecoderShape
from realtime.decoder.tokenizer import SpecialTokens, Tokenizer

EMBEDDED_MODEL = Path(__file__).parents[1] / "models" / "embedded"
VOCAB = 101

_SECTION: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 96,
    "layers": 3,
    "heads": 6,
    "kv_heads": 2,
    "head_dim": 64,
    "intermediate_size": 160,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5,
    "max_position": 1024,
    "tie_word_embeddings": True,
}
_NAMES = {
    "self_attn.q_proj": "q",
    "self_attn.k_proj": "k",
    "self_attn.v_proj": "v",
    "self_attn.o_proj": "o",
    "mlp.gate_proj": "gate",
    "mlp.up_proj": "up",
    "mlp.down_proj": "down",
}


class DictSource:
    """Tensors from memory, in the checkpoint's names."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors

    def names(self) -> list[str]:
        return sorted(self.tensors)

    def tensor(self, name: str) -> Tensor:
        return self.tensors[name]


def section(kind: str, **changes: Any) -> dict[str, Any]:
    """The `decoder` section of a tiny config: "llama" (tied), or "qwen" (biases, untied head, other groups)."""
    chosen = dict(_SECTION)
    if kind == "qwen":
        chosen |= {
            "qkv_bias": True,
            "tie_word_embeddings": False,
            "heads": 4,
            "kv_heads": 4,
            "head_dim": 24,
        }  # no grouping
    return chosen | changes


@cache
def reference(kind: str) -> Any:
    """A random transformers model of the tiny shape, float32, in evaluation mode."""
    shape = DecoderShape.from_config(section(kind))
    config_class, model_class = (Qwen2Config, Qwen2ForCausalLM) if kind == "qwen" else (LlamaConfig, LlamaForCausalLM)
    extra = {"head_dim": shape.head_dim} if kind == "llama" else {}
    if kind == "qwen":  # its head_dim is hidden_size / heads
        assert shape.head_dim * shape.heads == shape.width
    config = config_class(
        vocab_size=shape.vocab_size, hidden_size=shape.width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, intermediate_size=shape.mlp_width,
        rms_norm_eps=shape.norm_eps, max_position_embeddings=shape.max_position,
        tie_word_embeddings=shape.tied_head, rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        **extra,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = model_class(config).eval()
        for name, parameter in model.named_parameters():  # biases and norms start as constants: make them matter
            scale = 0.3 if name.endswith("bias") else 0.08
            centre = 1.0 if "norm" in name else 0.0
            parameter.data = centre + scale * torch.randn(parameter.shape)
    return model


def source(kind: str) -> DictSource:
    """The tensors of `reference(kind)` in the checkpoint's names."""
    tensors = {}
    for name, parameter in reference(kind).state_dict().items():
        short = name.removeprefix("model.").replace("embed_tokens", "embed").replace("lm_head", "head")
        for long, known in _NAMES.items():
            short = short.replace(long, known)
        tensors[f"decoder.{short}"] = parameter.detach().clone()
    return DictSource(tensors)


@cache
def embedded_tokenizer() -> Tokenizer:
    special = SpecialTokens(
        pad=0, im_start=1, im_end=2, eos=2, audio_start=3, audio_end=5, listen=8, wait=10, think=11, think_end=14
    )
    return Tokenizer(EMBEDDED_MODEL / "tokenizer.json", special)


def tiny_decoder(kind: str = "llama", *, exact: bool = True, kv_tokens: int = 1024, native: bool = True) -> Decoder:
    """A tiny Decoder whose unwritten cache is NaN: one read of it and every number after is NaN."""
    torch.set_num_threads(1)  # so small a model gains nothing from two
    weights = load_weights(source(kind), DecoderShape.from_config(section(kind)), exact=exact, native=native)
    decoder = Decoder(weights, embedded_tokenizer(), kv_tokens=kv_tokens)
    decoder.cache.fill(float("nan"))
    return decoder


def run_alone(decoder: Decoder, symbols: list[Symbol], cuts: list[int] | None = None) -> Tensor:
    """Logits [vocab] after `symbols`, in a fresh sequence, computed in one pass or cut at the given lengths."""
    seq = decoder.new(symbols)
    found = None
    for end in [*(cuts or []), len(symbols)]:
        if end > seq.computed:
            found = decoder.step([Row(seq, end - seq.computed, want_logits=True)])[0]
    decoder.drop(seq)
    assert found is not None and found.shape == (1, decoder.shape.vocab_size)
    return found[0]
