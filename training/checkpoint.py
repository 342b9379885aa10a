"""Checkpoints of training: a checkpoint directory into a `SpeechModel`, its weights to and from a file, and the export.

Weights are safetensors throughout; nothing is unpickled. The export is the served format: int8 decoder matrices with
one float16 scale a row, everything else float16, parts under 48 MB, each pinned by its sha256
(`streaming_encoder.checkpoint`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from realtime.decoder.shape import DecoderShape
from realtime.decoder.tokenizer import SpecialTokens, Tokenizer
from streaming_encoder import AudioConfig, AudioModel, ChunkPlan, TensorParts
from streaming_encoder.checkpoint import INDEX_NAME
from training.format import Format
from training.network import Decoder
from training.speech_model import SpeechModel

PART_BYTES = 46 << 20


def read_config(directory: Path) -> dict[str, Any]:
    """The parsed config.json of a checkpoint directory."""
    config: dict[str, Any] = json.loads((directory / "config.json").read_text())
    return config


def load_format(directory: Path) -> Format:
    """Tokenizer and system prompt of a checkpoint directory."""
    config = read_config(directory)
    tokenizer = Tokenizer(directory / "tokenizer.json", SpecialTokens.from_config(config["tokens"]))
    return Format(tokenizer, config["system_prompt"])


def build(config: dict[str, Any], *, chunk_frames: int | None = None, saves_memory: bool = False) -> SpeechModel:
    """A model of the shapes that config.json describes, with fresh weights."""
    audio_config = AudioConfig.parse(config)
    plan = ChunkPlan.for_config(audio_config, chunk_frames)
    decoder = Decoder(DecoderShape.from_config(config["decoder"]), saves_memory=saves_memory)
    return SpeechModel(AudioModel(audio_config), plan, decoder)


def load_model(directory: Path, *, chunk_frames: int | None = None, saves_memory: bool = False) -> SpeechModel:
    """The model of a served checkpoint directory, its int8 matrices widened to float32."""
    parts = TensorParts(directory)
    with torch.device("meta"):  # shapes without memory; the tensors come from the file
        model = build(read_config(directory), chunk_frames=chunk_frames, saves_memory=saves_memory)
    names = set(parts.names())
    tensors = {}
    for name in model.state_dict():
        stored = _stored_name(name)
        tensor = parts.tensor(stored).to(torch.float32, copy=True)
        if f"{stored}.scale" in names:
            tensor = tensor * parts.tensor(f"{stored}.scale").float()[:, None]
        tensors[name] = tensor
    model.load_state_dict(tensors, assign=True)
    return model


def save_weights(model: SpeechModel, path: Path) -> None:
    """All weights that are trained, as they are, to one safetensors file; it appears whole or not at all."""
    trained = {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}
    partial = path.with_suffix(".partial")
    save_file(trained, partial)
    partial.replace(path)


def load_weights(model: SpeechModel, path: Path) -> None:
    """Weights that `save_weights` wrote, into a model of the same shapes."""
    missing, unknown = model.load_state_dict(load_file(path), strict=False)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    if unknown or trained & set(missing):
        raise ValueError(
            f"{path} is of another model: it lacks {sorted(trained & set(missing))[:3]}, has {unknown[:3]}"
        )


def export(model: SpeechModel, config: dict[str, Any], out: Path, extra: dict[str, Tensor] | None = None) -> None:
    """Write config.json, parts and index to the directory `out`. The caller adds tokenizer and model card.

    extra: further tensors, stored as they are.
    """
    out.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = dict(extra or {})
    for name, tensor in model.state_dict().items():
        tensors |= served(_stored_name(name), tensor.detach().cpu())
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_parts(tensors, out)


def served(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A tensor as it is stored: matrices of the decoder in int8 with a scale per output row, the rest in float16."""
    if not (name.startswith("decoder.") and tensor.dim() == 2):
        return {name: tensor.half().contiguous()}
    scale = (tensor.float().abs().amax(1) / 127.0).half()
    rounded = (tensor.float() / scale.float().clamp_min(1e-12)[:, None]).round().clamp(-127, 127).to(torch.int8)
    return {name: rounded, f"{name}.scale": scale}


def write_parts(tensors: dict[str, Tensor], out: Path) -> None:
    """Tensors into parts of at most PART_BYTES, each hashed in the index."""
    groups: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name in sorted(tensors):
        size = tensors[name].numel() * tensors[name].element_size()
        if filled + size > PART_BYTES and groups[-1]:
            groups.append({})
            filled = 0
        groups[-1][name] = tensors[name]
        filled += size
    weight_map: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for number, group in enumerate(groups, 1):
        part = f"model-{number:05d}-of-{len(groups):05d}.safetensors"
        save_file(group, out / part)
        hashes[part] = hashlib.sha256((out / part).read_bytes()).hexdigest()
        weight_map |= dict.fromkeys(group, part)
    index = {"metadata": {"total_size": _bytes(tensors.values()), "sha256": hashes}, "weight_map": weight_map}
    (out / INDEX_NAME).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _stored_name(name: str) -> str:
    """`audio.encoder.…` and `audio.adapter.…` are `encoder.…` and `adapter.…` in a checkpoint."""
    return name.removeprefix("audio.")
