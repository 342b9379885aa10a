"""What training starts from: a served checkpoint's decoder behind the untouched encoder of Whisper.

It makes the new config.json, with a right context, and the first weights. The decoder's are as they are. Where the
base hears with this very encoder, its adapter goes on from what it knows, and a transcriber stays. Another encoder's
frames are another language: the adapter begins fresh, and a transcriber, pretrained with its own, is left out.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from streaming_encoder.prosody import WIDTH as PROSODY_WIDTH
from training import checkpoint
from training.speech_model import SpeechModel
from training.whisper_weights import encoder_tensors, read_ctranslate2


def whisper_config(
    base: dict[str, Any], tensors: dict[str, torch.Tensor], *, right_context_ms: int, adapter_hidden: int
) -> dict[str, Any]:
    """config.json of `base` with Whisper's encoder of whatever size, a right context, and prosody for the adapter."""
    config = copy.deepcopy(base)
    width = tensors["encoder.conv1.weight"].shape[0]
    layers = sum(name.endswith("fc1.weight") for name in tensors)
    config["encoder"].update(
        d_model=width,
        layers=layers,
        heads=width // 64,
        ffn=tensors["encoder.layers.0.fc1.weight"].shape[0],
        right_context_ms=right_context_ms,
    )
    adapter_input = config["adapter"]["stack"] * width + PROSODY_WIDTH
    config["adapter"].update(input=adapter_input, hidden=adapter_hidden, prosody=PROSODY_WIDTH)
    return config


def lay(
    base: Path, whisper: Path, *, right_context_ms: int = 320, adapter_hidden: int = 2048, chunk_frames: int = 32
) -> tuple[SpeechModel, dict[str, Any]]:
    """The model to train and its config.json. base: a checkpoint directory; whisper: a CTranslate2 model file."""
    tensors = encoder_tensors(read_ctranslate2(whisper))
    old = checkpoint.load_model(base)
    config = whisper_config(
        checkpoint.read_config(base), tensors, right_context_ms=right_context_ms, adapter_hidden=adapter_hidden
    )
    with torch.device("meta"):
        model = checkpoint.build(config, chunk_frames=chunk_frames)
    model.decoder.load_state_dict(old.decoder.state_dict(), assign=True)
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in tensors.items()}
    model.audio.encoder.load_state_dict(encoder, assign=True)
    hears_alike = _same(old.audio.encoder, encoder)
    if not hears_alike:
        config.pop("transcriber", None)
    if hears_alike and old.audio.config.adapter == model.audio.config.adapter:
        model.audio.adapter.load_state_dict(old.audio.adapter.state_dict(), assign=True)
    else:
        model.audio.adapter.to_empty(device="cpu")
        _begin(model.audio.adapter, scale=float(old.audio.adapter.fc2.weight.detach().std()))
    return model, config


def _same(encoder: nn.Module, tensors: dict[str, torch.Tensor]) -> bool:
    """Whether these are the encoder's weights, as precisely as a checkpoint stores them."""
    stored = encoder.state_dict()
    return stored.keys() == tensors.keys() and all(
        torch.equal(stored[name].half(), tensor.half()) for name, tensor in tensors.items()
    )


def _begin(adapter: nn.Module, scale: float) -> None:
    """Fresh weights whose embeddings are about as large as those of the adapter before."""
    for name, parameter in adapter.named_parameters():
        if parameter.dim() == 1:
            nn.init.zeros_(parameter)
        else:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5 if "fc1" in name else scale)
