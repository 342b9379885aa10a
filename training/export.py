"""The served checkpoint directory of a recipe's last weights: config.json, parts, tokenizer, licences, samples, card.

It knows files. The weights are written by `training.checkpoint.export`; what the evaluation found goes into the card
and into the line `human_speech` that clients show. A check reads everything back through the code that serves it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from streaming_encoder import TensorParts
from training import checkpoint, model_card
from training.agreement import Agreement, compare
from training.evaluation.human_speech import read_wav
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.items import Clip, Example, Item
from training.recipe import Recipe, RecipeError
from training.run_folder import RunFolder
from training.session import TRAINED, base_directory, open_session

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
TRANSCRIBER_TOKENIZER = "transcriber_tokenizer.json"
MODEL = "model"
MADE_OF = "made_of.json"
# Rounding to int8 moves logits a little, so that of two nearly equal tokens the other may win: often where a model
# knows nothing yet, hardly ever where it is sure. What was damaged agrees nowhere.
LEAST_INT8_AGREEMENT = 0.6
LEAST_EXACT_AGREEMENT = 0.98
_NUMBERED = "model-*.safetensors"


class ExportDamaged(RecipeError):
    """What was written does not say what the training model says."""


@dataclass(frozen=True, slots=True)
class Export:
    """Settings of the stage. name: of the model in its card. checks: whether the written directory is tried out."""

    name: str = "Embedded model"
    checks: bool = True


def exported(recipe: Recipe, *, checks: bool = True) -> Path:
    """The directory with the weights of the recipe's last finished stage; written anew where that is another by now.

    checks: whether what was written is read back and compared with the model. Raises ExportDamaged.
    """
    folder = RunFolder(recipe.folder / "export").path
    out, made_of = folder / MODEL, folder / MADE_OF
    wanted = {"stage": _last_stage(recipe), "whisper": recipe.foundation.whisper, "weights": recipe.foundation.weights}
    if made_of.exists() and json.loads(made_of.read_text())["of"] == wanted:
        return out
    made_of.unlink(missing_ok=True)
    session = open_session(recipe, "export", _no_source)
    for stale in out.glob(_NUMBERED):
        stale.unlink()
    config = session.config | {"human_speech": human_speech(None, 0)}
    checkpoint.export(session.model, config, out, transcriber_tensors(base_directory(recipe), config))
    copy_beside(base_directory(recipe), out)
    agreement = None
    if checks:
        found = compare(session.model.to("cpu"), session.form, out)
        require(found)
        agreement = asdict(found)
    made_of.write_text(json.dumps({"of": wanted, "agreement": agreement}) + "\n")
    return out


def _last_stage(recipe: Recipe) -> list[Any]:
    """Name and round of the last stage that is done; `foundation` where none is."""
    for stage in reversed(TRAINED):
        folder = recipe.folder / stage
        if (folder / "state.json").exists() and (done := RunFolder(folder)).is_done:
            return [stage, done.state().get("round", 0)]
    return ["foundation", 0]


def _no_source(seed: int) -> NoReturn:
    raise AssertionError("an export draws no examples")


def transcriber_tensors(base: Path, config: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Those of `base` if `config` names a transcriber: no stage trains it, so that it is carried over as it is."""
    if "transcriber" not in config:
        return {}
    parts = TensorParts(base)
    return {name: parts.tensor(name) for name in parts.names() if name.startswith("transcriber.")}


def copy_beside(base: Path, out: Path) -> None:
    """Tokenizers, licences and sample recordings of `base`, which training does not change.

    out: has its config.json already; a transcriber's tokenizer goes where that names a transcriber.
    """
    heard_by = [TRANSCRIBER_TOKENIZER] if "transcriber" in checkpoint.read_config(out) else []
    for name in (*TOKENIZER_FILES, *heard_by):
        if (base / name).is_file():
            shutil.copy(base / name, out / name)
    for name in ("LICENSES", "samples"):
        if (base / name).is_dir():
            shutil.copytree(base / name, out / name, dirs_exist_ok=True)


