"""The files of a published benchmark as rows: Parquet, JSON or JSON lines below a folder; and their sound as samples.

It knows no benchmark. Parquet needs pyarrow, which is asked for only where there is a Parquet file.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from training.items import SAMPLE_RATE_HZ

Row = Mapping[str, Any]
_BATCH_ROWS = 64


class PublishedFileError(ValueError):
    """A file that is not as the benchmark publishes it, or cannot be read here. Says which and what would do."""


def rows(folder: Path) -> Iterator[tuple[Path, Row]]:
    """Every row below `folder`, with its file; Parquet where there is any, else JSON. Raises PublishedFileError."""
    if parquet := sorted(folder.rglob("*.parquet")):
        for file in parquet:
            yield from ((file, row) for row in _parquet(file))
        return
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".json", ".jsonl"))
    if not files:
        raise PublishedFileError(f"{folder}: no .parquet, .json or .jsonl file below it")
    for file in files:
        yield from ((file, row) for row in _json(file))


def _parquet(file: Path) -> Iterator[Row]:
    try:
        parquet = import_module("pyarrow.parquet")  # needed by those who have such files, and typed for none
    except ImportError:
        raise PublishedFileError(f"{file}: reading Parquet needs pyarrow: pip install pyarrow") from None
    for batch in parquet.ParquetFile(file).iter_batches(_BATCH_ROWS):
        yield from batch.to_pylist()


def _json(file: Path) -> Iterator[Row]:
    text = file.read_text()
    try:
        found = (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if file.suffix == ".jsonl"
            else json.loads(text)
        )
    except json.JSONDecodeError as error:
        raise PublishedFileError(f"{file} is no JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise PublishedFileError(f"{file}: a list of objects is needed")
    yield from found


def field(file: Path, row: Row, *names: str) -> Any:
    """The first of `names` that the row has. Raises PublishedFileError where it has none."""
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise PublishedFileError(f"{file}: a row has none of {', '.join(names)}; it has {', '.join(sorted(row))}")


def sound(file: Path, value: Any) -> npt.NDArray[np.int16]:
    """int16 [n] at 16 kHz, mono. value: a path relative to `file` or below its folder, or a struct of `bytes` or `path`
    as the datasets library writes them. Raises PublishedFileError."""
    if isinstance(value, Mapping):
        if value.get("bytes") is not None:
            return _decoded(io.BytesIO(value["bytes"]), file)
        value = value.get("path")
    if not isinstance(value, str):
        raise PublishedFileError(f"{file}: a row's sound is neither bytes nor a path")
    for candidate in (file.parent / value, file.parent / Path(value).name):
        if candidate.is_file():
            return _decoded(candidate.open("rb"), candidate)
    raise PublishedFileError(f"{file}: {value} is not there")


def _decoded(stream: io.BufferedIOBase, name: Path) -> npt.NDArray[np.int16]:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
    try:
        with stream, av.open(stream, "r") as container:
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    except (av.FFmpegError, IndexError) as error:
        raise PublishedFileError(f"{name}: its sound cannot be decoded: {error}") from error
    if not frames:
        raise PublishedFileError(f"{name}: there is no sound in it")
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)
