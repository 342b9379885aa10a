"""Examples on disk: parts of FLAC recordings end to end, and a JSON line for each example. Knows no voices.

Part `data-00012.bin` has its lines in `data-00012.jsonl`; a part is there only when it is whole. `manifest.jsonl` has
the lines of all parts. A typed example has a line and no sound.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from training.data.licences import licence
from training.items import SAMPLE_RATE_HZ, Clip, Example, Item

MOST_BYTES = 60_000_000  # of a part: what one transfer to a rented machine takes
MANIFEST = "manifest.jsonl"


class BadShard(Exception):
    """A part that cannot be written or read. Says which, and what to do."""


def part_name(number: int) -> str:
    return f"data-{number:05}"


def write_part(folder: Path, number: int, examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Writes one part and returns its lines; it appears under its name only when complete. Raises BadShard."""
    import soundfile  # noqa: PLC0415 - only who writes or reads shards needs it

    name = part_name(number)
    block = bytearray()
    rows: list[dict[str, Any]] = []
    for example in examples:
        row: dict[str, Any] = {"item": asdict(example.item), "labels": example.labels}
        if example.clip is not None:
            buffer = io.BytesIO()
            soundfile.write(buffer, example.clip.samples, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
            data = buffer.getvalue()
            row |= {
                "audio": f"{name}.bin", "offset": len(block), "size": len(data),
                "seconds": round(example.clip.seconds, 3),
                "word_end_ms": list(example.clip.word_end_ms), "voice": example.clip.voice,
                "source": example.clip.source,
                "licence": licence(example.clip.source),
            }  # fmt: skip
            block += data
        rows.append(row)
    if len(block) > MOST_BYTES:
        raise BadShard(f"{name} has {len(block) / 1e6:.0f} MB, over {MOST_BYTES / 1e6:.0f}: lower `examples_per_part`")
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{name}.bin"
    unfinished.write_bytes(block)
    unfinished.replace(folder / f"{name}.bin")
    lines = folder / f".{name}.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines.replace(folder / f"{name}.jsonl")  # last: a part with lines is whole
    return rows


def has_part(folder: Path, number: int) -> bool:
    return (folder / f"{part_name(number)}.jsonl").exists()


def read_rows(folder: Path, number: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{part_name(number)}.jsonl").read_text().splitlines()]


def write_manifest(folder: Path, parts: int) -> Path:
    path = folder / MANIFEST
    unfinished = folder / f".{MANIFEST}"
    with unfinished.open("w") as file:
        for number in range(parts):
            file.write((folder / f"{part_name(number)}.jsonl").read_text())
    unfinished.replace(path)
    return path


def read(folder: Path) -> Iterator[Example]:
    """All examples of a manifest, in order; raises BadShard."""
    import soundfile  # noqa: PLC0415

    manifest = folder / MANIFEST
    if not manifest.exists():
        raise BadShard(f"{folder} has no {MANIFEST}: run the data stage to its end")
    for line in manifest.read_text().splitlines():
        row = json.loads(line)
        clip = None
        if "audio" in row:
            with (folder / row["audio"]).open("rb") as file:
                file.seek(row["offset"])
                data = file.read(row["size"])
            try:
                samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
            except RuntimeError as error:
                raise BadShard(
                    f"{row['audio']} is damaged at {row['offset']}: delete it and run the stage again"
                ) from error
            clip = Clip(np.asarray(samples, np.int16), tuple(row["word_end_ms"]), row["voice"], row["source"])
        yield Example(Item(**row["item"]), clip, row["labels"])
