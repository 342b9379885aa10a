"""The network against transformers on the same weights, and the promise that a row never depends on its batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from realtime.decoder.decoder import Decoder
from realtime.decoder.sequence import Row
from tests.decoder_tiny import EMBEDDED_MODEL, VOCAB, reference, run_alone, tiny_decoder

# Largest absolute difference of logits to transformers, float32 on both sides (logits reach some tens).
TOLERANCE = 1e-3


def prompt(seed: int, length: int, vocab: int = VOCAB) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return [int(token) for token in torch.randint(20, vocab, (length,), generator=generator)]


@pytest.mark.parametrize("kind", ["llama", "qwen"])
@pytest.mark.parametrize("length", [1, 2, 17, 150])
def test_logits_equal_transformers(kind: str, length: int) -> None:
    tokens = prompt(length, length)
    with torch.inference_mode():
        expected = reference(kind)(torch.tensor([tokens])).logits[0, -1]
    found = run_alone(tiny_decoder(kind), tokens)
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize("kind", ["llama", "qwen"])
def test_audio_frames_take_ordinary_positions(kind: str) -> None:
    model = reference(kind)
    decoder = tiny_decoder(kind)
    frames = torch.randn(9, decoder.shape.width, generator=torch.Generator().manual_seed(1))
    before, after = prompt(1, 5), prompt(2, 7)
    embed = model.get_input_embeddings()
    with torch.inference_mode():
        inputs = torch.cat([embed(torch.tensor(before)), frames, embed(torch.tensor(after))])
        expected = model(inputs_embeds=inputs[None]).logits[0, -1]
    found = run_alone(decoder, [*before, *decoder.frames.put(frames), *after], cuts=[3, 8, 15])
    assert (found - expected).abs().max() < 1e-4


@pytest.fixture(scope="module")
def embedded_exact() -> Decoder:
    return Decoder.load(EMBEDDED_MODEL, kv_tokens=512, exact=True)


def embedded_reference(decoder: Decoder) -> Any:
    """The embedded checkpoint, dequantised, in transformers' own Llama, by the naming table of its README."""
    from safetensors import safe_open  # noqa: PLC0415

    shape = decoder.shape
    config = LlamaConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.width, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, intermediate_size=shape.mlp_width,
        rms_norm_eps=shape.norm_eps, max_position_embeddings=shape.max_position, tie_word_embeddings=True,
        head_dim=shape.head_dim, rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
    )  # fmt: skip
    tensors = {}
    for part in sorted(EMBEDDED_MODEL.glob("*.safetensors")):
        with safe_open(str(part), framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                tensors[name] = file.get_tensor(name)
    state = {}
    for name, tensor in tensors.items():
        if not name.startswith("decoder.") or name.endswith(".scale"):
            continue
        weight = tensor.float()
        if tensor.dtype == torch.int8:
            weight = weight * tensors[f"{name}.scale"].float()[:, None]
        stem = name.removeprefix("decoder.").replace("embed.", "embed_tokens.")
        for short in ("q", "k", "v", "o"):
            stem = stem.replace(f".{short}.weight", f".self_attn.{short}_proj.weight")
        for short in ("gate", "up", "down"):
            stem = stem.replace(f".{short}.weight", f".mlp.{short}_proj.weight")
        state[f"model.{stem}"] = weight
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.load_state_dict(state, assign=True, strict=True)
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()


def test_embedded_model_equals_transformers(embedded_exact: Decoder) -> None:
    model = embedded_reference(embedded_exact)
    embed = model.get_input_embeddings()
    frames = torch.randn(20, embedded_exact.shape.width, generator=torch.Generator().manual_seed(3))
    for length in (1, 70):
        tokens = prompt(length, length, embedded_exact.shape.vocab_size)
        with torch.inference_mode():
            inputs = torch.cat([embed(torch.tensor(tokens)), frames, embed(torch.tensor(tokens[:3]))])
            expected = model(inputs_embeds=inputs[None]).logits[0, -1]
        symbols = [*tokens, *embedded_exact.frames.put(frames), *tokens[:3]]
        found = run_alone(embedded_exact, symbols, cuts=[len(symbols) // 2])
        assert (found - expected).abs().max() < TOLERANCE


@pytest.fixture(scope="module", params=[True, False], ids=["native", "torch"])
def embedded_int8(request: pytest.FixtureRequest) -> Decoder:
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=2048, native=request.param)
    decoder.cache.fill(float("nan"))
    return decoder


@settings(max_examples=3, deadline=None)
@given(length=st.integers(2, 150), cuts=st.lists(st.integers(1, 149), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_int8_split_of_prefill_changes_no_bit(embedded_int8: Decoder, length: int, cuts: list[int], seed: int) -> None:
    tokens = prompt(seed, length, 40_000)
    whole = run_alone(embedded_int8, tokens)
    split = run_alone(embedded_int8, tokens, cuts=sorted(cut for cut in cuts if cut < length))
    assert torch.equal(whole, split)


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 127, 128, 129, 300])
@pytest.mark.parametrize("native", [True, False], ids=["native", "torch"])
def test_int8_token_by_token_equals_one_pass_to_the_bit(length: int, native: bool) -> None:
    decoder = tiny_decoder(exact=False, native=native)
    tokens = prompt(length, length)
    assert torch.equal(run_alone(decoder, tokens), run_alone(decoder, tokens, cuts=list(range(1, length))))


def test_int8_companions_change_no_bit(embedded_int8: Decoder) -> None:
    """A decoding lane alone, and beside a prefill, a short lane and a long lane."""
    tokens = prompt(1, 140, 40_000)
    alone = run_alone(embedded_int8, tokens, cuts=[139])
    seq, short, long, prefill = (
        embedded_int8.new(prompt(n, size, 40_000)) for n, size in ((1, 140), (2, 3), (3, 261), (4, 40))
    )
    embedded_int8.step([Row(long, 260), Row(seq, 139)])
    embedded_int8.step([Row(short, 2)])
    rows = [Row(long, 1, True), Row(prefill, 33), Row(seq, 1, True), Row(short, 1, True)]
    logits = embedded_int8.step(rows)[2]
    for held in (seq, short, long, prefill):
        embedded_int8.drop(held)
    assert logits is not None
    assert torch.equal(logits[0], alone)
    assert embedded_int8.pool.used == 0


def test_only_wanted_logits_come_back() -> None:
    decoder = tiny_decoder()
    first, second = decoder.new(prompt(1, 4)), decoder.new(prompt(2, 5))
    found = decoder.step([Row(first, 4), Row(second, 5, want_logits=True)])
    assert found[0] is None
    assert found[1] is not None
    assert found[1].shape == (1, VOCAB)
    assert found[1].dtype == torch.float32
    assert decoder.step([]) == []
