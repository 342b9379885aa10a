"""What training starts from: what is kept of a base that hears with the same encoder, and of one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.decoder_tiny import EMBEDDED_MODEL
from tests.training_small_talker import small_config
from tests.training_whisper import random_whisper, write_ctranslate2
from tests.transcriber_tiny import tiny_section
from training import checkpoint
from training.foundation import lay
from training.speech_model import SpeechModel
from training.whisper_weights import encoder_tensors, read_ctranslate2


@pytest.fixture
def whispers(tmp_path: Path) -> tuple[Path, Path]:
    """Two of the same shape and other weights."""
    for name, seed in (("own", 0), ("other", 1)):
        write_ctranslate2(tmp_path / name, random_whisper(layers=1, ffn=64, seed=seed))
    return tmp_path / "own", tmp_path / "other"


@pytest.fixture
def base(tmp_path: Path, whispers: tuple[Path, Path]) -> Path:
    """A checkpoint directory that hears with the encoder of `whispers[0]` and names a transcriber."""
    config = small_config()
    config["transcriber"] = tiny_section(64)
    torch.manual_seed(0)
    model = checkpoint.build(config)
    tensors = encoder_tensors(read_ctranslate2(whispers[0]))
    model.audio.encoder.load_state_dict({name.removeprefix("encoder."): t for name, t in tensors.items()})
    checkpoint.export(model, config, tmp_path / "base")
    return tmp_path / "base"


def laid(base: Path, whisper: Path, adapter_hidden: int = 32) -> tuple[SpeechModel, dict[str, Any]]:
    model, config = lay(base, whisper, adapter_hidden=adapter_hidden)
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    stored = checkpoint.load_model(base).decoder.state_dict()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in model.decoder.state_dict().items())
    heard = encoder_tensors(read_ctranslate2(whisper))
    assert all(torch.equal(t, heard[f"encoder.{name}"]) for name, t in model.audio.encoder.state_dict().items())
    return model, config


def keeps_the_adapter(model: SpeechModel, base: Path) -> bool:
    stored = checkpoint.load_model(base).audio.adapter.state_dict()
    found = model.audio.adapter.state_dict()
    return all(torch.equal(found[name], tensor) for name, tensor in stored.items())


def test_with_the_same_encoder_adapter_and_transcriber_stay(base: Path, whispers: tuple[Path, Path]) -> None:
    model, config = laid(base, whispers[0])
    assert keeps_the_adapter(model, base)
    assert config["transcriber"] == tiny_section(64)


def test_to_another_encoder_the_adapter_is_fresh_and_no_transcriber_listens(
    base: Path, whispers: tuple[Path, Path]
) -> None:
    model, config = laid(base, whispers[1])
    assert not keeps_the_adapter(model, base)
    assert "transcriber" not in config


def test_an_adapter_of_another_size_is_fresh_and_the_transcriber_stays(base: Path, whispers: tuple[Path, Path]) -> None:
    model, config = laid(base, whispers[0], adapter_hidden=48)
    assert model.audio.adapter.fc1.weight.shape == (48, 128 + 31)
    assert "transcriber" in config


def test_the_embedded_model_is_a_base(tmp_path: Path) -> None:
    """Of another width than the Whisper that is given here, as in training/configs/tiny.toml."""
    write_ctranslate2(tmp_path / "model.bin", random_whisper())
    model, config = lay(EMBEDDED_MODEL, tmp_path / "model.bin", adapter_hidden=64)
    assert model.audio.adapter.fc1.weight.shape == (64, 2 * 64 + 31)
    assert len(model.decoder.layers) == 30
    assert "transcriber" not in config
