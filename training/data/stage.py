"""The stage `data`: builds the corpus file of texts, renders examples with all cores, writes and sums up shards.

Each part of the shards is a range of the stream's numbers, so an interrupted run goes on with the parts that are not
there. Training itself renders as it goes and needs only the texts; shards are for machines that cannot, and for
looking at.

    [mixture]   see `training.data.mixture`
    [data]      examples, seed, workers, examples_per_part, build_texts, text_roots
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from training.data import corpus_build, shards
from training.data.generator import Generator
from training.data.licences import SOURCES, licence
from training.data.mixture import Mixture, from_toml

if TYPE_CHECKING:
    from training.recipe import Recipe

logger = logging.getLogger(__name__)

# Where Debian's packages put dictionaries and quotations; a folder of unpacked packages does as well.
TEXT_ROOTS = ("/usr/share",)


@dataclass(frozen=True, slots=True)
class Settings:
    """examples: how many to render; 0 makes the texts only. workers: 0 takes every core.

    build_texts: make the mixture's `texts` file where it is missing, from packages under `text_roots`.
    """

    examples: int = 0
    seed: int = 0
    workers: int = 0
    examples_per_part: int = 400
    build_texts: bool = True
    text_roots: tuple[str, ...] = TEXT_ROOTS


def stage(recipe: Recipe) -> bool:
    """Renders what the recipe's [data] asks for, in rounds of its sitting. True when all is there."""
    settings = recipe.read("data", Settings)
    mixture = from_toml(recipe.table("mixture"), recipe.path.parent)
    return render(mixture, settings, recipe.folder / "data", sitting_s=recipe.run.sitting_s)


def run(config: Mapping[str, Any], out: Path) -> bool:
    """The same from a parsed file; paths in it are relative to the working folder."""
    table = dict(config.get("data", {}))
    if "text_roots" in table:
        table["text_roots"] = tuple(table["text_roots"])
    return render(from_toml(config.get("mixture", {})), Settings(**table), out)


def run_file(path: Path, out: Path) -> bool:
    with path.open("rb") as file:
        return run(tomllib.load(file), out)


def render(mixture: Mixture, settings: Settings, out: Path, *, sitting_s: float = 1e9) -> bool:
    """Texts, then the parts that are missing, then manifest and summary. False when the sitting ended before."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    if mixture.texts is not None and settings.build_texts and not mixture.texts.exists():
        counts = corpus_build.build(mixture.texts, tuple(Path(root) for root in settings.text_roots))
        (out / "texts.json").write_text(json.dumps(counts, indent=1))
    size = settings.examples_per_part
    parts = -(-settings.examples // size)
    missing = [number for number in range(parts) if not shards.has_part(out, number)]
    done = _parts(mixture, settings, out, missing, started + sitting_s)
    if done < len(missing):
        return False
    if parts:
        shards.write_manifest(out, parts)
    (out / "summary.json").write_text(json.dumps(summary(out, parts), indent=1))
    return True


def _parts(mixture: Mixture, settings: Settings, out: Path, missing: list[int], until: float) -> int:
    """Renders parts until `until` (monotonic seconds); how many were done."""
    if not missing:
        return 0
    workers = min(settings.workers or os.cpu_count() or 1, len(missing))
    done = 0
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, mp_context=context, initializer=_open, initargs=(mixture, settings.seed)) as pool,
        tqdm(total=len(missing), unit="part", desc="data") as bar,
    ):
        waiting = {}
        for number in missing:
            first = number * settings.examples_per_part
            count = min(settings.examples_per_part, settings.examples - first)
            waiting[pool.submit(_part, out, number, first, count)] = number
        for future in as_completed(waiting):
            future.result()
            done += 1
            bar.update()
            if time.monotonic() > until:
                pool.shutdown(cancel_futures=True)
                break
    return done


_generator: Generator | None = None


def _open(mixture: Mixture, seed: int) -> None:
    """In each worker, once: voices and texts load here."""
    global _generator  # noqa: PLW0603 - a worker process has one, which outlives its tasks
    _generator = Generator(seed, mixture)


def _part(out: Path, number: int, first: int, count: int) -> None:
    assert _generator is not None  # `_open` ran
    generator = _generator
    shards.write_part(out, number, (generator.example(first + index) for index in range(count)))


def summary(out: Path, parts: int) -> dict[str, Any]:
    """Hours by voice family and kind, counts of examples, and the licence of every source that is in it."""
    kinds: Counter[str] = Counter()
    hours: Counter[str] = Counter()
    voices: Counter[str] = Counter()
    sources: set[str] = set()
    for number in range(parts):
        for row in shards.read_rows(out, number):
            kinds[row["item"]["kind"]] += 1
            if "audio" in row:
                group = row["item"]["kind"].partition("/")[0]
                hours[group] += row["seconds"] / 3600
                voices[row["voice"].partition("/")[0]] += row["seconds"] / 3600
                sources.add(row["source"])
    return {
        "examples": sum(kinds.values()),
        "hours": round(sum(hours.values()), 3),
        "hours_by_kind": {name: round(value, 3) for name, value in sorted(hours.items())},
        "hours_by_voice": {name: round(value, 3) for name, value in sorted(voices.items())},
        "examples_by_kind": dict(sorted(kinds.items())),
        "licences": {
            name: {"licence": licence(name), "origin": SOURCES[name].origin if name in SOURCES else "a manifest"}
            for name in sorted(sources)
        },
    }
