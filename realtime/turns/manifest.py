"""Reads a model file only if it is the one that was shipped. Knows files and hashes, nothing of what they hold.

The manifest is `SHA256SUMS` beside the file, in the format of sha256sum(1).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from realtime.errors import CheckpointError

MANIFEST = "SHA256SUMS"


def read_verified(path: Path) -> bytes:
    """The bytes of `path`, read once. Raises `CheckpointError` if it is missing, not listed, or not as listed."""
    try:
        listed = _listed_hash(path)
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {error.filename}: {error.strerror}. Restore it from a release of Forethought."
        ) from error
    if listed is None:
        raise CheckpointError(f"{path.name} is not listed in {path.parent / MANIFEST}. Restore both from a release.")
    if hashlib.sha256(content).hexdigest() != listed:
        raise CheckpointError(f"{path} is damaged: its sha256 is not the one in {MANIFEST}. Restore it from a release.")
    return content


def _listed_hash(path: Path) -> str | None:
    for line in (path.parent / MANIFEST).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition(" ")
        if name.lstrip(" *") == path.name:
            return digest.lower()
    return None
