"""A recipe: one TOML file that names every stage's settings. It reads files and knows no model.

[run]         folder, device, sitting_s        where it all goes, and how long one sitting may last
[foundation]  base, whisper, …                 what training starts from
[data]        passed to `training.data`
[cold_start] [mgrd] [rlvr] [preference] [evaluate] [export]     each stage's own settings, see its module
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class RecipeError(ValueError):
    """The recipe does not say what a stage needs, or says what it does not know."""


@dataclass(frozen=True, slots=True)
class Run:
    """sitting_s: seconds after which a stage saves and stops, to be gone on with by the same command."""

    folder: str
    device: str = "auto"
    sitting_s: float = 1e9


@dataclass(frozen=True, slots=True)
class Foundation:
    """base: a checkpoint directory whose decoder is trained on. whisper: the CTranslate2 file whose encoder hears."""

    base: str = "models/embedded"
    whisper: str = ""
    right_context_ms: int = 320
    chunk_frames: int = 32
    adapter_hidden: int = 2048
    decoder_layers: int = 0  # 0: all; fewer make a small model that learns nothing and proves that everything runs
    weights: str = ""  # weights to begin with in place of the foundation's own


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parsed file. `table(name)` is a section as it stands, `read(name, type)` as a typed value."""

    path: Path
    run: Run
    foundation: Foundation
    tables: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Raises RecipeError."""
        try:
            tables = tomllib.loads(path.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(f"{path}: {error}") from error
        whole = cls(path, Run("runs"), Foundation(), tables)
        return cls(path, whole.read("run", Run), whole.read("foundation", Foundation), tables)

    @property
    def folder(self) -> Path:
        return Path(self.run.folder)

    def table(self, name: str) -> dict[str, Any]:
        """A section as it stands; empty where the file has none."""
        section = self.tables.get(name, {})
        if not isinstance(section, dict):
            raise RecipeError(f"{self.path}: [{name}] must be a table")
        return section

    def read(self, name: str, kind: type[T]) -> T:
        """A section as `kind`. Raises RecipeError for settings that it does not have or that are of another type."""
        section = self.table(name)
        known = {f.name for f in fields(kind)}  # type: ignore[arg-type]  # a dataclass, as all settings are
        if unknown := sorted(section.keys() - known):
            raise RecipeError(
                f"{self.path}: [{name}] does not know {unknown[0]!r}; it knows {', '.join(sorted(known))}"
            )
        try:
            return msgspec.convert(section, kind)
        except msgspec.ValidationError as error:
            raise RecipeError(f"{self.path}: [{name}]: {error}") from error
