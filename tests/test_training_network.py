"""The decoder that is trained computes what the decoder that serves computes, in float32; its cache changes nothing."""

from __future__ import annotations

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.decoder.shape import DecoderShape
from tests.decoder_tiny import VOCAB, run_alone, section, source, tiny_decoder
from training.network import Cache, Decoder

TOKENS = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=40)


@functools.cache
def trained() -> Decoder:
    """The weights of `tiny_decoder` in the network of training."""
    network = Decoder(DecoderShape.from_config(section("llama")))
    tensors = {name.removeprefix("decoder."): tensor for name, tensor in source("llama").tensors.items()}
    wanted = network.state_dict()
    assert not wanted.keys() - tensors.keys()
    network.load_state_dict({name: tensors[name] for name in wanted})
    return network.eval()


def logits(tokens: list[int]) -> torch.Tensor:
    with torch.no_grad():
        network = trained()
        return network.logits(network(network.embed(torch.tensor([tokens]))))[0]


@settings(max_examples=25, deadline=None)
@given(tokens=TOKENS)
def test_it_says_what_the_serving_decoder_says(tokens: list[int]) -> None:
    served = run_alone(tiny_decoder("llama"), tokens)
    torch.testing.assert_close(logits(tokens)[-1], served, atol=2e-4, rtol=1e-3)


@settings(max_examples=30, deadline=None)
@given(tokens=TOKENS, cuts=st.lists(st.integers(1, 12), max_size=6))
def test_a_cache_changes_nothing(tokens: list[int], cuts: list[int]) -> None:
    network, cache = trained(), Cache.empty()
    pieces = list(torch.tensor([tokens]).split([*_within(cuts, len(tokens))], 1))
    with torch.no_grad():
        found = torch.cat([network(network.embed(piece), cache) for piece in pieces], 1)
        torch.testing.assert_close(network.logits(found)[0], logits(tokens), atol=1e-4, rtol=1e-4)
    assert cache.length == len(tokens)


def _within(cuts: list[int], length: int) -> list[int]:
    sizes: list[int] = []
    for cut in cuts:
        if sum(sizes) + cut < length:
            sizes.append(cut)
    return [*sizes, length - sum(sizes)]


@settings(max_examples=30, deadline=None)
@given(prompts=st.lists(TOKENS, min_size=1, max_size=4), more=st.integers(1, 5), seed=st.integers(0, 99))
def test_prompts_of_several_lengths_go_on_as_each_would_alone(prompts: list[list[int]], more: int, seed: int) -> None:
    network, cache = trained(), Cache.empty()
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    padded = torch.zeros(len(prompts), int(lengths.max()), dtype=torch.long)
    for row, prompt in zip(padded, prompts, strict=True):
        row[: len(prompt)] = torch.tensor(prompt)
    torch.manual_seed(seed)
    going_on = torch.randint(0, VOCAB, (len(prompts), more))
    with torch.no_grad():
        network(network.embed(padded), cache)
        cache.prompt = padded.shape[1]
        for step in range(more):  # a token at a time, as sampling does
            hidden = network(network.embed(going_on[:, step : step + 1]), cache, lengths)
        found = network.logits(hidden[:, -1])
    for row, prompt, further in zip(found, prompts, going_on.tolist(), strict=True):
        torch.testing.assert_close(row, logits([*prompt, *further])[-1], atol=2e-4, rtol=1e-3)


def test_the_future_never_changes_the_past() -> None:
    tokens = list(range(20))
    other = [*tokens[:10], *reversed(tokens[10:])]
    torch.testing.assert_close(logits(tokens)[:10], logits(other)[:10])


def test_saving_memory_changes_no_gradient() -> None:
    shape = DecoderShape.from_config(section("llama"))
    tokens = torch.arange(12)[None]
    gradients = []
    for saves in (False, True):
        network = Decoder(shape, saves_memory=saves)
        network.load_state_dict(trained().state_dict())
        network.train()
        network.logits(network(network.embed(tokens))).logsumexp(-1).sum().backward()
        gradients.append(network.layers[0].q.weight.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_an_untied_head_is_refused() -> None:
    with pytest.raises(AssertionError, match="head"):
        Decoder(DecoderShape.from_config(section("qwen")))
