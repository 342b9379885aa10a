"""The model card of an exported checkpoint: the template `model_card.md` filled with what is true of the weights.

Also with what an evaluation found. It reads the directory's files and a run's curves; it runs no model.
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from streaming_encoder import TensorParts
from training.evaluation import tables
from training.recipe import Recipe
from training.run_folder import RunFolder
from training.session import TRAINED

TEMPLATE = Path(__file__).with_name("model_card.md")
_HOW_MEASURED = (
    "This directory as it is served. Synthetic voices speak held-out texts; the family `festival` was never trained on."
)
_TRANSCRIBER = (
    "Beside them a transcriber of {millions} M parameters, the decoder that the encoder was pretrained with, writes "
    "the notes and the line of what was heard; the decoder reads that line and answers (docs/transcriber.md)."
)
_NOT_EVALUATED = "Not evaluated yet: `python -m training evaluate`, then `python -m training export` again."


def card(
    name: str, directory: Path, config: dict[str, Any], parameters: int, result: dict[str, Any] | None, made: str
) -> str:
    """Markdown. directory: with weights and index; result: of `training.evaluate`; made: how it was trained."""
    encoder, decoder, adapter = config["encoder"], config["decoder"], config["adapter"]
    sizes = _sizes(directory)
    parts = sorted(directory.glob("model-*.safetensors"))
    return Template(TEMPLATE.read_text()).substitute(
        name=name, millions=_millions(parameters), human_speech=config.get("human_speech", ""),
        decoder_millions=_millions(sizes["decoder"]), encoder_millions=_millions(sizes["encoder"]),
        adapter_millions=_millions(sizes["adapter"]), parts=len(parts), vocab=f"{decoder['vocab_size']:,}",
        bytes=f"{sum(p.stat().st_size for p in parts):,}", tensors=_tensors(directory), layers=encoder["layers"],
        width=encoder["d_model"],
        heads=encoder["heads"], chunks=", ".join(map(str, encoder["chunk_frames"])),
        right_ms=encoder.get("right_context_ms", 0), stacked=adapter["stack"] * encoder["d_model"],
        prosody=adapter.get("prosody", 0), output=adapter["output"], decoder_layers=decoder["layers"],
        decoder_heads=decoder["heads"], decoder_kv_heads=decoder["kv_heads"], head_dim=decoder["head_dim"],
        mlp=decoder["intermediate_size"], theta=f"{decoder['rope_theta']:.0f}", system_prompt=config["system_prompt"],
        made=made, results=_results(result), transcriber=_transcriber(sizes["transcriber"]),
    )  # fmt: skip


def run_of(recipe: Recipe) -> str:
    """What each finished stage did, a line each: its name and what its curve ends with."""
    lines = []
    for stage in TRAINED:
        path = recipe.folder / stage
        if not (path / "state.json").exists() or not (folder := RunFolder(path)).is_done:
            continue
        state = folder.state()
        told = {
            k: v for k, v in state.items() if isinstance(v, int | float) and not isinstance(v, bool) and k != "round"
        }
        if curve := folder.curve():
            told |= {k: v for k, v in curve[-1].items() if k in ("loss", "accuracy", "made_hours", "reward")}
        lines.append(f"- {stage}: " + (", ".join(f"{k} {v:.4g}" for k, v in told.items()) or "done"))
    head = f"`python -m training all --config {recipe.path.name}` (docs/training.md). Stages done:"
    return "\n".join(
        [head, "", *(lines or ["- none: the weights of the foundation, with an adapter that knows nothing yet"])]
    )


def _results(result: dict[str, Any] | None) -> str:
    if result is None:
        return _NOT_EVALUATED
    page = tables.page(result)
    body = page.partition("\n\n")[2].replace("\n## ", "\n### ")
    return f"{_HOW_MEASURED}\n\n{body.strip()}"


def _transcriber(size: int) -> str:
    """A paragraph about the transcriber where there is one."""
    return f"\n\n{_TRANSCRIBER.format(millions=_millions(size))}" if size else ""


def _sizes(directory: Path) -> dict[str, int]:
    """Weights of each part, scales not counted; 0 for a transcriber that is not there."""
    sizes = {"encoder": 0, "adapter": 0, "decoder": 0, "transcriber": 0}
    for name, shape, _ in _stored(directory):
        if not name.endswith(".scale"):
            count = 1
            for length in shape:
                count *= length
            sizes[name.partition(".")[0]] += count
    return sizes


def _tensors(directory: Path) -> str:
    """A table of the tensors, the numbered layers of a kind in one line."""
    shown: dict[tuple[str, str, str], None] = {}
    for name, shape, dtype in _stored(directory):
        if name.endswith(".scale"):
            continue
        words = ["N" if word.isdigit() else word for word in name.split(".")]
        shown[f"`{'.'.join(words)}`", " x ".join(map(str, shape)), dtype] = None
    return tables.table(("tensor", "shape", "dtype"), shown)


def _stored(directory: Path) -> list[tuple[str, tuple[int, ...], str]]:
    parts = TensorParts(directory)
    found = []
    for name in sorted(parts.names()):
        tensor = parts.tensor(name)
        found.append((name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")))
    return found


def _millions(count: int) -> str:
    return f"{count / 1e6:.1f}"
