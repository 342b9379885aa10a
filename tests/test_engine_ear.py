"""Hearing with compiled matrices: torch's frames, the same for any split, each weight once."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from realtime.decoder.native import sharing
from realtime.decoder.native.assistant import assistant
from realtime.decoder.native.dense import NativeDense
from realtime.decoder.native.host import KIND_VARIABLE, kind_of_host
from realtime.engine.ear import compile_hearing
from streaming_encoder import AudioModel, EncoderStream, load_audio_model
from tests.encoder_reference import EMBEDDED, embedded_model, noise, reference_embeddings, sample

pytestmark = pytest.mark.skipif(kind_of_host() is None, reason="this CPU runs none of the compiled kernels")


@functools.cache
def compiled_model(assisted: bool = True) -> AudioModel:
    model = load_audio_model(EMBEDDED)
    compile_hearing(model, assisted)
    return model


def hear(model: AudioModel, *pieces: np.ndarray) -> list[torch.Tensor]:
    """Embeddings and 50 Hz frames, what the tail adds at the end."""
    stream = EncoderStream(model)
    heard = [step for piece in pieces for step in stream.hear(piece)] + stream.hear_tail()
    return [torch.cat([step.embeddings for step in heard]), torch.cat([step.frames for step in heard]), heard[-1].ahead]


@pytest.mark.parametrize("assisted", [True, False])
@pytest.mark.parametrize("index", [0, 4])
def test_the_frames_are_torch_s(index: int, assisted: bool) -> None:
    pcm = sample(index)
    ours, theirs = hear(compiled_model(assisted), pcm), hear(embedded_model(), pcm)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-4
    assert (ours[0] - reference_embeddings(pcm)).abs().max() < 1e-4


@given(cuts=st.lists(st.integers(0, 40_000), max_size=8), end=st.integers(1, 40_000))
@settings(max_examples=15, deadline=None)
def test_any_split_gives_the_same_bits_with_and_without_an_assistant(cuts: list[int], end: int) -> None:
    pcm = noise(end, 1)
    whole = hear(compiled_model(False), pcm)
    split = hear(compiled_model(), *np.split(pcm, sorted(cut for cut in cuts if cut < end)))
    assert all(torch.equal(one, other) for one, other in zip(whole, split, strict=True))


def test_each_weight_is_held_once() -> None:
    model, plain = compiled_model(), embedded_model()
    modules = [module for layer in (*model.encoder.layers, model.adapter) for module in layer.modules()]
    assert sum(isinstance(module, NativeDense) for module in modules) == 4 * len(model.encoder.layers) + 2
    assert not any(isinstance(module, nn.Linear) for module in modules)
    assert sum(held.numel() for held in model.parameters()) == sum(held.numel() for held in plain.parameters())


@pytest.mark.skipif(assistant() is None, reason="there is no second core, or no SCHED_IDLE")
def test_a_layer_is_one_step_of_the_assistant() -> None:
    helper, model = assistant(), compiled_model()
    assert helper is not None
    layer = model.encoder.layers[0]
    running: list[int] = []
    note = layer.get_submodule("layer.ln2").register_forward_hook(
        lambda *_: running.append(int(helper._words[sharing.RUNNING // 8]))
    )  # between two products
    stream = EncoderStream(model)
    heard = stream.push(noise(20_000))
    note.remove()
    assert len(heard) and running == [1]
    assert helper._words[sharing.RUNNING // 8] == 0


def test_other_cpus_keep_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KIND_VARIABLE, "torch")
    model = load_audio_model(EMBEDDED)
    compile_hearing(model)
    assert not any(isinstance(module, NativeDense) for module in model.modules())
