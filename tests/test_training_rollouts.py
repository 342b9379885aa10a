"""Samples from the cache are what a whole pass over the sequence would give."""

from __future__ import annotations

import json
import wave

import numpy as np
import pytest
import torch

from realtime.decoder import Decoder
from streaming_encoder import load_audio_model
from tests import test_decoder_samples as product
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.training_small_talker import decode, pitch_example, small_format, small_model, sum_example
from training import checkpoint
from training.items import Clip, Example, Item
from training.network import Cache
from training.rewards import Judge
from training.rollouts import Prompt, Sampler, batch_of, continued, groups, listen, prompt_of
from training.speech_model import SpeechModel

END = 2


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    torch.set_num_threads(1)
    return small_model()


def _prompts() -> list[Prompt]:
    """Of different lengths, typed and spoken, with and without notes."""
    form = small_format()
    return [
        prompt_of(form, pitch_example(1.7)),
        prompt_of(form, sum_example()),
        prompt_of(form, pitch_example(0.6, seed=1), is_noted=True),
        prompt_of(form, pitch_example(3.1, seed=2)),
    ]


def _alone(model: SpeechModel, prompt: Prompt, tokens: int) -> list[int]:
    """Greedy, one whole pass a token, no cache."""
    written: list[int] = []
    while len(written) < tokens and END not in written:
        batch, _ = batch_of([prompt], [continued(prompt, written)])
        with torch.no_grad():
            hidden = model.decoder(model.embed(batch))
            written.append(int(model.decoder.logits(hidden[0, -1]).argmax()))
    return written


def test_greedy_samples_equal_whole_passes_without_a_cache(model: SpeechModel) -> None:
    prompts = _prompts()
    sampled = Sampler(model, END, temperature=0.0, most_tokens=20).sample(prompts, 2)
    for prompt, (one, other) in zip(prompts, sampled, strict=True):
        assert list(one.tokens) == _alone(model, prompt, 20)
        assert one.tokens == other.tokens


def test_the_log_probabilities_are_those_that_training_computes(model: SpeechModel) -> None:
    prompts = _prompts()
    listen(model, prompts)
    sampled = Sampler(model, END, temperature=1.0, most_tokens=24).sample(prompts, 3)
    for prompt, rollouts in zip(prompts, sampled, strict=True):
        for rollout in rollouts:
            batch, heard = batch_of([prompt], [continued(prompt, rollout.tokens)])
            with torch.no_grad():
                likely = model.log_probabilities(batch, heard)[0][batch.is_taught[0, 1:]]
            np.testing.assert_allclose(likely.numpy(), rollout.log_probabilities, atol=2e-4)


def test_dropping_the_finished_on_the_way_changes_nobody_else(model: SpeechModel) -> None:
    """Every id but a few ends the answer: most samples are dropped early, the longest prompt among them."""
    prompts = _prompts()
    whole = Sampler(model, END, temperature=0.0, most_tokens=40).sample(prompts, 1)
    for end in {rollout.tokens[9] for (rollout,) in whole if len(rollout.tokens) > 9}:
        cut = Sampler(model, end, temperature=0.0, most_tokens=40).sample(prompts, 1)
        for (full,), (short,) in zip(whole, cut, strict=True):
            expected = full.tokens[: full.tokens.index(end) + 1] if end in full.tokens else full.tokens
            assert short.tokens[: len(expected)] == expected
            assert short.is_whole == (end in short.tokens)


