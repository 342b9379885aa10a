"""Weights from safetensors parts, each verified by its sha256 before use. It knows no network: names to tensors.

    <directory>/model.safetensors.index.json
        {"metadata": {"sha256": {"<part>": "<64 hex digits>", …}}, "weight_map": {"<tensor>": "<part>", …}}

Nothing is unpickled, nothing is executed, nothing is fetched. A part is trusted only after all of: its name is a plain
*.safetensors file name, its sha256 is the index's, its header is well formed and within bounds, its data are exactly
as long as the header says, and its tensors are exactly those the index places in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError, safe_open

from streaming_encoder.errors import CheckpointDamagedError, CheckpointMismatchError, CheckpointMissingError

INDEX_NAME = "model.safetensors.index.json"

_INDEX_LIMIT_BYTES = 64 << 20
# A header costs about 100 bytes per tensor; 16 MiB is far above the largest models and far below harm.
_HEADER_LIMIT_BYTES = 16 << 20
_HEADER_LENGTH_BYTES = 8
_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFETCH = "fetch the file again"


class TensorParts:
    """A checkpoint directory opened and verified; tensors are read on demand.

    Raises CheckpointMissingError (no directory, index or part), CheckpointDamagedError (a hash, length or header is
    wrong) or CheckpointMismatchError (parts and index disagree on tensors).
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        index = read_json(directory / INDEX_NAME, _INDEX_LIMIT_BYTES)
        self._part_of = _weight_map(directory, index)
        hashes = _hashes(directory, index)
        self._open: dict[str, Any] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for part in sorted(set(self._part_of.values())):
            if part not in hashes:
                raise CheckpointDamagedError(
                    f"{directory / INDEX_NAME}: no sha256 for {part}; an unpinned part is not used"
                )
            self._verify_part(part, hashes[part])

    def names(self) -> list[str]:
        """All tensor names, sorted."""
        return sorted(self._part_of)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor without reading it. Raises CheckpointMismatchError for an unknown name."""
        self._require(name)
        return self._shapes[name]

    def tensor(
        self, name: str, *, shape: tuple[int, ...] | None = None, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """The stored tensor on the CPU, in its stored dtype; with `shape` or `dtype`, checked against them.

        It may share a private mapping of the file: copy what has to outlive or change it. Raises
        CheckpointMismatchError for an unknown name, another shape or another dtype.
        """
        self._require(name)
        where = f"{self.directory / self._part_of[name]}: tensor {name}"
        if shape is not None and self._shapes[name] != shape:
            raise CheckpointMismatchError(f"{where} has shape {self._shapes[name]}; config.json asks for {shape}")
        try:
            tensor: torch.Tensor = self._handle(self._part_of[name]).get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise CheckpointDamagedError(f"{where} cannot be read ({error}); {_REFETCH}") from error
        if dtype is not None and tensor.dtype != dtype:
            raise CheckpointMismatchError(f"{where} has dtype {tensor.dtype}; {dtype} is needed")
        return tensor

    def _require(self, name: str) -> None:
        if name not in self._part_of:
            raise CheckpointMismatchError(f"{self.directory}: there is no tensor {name} in {INDEX_NAME}")

    def _handle(self, part: str) -> Any:
        if part not in self._open:
            self._open[part] = safe_open(str(self.directory / part), framework="pt", device="cpu")
        return self._open[part]

    def _verify_part(self, part: str, sha256: str) -> None:
        path = self.directory / part
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
                file.seek(0)
                # Hash first: a damaged file should be called damaged, not malformed.
                if digest != sha256:
                    raise CheckpointDamagedError(f"{path}: sha256 is {digest}, the index says {sha256}; {_REFETCH}")
                header = _read_header(path, file.read(_HEADER_LENGTH_BYTES + _HEADER_LIMIT_BYTES), size)
        except OSError as error:
            raise CheckpointMissingError(f"{path} cannot be read ({error.strerror}); {_REFETCH}") from error
        placed = {name for name, place in self._part_of.items() if place == part}
        if header.keys() != placed:
            name = min(header.keys() ^ placed)
            raise CheckpointMismatchError(f"{path}: tensor {name} is in only one of the part and {INDEX_NAME}")
        self._shapes.update(header)


def read_json(path: Path, limit_bytes: int) -> dict[str, Any]:
    """A JSON object from a file of at most `limit_bytes`. Raises CheckpointMissingError or CheckpointDamagedError."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit_bytes + 1)
    except OSError as error:
        raise CheckpointMissingError(
            f"{path} cannot be read ({error.strerror}); is this a checkpoint directory?"
        ) from error
    if len(raw) > limit_bytes:
        raise CheckpointDamagedError(f"{path} is larger than {limit_bytes} bytes; {_REFETCH}")
    return _parse_object(path, raw)


def _parse_object(path: Path, raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointDamagedError(f"{path} is not valid JSON ({type(error).__name__}); {_REFETCH}") from error
    if not isinstance(document, dict):
        raise CheckpointDamagedError(f"{path} holds no JSON object; {_REFETCH}")
    return document


def _weight_map(directory: Path, index: dict[str, Any]) -> dict[str, str]:
    path = directory / INDEX_NAME
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointDamagedError(f"{path}: weight_map is missing or empty; {_REFETCH}")
    for name, part in weight_map.items():
        # A plain file name: no other directory can be reached, and no pickle (.bin, .pt, .pth) is ever opened.
        if not isinstance(part, str) or not _PART_NAME.fullmatch(part):
            raise CheckpointDamagedError(
                f"{path}: tensor {name} is placed in {part!r}; only *.safetensors files are read"
            )
    return weight_map


def _hashes(directory: Path, index: dict[str, Any]) -> dict[str, str]:
    metadata = index.get("metadata")
    hashes = metadata.get("sha256") if isinstance(metadata, dict) else None
    if not isinstance(hashes, dict) or not all(isinstance(h, str) and _SHA256.fullmatch(h) for h in hashes.values()):
        raise CheckpointDamagedError(f"{directory / INDEX_NAME}: metadata.sha256 is missing or malformed; {_REFETCH}")
    return hashes


def _read_header(path: Path, raw: bytes, size: int) -> dict[str, tuple[int, ...]]:
    """Shapes by name from a safetensors header (8-byte little-endian length, then JSON), checked against the file."""
    length = int.from_bytes(raw[:_HEADER_LENGTH_BYTES], "little")
    data_start = _HEADER_LENGTH_BYTES + length
    if len(raw) < _HEADER_LENGTH_BYTES or length > _HEADER_LIMIT_BYTES or data_start > size:
        raise CheckpointDamagedError(f"{path} does not begin with a safetensors header of a sane length; {_REFETCH}")
    header = _parse_object(path, raw[_HEADER_LENGTH_BYTES:data_start])
    header.pop("__metadata__", None)
    ends = [_data_end(path, name, entry) for name, entry in header.items()]
    if max(ends, default=0) != size - data_start:
        raise CheckpointDamagedError(f"{path}: the data are not as long as the header says; {_REFETCH}")
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def _data_end(path: Path, name: str, entry: object) -> int:
    if isinstance(entry, dict):
        shape, offsets = entry.get("shape"), entry.get("data_offsets")
        if _are_counts(shape) and _are_counts(offsets) and len(offsets) == 2 and offsets[0] <= offsets[1]:
            return offsets[1]
    raise CheckpointDamagedError(f"{path}: the header's entry for tensor {name} is malformed; {_REFETCH}")


def _are_counts(values: object) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
