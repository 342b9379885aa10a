"""What a stage is given: the recipe, the model as the stage before left it, and where to put its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import checkpoint, foundation
from training.feed import Source
from training.format import Format
from training.recipe import Recipe, RecipeError
from training.run_folder import RunFolder, device_named
from training.speech_model import SpeechModel

# In this order; each begins with the weights of the last one that is done.
TRAINED = ("cold-start", "mgrd", "rlvr", "preference")


@dataclass(frozen=True, slots=True)
class Session:
    """config: the config.json of the model. source: makes a worker's generator of examples from a seed."""

    recipe: Recipe
    model: SpeechModel
    form: Format
    config: dict[str, Any]
    source: Callable[[int], Source]

    def folder(self, stage: str) -> RunFolder:
        return RunFolder(self.recipe.folder / stage)


def base_directory(recipe: Recipe) -> Path:
    """The checkpoint directory that the recipe starts from."""
    return Path(recipe.foundation.base)


def open_session(recipe: Recipe, stage: str, source: Callable[[int], Source]) -> Session:
    """The model with the weights of the last stage before `stage` that is done. Raises RecipeError."""
    plan = recipe.foundation
    if not plan.whisper:
        raise RecipeError(f"{recipe.path}: [foundation] whisper must name a Whisper model in CTranslate2's format")
    model, config = foundation.lay(
        base_directory(recipe),
        Path(plan.whisper),
        right_context_ms=plan.right_context_ms,
        adapter_hidden=plan.adapter_hidden,
        chunk_frames=plan.chunk_frames,
    )
    if plan.decoder_layers:
        model.decoder.layers = model.decoder.layers[: plan.decoder_layers]
        config["decoder"]["layers"] = plan.decoder_layers
    model.to(device_named(recipe.run.device))
    if plan.weights:
        checkpoint.load_weights(model, Path(plan.weights))
    for earlier in reversed(TRAINED[: TRAINED.index(stage)] if stage in TRAINED else TRAINED):
        done = RunFolder(recipe.folder / earlier)
        if done.is_done:
            checkpoint.load_weights(model, done.weights)
            break
    return Session(recipe, model, checkpoint.load_format(base_directory(recipe)), config, source)
