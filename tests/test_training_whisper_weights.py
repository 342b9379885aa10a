"""Whisper's weights out of CTranslate2 files that a small writer makes, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from streaming_encoder import AudioConfig, AudioModel
from tests.encoder_reference import small_config
from tests.training_whisper import random_whisper, write_ctranslate2
from training.whisper_weights import WhisperWeightsError, encoder_tensors, read_ctranslate2

DTYPES = st.sampled_from([np.float32, np.int8, np.int16, np.int32, np.float16])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_was_written_is_read(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("whisper") / "model.bin"
    names = data.draw(st.lists(st.text("abc/_0", min_size=1, max_size=40), unique=True, max_size=4))
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, max_side=4)
    tensors = {name: data.draw(arrays.arrays(data.draw(DTYPES), shapes)) for name in names}
    aliases = {"an/alias": names[0]} if names else {}
    write_ctranslate2(file, tensors, aliases)
    found = read_ctranslate2(file)
    assert set(found) == {*tensors, *aliases}
    for name, values in tensors.items():
        np.testing.assert_array_equal(found[name].numpy(), values)
    if names:
        assert found["an/alias"] is found[names[0]]


def test_the_encoder_fits_our_network(tmp_path: Path) -> None:
    write_ctranslate2(tmp_path / "model.bin", random_whisper(width=64, layers=2, ffn=96))
    tensors = encoder_tensors(read_ctranslate2(tmp_path / "model.bin"))
    config = small_config()
    config["encoder"].update(d_model=64, layers=2, heads=1, ffn=96)
    config["adapter"].update(input=128)
    model = AudioModel(AudioConfig.parse(config))
    own = {name: tuple(t.shape) for name, t in model.state_dict().items() if name.startswith("encoder.")}
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == own
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())
    raw = random_whisper(width=64, layers=2, ffn=96)
    np.testing.assert_array_equal(
        tensors["encoder.layers.1.fc1.weight"].numpy(), raw["encoder/layer_1/ffn/linear_0/weight"].astype(np.float32)
    )


def test_a_file_cut_anywhere_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    write_ctranslate2(file, {"one": np.ones((2, 3), np.float32)}, {"other": "one"})
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(WhisperWeightsError, match=r"model\.bin"):
            read_ctranslate2(file)


@pytest.mark.parametrize("version", [0, 7, 2**31])
def test_another_version_is_refused(tmp_path: Path, version: int) -> None:
    write_ctranslate2(tmp_path / "model.bin", {}, version=version)
    with pytest.raises(WhisperWeightsError, match="version"):
        read_ctranslate2(tmp_path / "model.bin")


def test_an_alias_of_nothing_is_refused(tmp_path: Path) -> None:
    write_ctranslate2(tmp_path / "model.bin", {"one": np.ones(1, np.float32)}, {"other": "two"})
    with pytest.raises(WhisperWeightsError):
        read_ctranslate2(tmp_path / "model.bin")
