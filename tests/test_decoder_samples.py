"""The seed samples end to end: recordings through the encoder, the documented prompt, the recorded answers.

benchmarks/decoder.py compares all sixteen, in int8 and in float32; here are four short ones.
"""

from __future__ import annotations

import json
import wave

import numpy as np
import pytest
import torch

from realtime.decoder.decoder import Decoder
from realtime.decoder.detokenizer import Detokenizer
from realtime.decoder.sampling import greedy
from realtime.decoder.sequence import Row, Symbol
from streaming_encoder import AudioModel, EncoderStream, load_audio_model
from tests.decoder_tiny import SEED_MODEL

EXPECTED = {entry["file"]: entry for entry in json.loads((SEED_MODEL / "samples" / "expected.json").read_text())}
FILES = ["01_geography_espeak.wav", "04_multiply_kokoro.wav", "13_letters_flite.wav", "15_sweep_piper.wav"]


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder.load(SEED_MODEL, kv_tokens=1024)


@pytest.fixture(scope="module")
def audio_model() -> AudioModel:
    return load_audio_model(SEED_MODEL)


def prompt(decoder: Decoder, frames: torch.Tensor) -> list[Symbol]:
    """Final mode of models/seed/README.md, token by token."""
    instructions = json.loads((SEED_MODEL / "config.json").read_text())["system_prompt"]
    encode, special = decoder.tokenizer.encode, decoder.tokenizer.special
    return [
        special.im_start, *encode(f"system\n{instructions}"), special.im_end, *encode("\n"),
        special.im_start, *encode("user\n"), special.audio_start, *decoder.frames.put(frames), special.audio_end,
        special.im_end, *encode("\n"), special.im_start, *encode("assistant\n"),
    ]  # fmt: skip


def test_int8_answers_are_the_recorded_ones(decoder: Decoder, audio_model: AudioModel) -> None:
    """All lanes share the trunk of the system prompt and decode in one batch."""
    lanes = []
    for name in FILES:
        with wave.open(str(SEED_MODEL / "samples" / name)) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        stream = EncoderStream(audio_model, chunk_frames=32)
        lanes.append(prompt(decoder, torch.cat([stream.push(pcm), stream.finish()])))
    shared = 10  # symbols of the system prompt, equal in all
    trunk = decoder.new(lanes[0][:shared])
    decoder.step([Row(trunk, shared)])
    seqs = [decoder.fork(trunk) for _ in lanes]
    for seq, symbols in zip(seqs, lanes, strict=True):
        decoder.extend(seq, symbols[shared:])
    texts = [""] * len(lanes)
    detokenizers = [Detokenizer(decoder.tokenizer) for _ in lanes]
    for _ in range(80):
        running = [index for index, seq in enumerate(seqs) if seq.pending]
        if not running:
            break
        found = decoder.step([Row(seqs[index], seqs[index].pending, want_logits=True) for index in running])
        for index, logits in zip(running, found, strict=True):
            assert logits is not None
            token = greedy(logits[0])
            texts[index] += detokenizers[index].push(token)
            if token != decoder.tokenizer.special.eos:
                decoder.extend(seqs[index], [token])
    assert texts == [EXPECTED[name]["measured_output_chunk32"] for name in FILES]
    for seq in (trunk, *seqs):
        decoder.drop(seq)
    assert decoder.pool.used == 0
