"""A checkpoint that hears people: Whisper tiny.en's encoder and decoder beside the decoder that reasons and answers.

    python -m training.with_transcriber MODEL WHISPER OUT [--keep-hearing]

MODEL is a checkpoint directory, such as models/embedded or what `python -m training export` wrote. WHISPER is a
directory with a CTranslate2 Whisper: model.bin, config.json and tokenizer.json. OUT gets the new checkpoint: MODEL's
decoder and adapter, Whisper's encoder, and Whisper's decoder as the transcriber (`realtime.transcriber`), matrices in
int8 with a scale per output row. With --keep-hearing MODEL's encoder is Whisper's already and stays.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from realtime.decoder.linear import Matrix
from streaming_encoder import TensorParts
from training.checkpoint import write_parts
from training.whisper_weights import encoder_tensors, read_ctranslate2

RIGHT_CONTEXT_MS = 320
CHUNK_FRAMES = 32
TOKENIZER = "transcriber_tokenizer.json"
# Of tiny.en: <|startoftranscript|> <|notimestamps|>, <|endoftext|>, <|nospeech|>, and the first timestamp.
START, END, SILENT, FIRST_TIMESTAMP = (50257, 50362), 50256, 50361, 50363

Tensors = dict[str, torch.Tensor]


def transcriber_tensors(whisper: Tensors) -> Tensors:
    """Whisper's decoder under the names of `realtime.transcriber.checkpoint`: matrices int8, the rest float16."""
    out: Tensors = {"transcriber.positions": whisper["decoder/position_encodings/encodings"].half()}
    out |= _norm("transcriber.norm", whisper, "decoder/layer_norm")
    out |= _matrix("transcriber.embed", whisper, "decoder/embeddings")
    names = {
        "qkv": "self_attention/linear_0", "o": "self_attention/linear_1", "cross_q": "attention/linear_0",
        "cross_kv": "attention/linear_1", "cross_o": "attention/linear_2", "fc1": "ffn/linear_0", "fc2": "ffn/linear_1",
    }  # fmt: skip
    norms = {"norm": "self_attention", "cross_norm": "attention", "mlp_norm": "ffn"}
    for n in range(_layers(whisper, "decoder")):
        for ours, theirs in names.items():
            out |= _matrix(f"transcriber.layers.{n}.{ours}", whisper, f"decoder/layer_{n}/{theirs}")
        for ours, theirs in norms.items():
            out |= _norm(f"transcriber.layers.{n}.{ours}", whisper, f"decoder/layer_{n}/{theirs}/layer_norm")
    return out


def transcriber_section(whisper: Tensors, settings: dict[str, Any]) -> dict[str, Any]:
    """The section `transcriber` of config.json."""
    vocabulary, width = whisper["decoder/embeddings/weight"].shape
    suppressed = {*settings["suppress_ids"], *range(FIRST_TIMESTAMP, vocabulary)}
    return {
        "d_model": width,
        "layers": _layers(whisper, "decoder"),
        "heads": int(whisper["decoder/num_heads"]),
        "ffn": len(whisper["decoder/layer_0/ffn/linear_0/bias"]),
        "vocab_size": vocabulary,
        "max_text_positions": len(whisper["decoder/position_encodings/encodings"]),
        "layer_norm_eps": 1e-5,
        "start": list(START),
        "end": END,
        "silent": SILENT,
        "suppress": sorted(suppressed),
        "suppress_first": sorted(settings["suppress_ids_begin"]),
        "alignment_heads": settings["alignment_heads"],
        "tokenizer": TOKENIZER,
    }


def assemble(model: Path, whisper: Path, out: Path, *, keep_hearing: bool) -> None:
    """See the module's docstring."""
    out.mkdir(parents=True, exist_ok=True)
    theirs = read_ctranslate2(whisper / "model.bin")
    parts = TensorParts(model)
    replaced = ("transcriber.",) if keep_hearing else ("encoder.", "transcriber.")
    tensors = {name: parts.tensor(name) for name in parts.names() if not name.startswith(replaced)}
    if not keep_hearing:
        tensors |= {name: tensor.half() for name, tensor in encoder_tensors(theirs).items()}
    tensors |= transcriber_tensors(theirs)
    write_parts(tensors, out)
    config = json.loads((model / "config.json").read_text())
    config["encoder"] |= {"right_context_ms": RIGHT_CONTEXT_MS, "default_chunk_frames": CHUNK_FRAMES}
    config["human_speech"] = ""  # what a user is warned of
    config["transcriber"] = transcriber_section(theirs, json.loads((whisper / "config.json").read_text()))
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (model / name).is_file():
            shutil.copyfile(model / name, out / name)
    shutil.copyfile(whisper / "tokenizer.json", out / TOKENIZER)


def _layers(whisper: Tensors, part: str) -> int:
    return len({name.split("/")[1] for name in whisper if name.startswith(f"{part}/layer_") and name.count("/") > 2})


def _norm(name: str, whisper: Tensors, theirs: str) -> Tensors:
    return {f"{name}.weight": whisper[f"{theirs}/gamma"].half(), f"{name}.bias": whisper[f"{theirs}/beta"].half()}


def _matrix(name: str, whisper: Tensors, theirs: str) -> Tensors:
    matrix = Matrix(whisper[f"{theirs}/weight"].half()).quantised()
    assert matrix.scale is not None, "quantised"
    out = {f"{name}.weight": matrix.weight, f"{name}.weight.scale": matrix.scale.half()}
    if f"{theirs}/bias" in whisper:
        out[f"{name}.bias"] = whisper[f"{theirs}/bias"].half()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Put Whisper's hearing and its transcriber into a checkpoint.")
    parser.add_argument("model", type=Path)
    parser.add_argument("whisper", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--keep-hearing", action="store_true", help="MODEL's encoder is Whisper's already")
    arguments = parser.parse_args()
    assemble(arguments.model, arguments.whisper, arguments.out, keep_hearing=arguments.keep_hearing)


if __name__ == "__main__":
    main()
