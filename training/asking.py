"""How a stage that learns from the model's own answers is opened and closed. It knows no way of learning.

Such a stage is asked questions that workers speak, answers them with the model as the stage before left it, and leaves
its weights in a folder of its own. What it does between is its `run`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

from realtime.decoder.tokenizer import Tokenizer
from training.feed import Feed, Source
from training.format import Format
from training.questions import asked
from training.recipe import Recipe
from training.rewards import Decode
from training.session import base_directory, open_session
from training.speech_model import SpeechModel


@dataclass(frozen=True, slots=True)
class Asking:
    """Settings that such stages have in common.

    sitting_s: how long one sitting may last. workers: processes that speak. keeps: examples in their pool;
    begins_with: in it before the first is drawn.
    """

    sitting_s: float = 1e9
    workers: int = 14
    keeps: int = 8_000
    begins_with: int = 2_000
    seed: int = 0


S = TypeVar("S", bound=Asking)
# Model, format, decoding of tokens, source of examples, settings, folder of the stage -> whether the stage is done.
Run: TypeAlias = Callable[[SpeechModel, Format, Decode, Source, S, Path], bool]


def taught_by_asking(
    recipe: Recipe, name: str, kind: type[S], run: Run[S], kinds: Mapping[str, float], *, voices_seed: int,
    inner: Mapping[str, Mapping[str, float]] | None = None,
) -> bool:  # fmt: skip
    """The stage `name`, whose settings are of `kind`; returns whether it is done, now or before.

    kinds, inner: weights of the questions (`training.questions.asked`). voices_seed: sets its examples apart from
    those of other stages.
    """
    settings = recipe.read(name, kind)
    session = open_session(recipe, name, asked(recipe, kinds, inner))
    folder = session.folder(name)
    if folder.is_done:
        return True
    decode = Tokenizer(base_directory(recipe) / "tokenizer.json", session.form.special).decode
    sitting = replace(settings, sitting_s=min(settings.sitting_s, recipe.run.sitting_s))
    with Feed(session.source, workers=settings.workers, seed=settings.seed + voices_seed, keeps=settings.keeps) as feed:
        feed.wait_for(settings.begins_with)
        return run(session.model, session.form, decode, feed.draw, sitting, folder.path)
