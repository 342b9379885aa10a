"""The seed samples end to end: recordings through the encoder and the documented prompt, heard by the decoder alone.

Truth is transformers' own greedy decoding of the same weights, and what was said: the transcripts and key facts of
samples/expected.json. benchmarks/decoder.py compares all sixteen, in int8 and in float32; here are a few short ones.
"""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from realtime.decoder.decoder import Decoder
from realtime.decoder.sampling import greedy
from realtime.decoder.sequence import Row, Symbol
from streaming_encoder import AudioModel, EncoderStream, load_audio_model
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.test_decoder_model import embedded_reference

SAMPLES = EMBEDDED_MODEL / "samples"
EXPECTED = {entry["file"]: entry for entry in json.loads((SAMPLES / "expected.json").read_text())}
FILES = ["02_subtract_flite.wav", "04_multiply_kokoro.wav", "13_letters_flite.wav", "15_sweep_piper.wav"]
# The first is misheard by the decoder alone: what is wrong must be the same wrong.
EXACT_FILES = ["01_geography_espeak.wav", "04_multiply_kokoro.wav"]
MOST_TOKENS = 80


@pytest.fixture(scope="module")
def audio_model() -> AudioModel:
    torch.set_num_threads(1)  # as Decoder.load does below
    return load_audio_model(EMBEDDED_MODEL)


def heard(model: AudioModel, file: str) -> torch.Tensor:
    """Embeddings of a recording, float32 [frames, width]."""
    with wave.open(str(SAMPLES / file)) as recording:
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    stream = EncoderStream(model, chunk_frames=32)
    return torch.cat([stream.push(pcm), stream.finish()])


def prompt(decoder: Decoder, frames: Sequence[Symbol]) -> list[Symbol]:
    """Final mode of models/embedded/README.md, token by token."""
    instructions = json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"]
    encode, special = decoder.tokenizer.encode, decoder.tokenizer.special
    return [
        special.im_start, *encode(f"system\n{instructions}"), special.im_end, *encode("\n"),
        special.im_start, *encode("user\n"), special.audio_start, *frames, special.audio_end,
        special.im_end, *encode("\n"), special.im_start, *encode("assistant\n"),
    ]  # fmt: skip


def written(decoder: Decoder, prompts: list[list[Symbol]], shared: int = 0) -> list[list[int]]:
    """Greedy continuations in one batch, as lanes of a trunk of the first `shared` symbols, which all have."""
    trunk = decoder.new(prompts[0][:shared])
    if shared:
        decoder.step([Row(trunk, shared)])
    seqs = [decoder.fork(trunk) for _ in prompts]
    for seq, symbols in zip(seqs, prompts, strict=True):
        decoder.extend(seq, symbols[shared:])
    tokens: list[list[int]] = [[] for _ in prompts]
    while running := [n for n, seq in enumerate(seqs) if seq.pending and len(tokens[n]) < MOST_TOKENS]:
        found = decoder.step([Row(seqs[n], seqs[n].pending, want_logits=True) for n in running])
        for n, logits in zip(running, found, strict=True):
            assert logits is not None
            tokens[n].append(greedy(logits[0]))
            if tokens[n][-1] != decoder.tokenizer.special.eos:
                decoder.extend(seqs[n], tokens[n][-1:])
    for seq in (trunk, *seqs):
        decoder.drop(seq)
    assert decoder.pool.used == 0
    return tokens


def test_float32_writes_what_transformers_would(audio_model: AudioModel) -> None:
    """One pass of theirs over prompt and answer: at each token of ours, theirs is the same."""
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=1024, threads=1, exact=True)
    model = embedded_reference(decoder)
    embed = model.get_input_embeddings()
    for file in EXACT_FILES:
        frames = heard(audio_model, file)
        (found,) = written(decoder, [prompt(decoder, decoder.frames.put(frames))])
        ids = torch.tensor([*prompt(decoder, [-1] * len(frames)), *found])
        with torch.inference_mode():
            inputs = embed(ids.clamp_min(0))
            inputs[ids < 0] = frames
            logits = model(inputs_embeds=inputs[None], logits_to_keep=len(found) + 1).logits[0, :-1]
        assert logits.argmax(1).tolist() == found
        assert found[-1] == decoder.tokenizer.special.eos


def test_int8_hears_the_words_and_answers_with_the_key(audio_model: AudioModel) -> None:
    """All lanes share the trunk of the system prompt and decode in one batch."""
    decoder = Decoder.load(EMBEDDED_MODEL, kv_tokens=1024, threads=1)
    prompts = [prompt(decoder, decoder.frames.put(heard(audio_model, file))) for file in FILES]
    for file, tokens in zip(FILES, written(decoder, prompts, shared=10), strict=True):
        line, _, answer = decoder.tokenizer.decode(tokens).partition("</think>\n")
        assert line.startswith(f"<think>\nheard: {EXPECTED[file]['transcript']}\n")
        assert EXPECTED[file]["key"] in answer.lower()
        assert answer.endswith("<|im_end|>")