def test_padding_in_the_cache_is_never_read(model: SpeechModel) -> None:
    """A prompt's padding is poisoned; what follows does not see it."""
    decoder = model.decoder
    x = torch.randn(2, 7, decoder.shape.width, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([4, 7])
    more = torch.randn(2, 3, decoder.shape.width, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        cache = Cache.empty()
        decoder(x, cache)
        for k, v in zip(cache.keys, cache.values, strict=True):
            k[0, :, 4:] = 1e4
            v[0, :, 4:] = 1e4
        found = [decoder(more[:, i : i + 1], cache, lengths)[0, 0] for i in range(3)]
        expected = decoder(torch.cat([x[:1, :4], more[:1]], 1))[0, 4:]
    torch.testing.assert_close(torch.stack(found), expected, atol=1e-4, rtol=1e-4)


def test_a_cache_that_lost_its_longest_prompt_must_say_how_long_that_was(model: SpeechModel) -> None:
    decoder = model.decoder
    x = torch.randn(2, 7, decoder.shape.width, generator=torch.Generator().manual_seed(3))
    new = torch.randn(1, 1, decoder.shape.width, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        cache = Cache.empty()
        decoder(x, cache)
        cache.prompt = 7
        found = decoder(new, cache.select(torch.tensor([0])), torch.tensor([4]))[0, 0]
        expected = decoder(torch.cat([x[:1, :4], new], 1))[0, -1]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_samples_differ_with_temperature_and_repeat_with_the_seed(model: SpeechModel) -> None:
    prompts = _prompts()[:1]
    draws = [
        Sampler(model, END, temperature=1.0, most_tokens=12, seed=seed).sample(prompts, 4)[0] for seed in (1, 1, 2)
    ]
    assert [r.tokens for r in draws[0]] == [r.tokens for r in draws[1]] != [r.tokens for r in draws[2]]
    assert len({r.tokens for r in draws[0]}) == 4


def test_sampling_follows_the_softmax(model: SpeechModel) -> None:
    """First tokens of many samples, against the probabilities they were drawn from."""
    prompt = _prompts()[1]
    drawn = Sampler(model, END, temperature=0.7, most_tokens=1, rows=500, seed=3).sample([prompt], 500)[0]
    counts: dict[int, int] = {}
    for rollout in drawn:
        counts[rollout.tokens[0]] = counts.get(rollout.tokens[0], 0) + 1
    likely = {rollout.tokens[0]: float(np.exp(rollout.log_probabilities[0])) for rollout in drawn}
    top = max(counts, key=lambda token: counts[token])
    share = counts[top] / len(drawn)
    assert abs(share - likely[top]) < 4 * np.sqrt(likely[top] * (1 - likely[top]) / len(drawn)) + 1e-3


def test_a_prompt_ends_where_the_model_writes_and_knows_what_stands_there() -> None:
    form = small_format()
    bare, noted = prompt_of(form, pitch_example()), prompt_of(form, pitch_example(), is_noted=True)
    assert bare.opening == () and not any(bare.sequence.is_taught)
    assert noted.opening[0] == form.special.think
    assert tuple(noted.sequence.tokens[-len(noted.opening) :]) == noted.opening


def test_groups_hold_all_of_them_within_the_step() -> None:
    form = small_format()
    sequences = [prompt_of(form, pitch_example(0.3 * k + 0.2)).sequence for k in range(9)]
    found = list(groups(sequences, 150))
    assert sorted(index for group in found for index in group) == list(range(9))
    assert all(len(group) * max(len(sequences[i]) for i in group) <= 150 or len(group) == 1 for group in found)


def test_it_writes_what_the_product_writes_and_knows_that_it_is_right() -> None:
    """The whole way, on real weights: hearing, reading, writing, reading what was written.

    Truth is the decoder that serves, in float32, behind a stream of the encoder.
    """
    form, model = small_format(), checkpoint.load_model(EMBEDDED_MODEL)
    samples = json.loads((EMBEDDED_MODEL / "samples" / "expected.json").read_text())[2:4]
    prompts = []
    for sample in samples:
        with wave.open(str(EMBEDDED_MODEL / "samples" / sample["file"])) as file:
            pcm = np.frombuffer(bytearray(file.readframes(file.getnframes())), np.int16)
        said, key = sample["transcript"], sample["key"]
        item = Item(f"skill/{sample['skill']}", said, said, "", sample["expected_answer"], key)
        prompts.append(prompt_of(form, Example(item, Clip(pcm, (), "sample", "seed"))))
    judge = Judge(decode)
    rollouts = Sampler(model, END, temperature=0.0, most_tokens=64).sample(prompts, 1)
    hearing = load_audio_model(EMBEDDED_MODEL)
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=1024, threads=1, exact=True)
    served = [decoder.frames.put(product.heard(hearing, sample["file"])) for sample in samples]
    asked = [product.prompt(decoder, frames) for frames in served]
    truth = product.written(decoder, asked)
    for tokens, said, (rollout,) in zip(truth, prompts, rollouts, strict=True):
        assert list(rollout.tokens) == tokens
        assert judge.reward(said, judge.mark(said, rollout)) == 1.0
