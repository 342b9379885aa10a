"""A tiny speech model with fresh weights and made-up examples, for the tests of the stages that sample."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from realtime.decoder.tokenizer import Tokenizer
from tests.decoder_tiny import EMBEDDED_MODEL
from training import checkpoint
from training.format import Format
from training.items import Clip, Example, Item
from training.speech_model import SpeechModel


def small_config(*, layers: int = 2, width: int = 64) -> dict[str, Any]:
    """The embedded model's config.json for a network that fits a test, without a transcriber."""
    config = checkpoint.read_config(EMBEDDED_MODEL)
    config["encoder"].update(d_model=64, layers=1, heads=1, ffn=64)
    config["adapter"].update(input=128 + config["adapter"]["prosody"], hidden=32, output=width)
    config["decoder"].update(
        hidden_size=width, layers=layers, heads=4, kv_heads=2, head_dim=width // 4, intermediate_size=2 * width
    )
    del config["transcriber"]
    return config


def small_model(*, layers: int = 2, width: int = 64) -> SpeechModel:
    """A network of `small_config`. Always the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = checkpoint.build(small_config(layers=layers, width=width))
        for name, parameter in model.named_parameters():
            centre = 1.0 if parameter.dim() == 1 and "norm" in name else 0.0
            parameter.data = centre + torch.randn(parameter.shape) * (0.2 if parameter.dim() > 1 else 0.1)
    return model


@cache
def small_format() -> Format:
    return checkpoint.load_format(EMBEDDED_MODEL)


@cache
def _tokenizer() -> Tokenizer:
    return Tokenizer(EMBEDDED_MODEL / "tokenizer.json", small_format().special)


def decode(tokens: Sequence[int]) -> str:
    return _tokenizer().decode(tokens)


def clip(seconds: float, seed: int = 0) -> Clip:
    samples = np.random.default_rng(seed).normal(0, 900, int(seconds * 16_000)).astype(np.int16)
    return Clip(samples, (), "none/noise", "made")


def pitch_example(seconds: float = 1.0, *, hz: int = 120, word: str = "low", seed: int = 0) -> Example:
    """A question about a voice, whose sound is noise."""
    thought = f"The voice is about {hz} hertz, which is {word}."
    item = Item(
        "voice/pitch", "Is my voice high or low?", "is my voice high or low", thought, f"Your voice is {word}.", word
    )
    return Example(item, clip(seconds, seed), {"pitch_hz": str(hz)})


def sum_example(*, typed: bool = True) -> Example:
    item = Item(
        "skill/add",
        "What is two plus two?",
        "what is two plus two",
        "2 + 2 = 4.",
        "Two plus two is four.",
        "four",
        typed,
    )
    return Example(item, None if typed else clip(0.9))


def encode(text: str) -> list[int]:
    return _tokenizer().encode(text)