def human_speech(wer: float | None, words: int) -> str:
    """How well it hears people, in words for its users.

    wer: measured on `words` words of the recordings of `training.evaluation.human_speech`; None where it was not.
    """
    if wer is None:
        return "How well this embedded model hears people has not been measured."
    found = (
        f"It hears people with {100 * wer:.0f} % word error on {words} words of two kinds of recordings, sentences "
        "read aloud and commands of a card game"
    )
    if wer > 0.4:
        return f"{found}: it understands synthetic voices, and people badly."
    if wer > 0.15:
        return f"{found}: it understands people in part. Speak clearly."
    return f"{found}."


def measured_human_speech(result: dict[str, Any] | None) -> str:
    """`human_speech` of an evaluation's result."""
    people = (result or {}).get("people", {})
    return human_speech(people.get("wer"), int(people.get("words", 0)))


def measure_samples(directory: Path, served: ServedModel) -> None:
    """Write into samples/expected.json what this model makes of each sample recording, with notes and without."""
    file = directory / "samples" / "expected.json"
    if not file.exists():
        return
    entries: list[dict[str, Any]] = json.loads(file.read_text())
    trials = [_sample(directory / "samples", entry) for entry in entries]
    at_once = Manner(chunk_frames=32, listens=False)
    whole = served.converse(trials, at_once)
    slow = served.converse(trials, replace(at_once, listens=True, note_interval_ms=1280))
    for entry, reply, noted in zip(entries, whole, slow, strict=True):
        thought = f"{reply.thought}\n" if reply.thought else ""
        entry["measured_output_chunk32"] = f"<think>\nheard: {reply.heard}\n{thought}</think>\n{reply.answer}<|im_end|>"
        times = dict.fromkeys(note.at_ms for note in noted.noted)
        entry["measured_listen_notes_1_28s"] = [
            {"t": at_ms / 1000, "new": " ".join(n.word for n in noted.noted if n.at_ms == at_ms)} for at_ms in times
        ]
        entry.pop("measured_final_after_listening", None)
    file.write_text(json.dumps(entries, indent=1) + "\n")


def _sample(folder: Path, entry: dict[str, Any]) -> Trial:
    item = Item(f"skill/{entry['skill']}", entry["transcript"], entry["transcript"], key=entry.get("key") or "")
    return Trial("samples", Example(item, Clip(read_wav(folder / entry["file"]), (), entry["voice"], "seed")))


def finish(recipe: Recipe, settings: Export, result: dict[str, Any] | None) -> dict[str, Any]:
    """The exported directory made whole: `human_speech`, measured samples, card. Returns figures."""
    out = exported(recipe, checks=settings.checks)
    config = checkpoint.read_config(out) | {"human_speech": measured_human_speech(result)}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    served = ServedModel(out)
    measure_samples(out, served)
    card = model_card.card(settings.name, out, config, served.parameters, result, model_card.run_of(recipe))
    (out / "README.md").write_text(card)
    made_of = json.loads((out.parent / MADE_OF).read_text())
    return {
        "parameters": served.parameters,
        "bytes": sum(part.stat().st_size for part in out.glob(_NUMBERED)),
        "agreement": made_of["agreement"],
    }


def require(found: Agreement) -> None:
    """Raises ExportDamaged where the written model says something else than the one that was trained."""
    if found.exact < LEAST_EXACT_AGREEMENT or found.int8 < LEAST_INT8_AGREEMENT:
        raise ExportDamaged(
            f"the exported model chooses training's token at {found.exact:.0%} of positions in float32 and "
            f"{found.int8:.0%} in int8; {LEAST_EXACT_AGREEMENT:.0%} and {LEAST_INT8_AGREEMENT:.0%} are needed"
        )


def stage(recipe: Recipe) -> bool:
    """`python -m training export`."""
    settings = recipe.read("export", Export)
    result_file = recipe.folder / "evaluate" / "result.json"
    result = json.loads(result_file.read_text()) if result_file.exists() else None
    figures = finish(recipe, settings, result)
    RunFolder(recipe.folder / "export").report(figures)
    return True
