"""Manifest: a model file is used only if it is the one that was shipped."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from realtime.errors import CheckpointError
from realtime.turns.detectors import ENDPOINT_FILE, VAD_FILE, VoiceDetector
from realtime.turns.manifest import read_verified
from tests.turns_material import MODELS


def test_the_shipped_files_are_listed() -> None:
    for path in (MODELS / "vad" / VAD_FILE, MODELS / "endpoint" / ENDPOINT_FILE):
        assert read_verified(path) == path.read_bytes()


@pytest.mark.parametrize("line", ["{digest}  weights.onnx", "{digest} *weights.onnx"])
def test_both_forms_of_sha256sum_are_read(tmp_path: Path, line: str) -> None:
    (tmp_path / "weights.onnx").write_bytes(b"weights")
    (tmp_path / "SHA256SUMS").write_text(line.format(digest=hashlib.sha256(b"weights").hexdigest()) + "\n")
    assert read_verified(tmp_path / "weights.onnx") == b"weights"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "vad", tmp_path / "vad")
    path = tmp_path / "vad" / VAD_FILE
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        VoiceDetector.load(tmp_path / "vad")


def test_a_missing_file_and_a_missing_manifest_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="SHA256SUMS"):
        read_verified(tmp_path / "weights.onnx")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  other.onnx\n")
    (tmp_path / "weights.onnx").write_bytes(b"")
    with pytest.raises(CheckpointError, match="not listed"):
        read_verified(tmp_path / "weights.onnx")
    with pytest.raises(CheckpointError, match="cannot read"):
        read_verified(tmp_path / "other.onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / VAD_FILE).write_bytes(b"not a model")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'not a model').hexdigest()}  {VAD_FILE}\n")
    with pytest.raises(CheckpointError, match="onnxruntime"):
        VoiceDetector.load(tmp_path)
