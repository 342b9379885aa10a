"""Recordings of people: read from manifests of audio files and from packed shards, put in rooms as synthetic speech is.

A manifest is JSON lines: `audio` (a path, relative to the manifest), `text`, and where known `speaker`, `source`,
`start_ms`, `end_ms`, `word_end_ms`, `split` ("train", "dev", "test"; else one speaker in twenty is for evaluation, so
that nobody's voice is on both sides). A shards folder holds `NAME-000.bin` files of concatenated recordings and
`NAME.jsonl`, whose lines give `shard`, `offset`, `size`, `text`, `word_end_ms`, `voice`, `source`; `NAME-dev.jsonl` is
for evaluation only. Knows no synthesis and no mixture.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from training.data import rooms
from training.data.scenes import measured
from training.data.split import is_evaluation
from training.data.spoken_form import heard
from training.data.voices.talker import Samples
from training.data.voices.word_times import letters_weight, word_ends
from training.items import SAMPLE_RATE_HZ, Clip, Example, Item

LONGEST_S = 20.0
_SPEED = (0.92, 1.09)  # mild: people must stay people
_DEV = "-dev"
_UNSURE_SHARE = 0.4  # a text that one recogniser alone has found is drawn that often as one that is sure


class BadManifest(Exception):
    """A manifest or shard that cannot be read. Says which, and in which line."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where one recording lies and what is said in it. offset, size: bytes in a shard; None means a file of its own."""

    path: Path
    text: str
    voice: str
    source: str
    word_end_ms: tuple[int, ...] = ()
    offset: int | None = None
    size: int = 0
    start_ms: int = 0
    end_ms: int | None = None
    is_evaluation: bool = False
    is_sure: bool = True  # how its text was found: by hand or by agreeing recognisers, or by one alone
    seconds: float = 0.0


def read_manifest(path: Path) -> Iterator[Recording]:
    """The recordings of a JSON-lines manifest; raises BadManifest."""
    for row in _rows(path):
        try:
            speaker = str(row.get("speaker") or path.stem)
            yield Recording(
                path=path.parent / str(row["audio"]),
                text=heard(str(row["text"])),
                voice=f"people/{speaker}",
                source=str(row.get("source") or "own-recordings"),
                word_end_ms=tuple(int(ms) for ms in row.get("word_end_ms") or ()),
                start_ms=int(row.get("start_ms") or 0),
                end_ms=int(row["end_ms"]) if row.get("end_ms") else None,
                is_evaluation=row["split"] in ("dev", "test")
                if "split" in row
                else is_evaluation(f"speaker {speaker}"),
                seconds=float(row.get("seconds") or 0.0),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadManifest(f"{path}: a line lacks a good {error}: each needs at least `audio` and `text`") from error


def read_shards(folder: Path) -> Iterator[Recording]:
    """The recordings of a folder of packed shards; raises BadManifest."""
    indexes = sorted(path for path in folder.glob("*.jsonl") if (folder / f"{_base(path)}-000.bin").exists())
    if not indexes:
        raise BadManifest(f"{folder} holds no shards: expected NAME.jsonl beside NAME-000.bin")
    for index in indexes:
        for row in _rows(index):
            if "text" not in row:
                continue  # an effect, not speech
            text = heard(str(row["text"]))
            ends = tuple(int(ms) for ms in row.get("word_end_ms") or ())
            yield Recording(
                path=folder / f"{_base(index)}-{int(row['shard']):03}.bin",
                text=text,
                voice=f"people/{row['voice']}",
                source=str(row["source"]),
                word_end_ms=ends,
                offset=int(row["offset"]),
                size=int(row["size"]),
                is_evaluation=index.stem.endswith(_DEV),
                is_sure=bool(row.get("sure", True)),
                seconds=float(row.get("seconds") or 0.0),
            )


def _base(index: Path) -> str:
    return index.stem.removesuffix(_DEV)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text()
    except OSError as error:
        raise BadManifest(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadManifest(f"{path}, line {number}: no JSON: {error.msg}") from error
        yield row


def load(recording: Recording) -> Samples:
    """float32 [n] mono at 16 kHz, cut to its part; raises BadManifest."""
    import soundfile  # noqa: PLC0415 - only who has recordings needs it

    try:
        if recording.offset is None:
            data, rate_hz = soundfile.read(str(recording.path), dtype="float32", always_2d=True)
        else:
            with recording.path.open("rb") as file:
                file.seek(recording.offset)
                data, rate_hz = soundfile.read(io.BytesIO(file.read(recording.size)), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise BadManifest(f"{recording.path} holds no audio that can be read at {recording.offset}") from error
    mono = np.ascontiguousarray(data.mean(axis=1))
    end = None if recording.end_ms is None else recording.end_ms * rate_hz // 1000
    mono = mono[recording.start_ms * rate_hz // 1000 : end]
    return np.asarray(soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ, quality="HQ"), np.float32)


class People:
    """All recordings of some manifests and shard folders; draws an example of either side of the split."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._training: list[Recording] = []
        self._evaluation: list[Recording] = []
        for place in places:
            for recording in read_shards(place) if place.is_dir() else read_manifest(place):
                if recording.text and recording.seconds <= LONGEST_S:
                    if not recording.is_evaluation:
                        self._training.append(recording)
                    elif recording.is_sure:
                        self._evaluation.append(recording)

    def __len__(self) -> int:
        return len(self._training) + len(self._evaluation)

    def recordings(self, *, evaluation: bool) -> list[Recording]:
        return self._evaluation if evaluation else self._training

    def draw(self, rng: np.random.Generator, *, evaluation: bool, noisy: float) -> Example:
        """A recording to be written down, in a room; for training also a little faster or slower, pitch with it."""
        found = self.recordings(evaluation=evaluation)
        if not found:
            raise BadManifest(f"no recording on the {'evaluation' if evaluation else 'training'} side of the split")
        recording = found[int(rng.integers(len(found)))]
        while not recording.is_sure and rng.random() > _UNSURE_SHARE:
            recording = found[int(rng.integers(len(found)))]
        samples, ends = _spoken(recording)
        if not evaluation and rng.random() < 0.6:
            speed = float(rng.uniform(*_SPEED))
            samples = np.asarray(
                soxr.resample(samples, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, quality="HQ"), np.float32
            )
            ends = tuple(int(end / speed) for end in ends)
        room = rooms.CLEAN if evaluation and noisy == 0 else rooms.draw(rng, noisy=noisy)
        if not evaluation and rng.random() < 0.35:
            # As it was recorded, but for its level: a good part of what people say is heard without any of this.
            room = replace(rooms.CLEAN, level_dbfs=room.level_dbfs, lead_s=room.lead_s, trail_s=room.trail_s)
        placed, ends = rooms.place(samples, ends, room, rng)
        item = Item("transcribe/people", recording.text, recording.text)
        clip = Clip(rooms.to_int16(placed), ends, recording.voice, recording.source)
        return Example(item, clip, measured(placed, item, None))


def _spoken(recording: Recording) -> tuple[Samples, tuple[int, ...]]:
    """The sound and its word ends, estimated where the manifest has none that fit."""
    samples = load(recording)
    words = recording.text.split()
    ends = recording.word_end_ms
    if len(ends) != len(words):
        ends = word_ends(samples, tuple(map(letters_weight, words)))
    limit = len(samples) * 1000 // SAMPLE_RATE_HZ
    return samples, tuple(min(end, limit) for end in ends)
