"""Whether a served checkpoint directory says what the training model says: the same sound, the same tokens.

Tokens are written greedily behind a sound and the served decoder is asked for its choice at each position. In float32
it is compared with the training code over the very weights of the directory, where every token must agree; in int8, as
it is served, with the training model itself, where a near tie may fall the other way. It knows no stage.
"""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from realtime.decoder import Decoder, Row
from streaming_encoder import EncoderStream, load_audio_model
from training import checkpoint
from training.format import AUDIO, Format, Sequence
from training.items import SAMPLE_RATE_HZ
from training.network import Cache
from training.speech_model import SpeechModel, collate

_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Agreement:
    """embeddings: largest difference of what is heard, as a share of the largest value. exact, int8: share of positions
    at which the served decoder, in float32 and in int8, chooses the token of the model that it is compared with."""

    embeddings: float
    int8: float
    exact: float


def made_up_clips() -> list[npt.NDArray[np.int16]]:
    """Sound to compare on that needs no file: noise, and a tone that rises."""
    random = np.random.default_rng(0)
    seconds = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    noise = 800 * random.standard_normal(SAMPLE_RATE_HZ * 3 // 2)
    tone = 6000 * np.sin(2 * np.pi * (200 + 150 * seconds) * seconds) + 50 * random.standard_normal(len(seconds))
    return [noise.astype(np.int16), tone.astype(np.int16)]


def compare(
    model: SpeechModel, form: Format, directory: Path, clips: Sequence_[npt.NDArray[np.int16]] | None = None
) -> Agreement:
    """`model` on the CPU against `directory`, over `clips` (int16 [n], 16 kHz)."""
    clips = made_up_clips() if clips is None else clips
    audio = load_audio_model(directory)
    pairs = {
        "int8": (model, Decoder.load(directory, kv_tokens=2048)),
        "exact": (checkpoint.load_model(directory), Decoder.load(directory, kv_tokens=2048, exact=True)),
    }
    same = dict.fromkeys(pairs, 0)
    worst = 0.0
    for clip in clips:
        stream = EncoderStream(audio, model.plan.chunk_frames)
        frames = torch.cat([stream.push(clip), stream.finish()])
        for name, (trained, decoder) in pairs.items():
            sequence, heard, written = _write(trained, form, clip)
            worst = max(worst, float((frames - heard).abs().max() / heard.abs().max()))
            chosen = _choices(decoder, sequence, frames, written)
            same[name] += sum(a == b for a, b in zip(chosen, written, strict=True))
    positions = _TOKENS * len(clips)
    return Agreement(worst, same["int8"] / positions, same["exact"] / positions)


@torch.no_grad()
def _write(model: SpeechModel, form: Format, clip: npt.NDArray[np.int16]) -> tuple[Sequence, torch.Tensor, list[int]]:
    """The prompt, its embeddings [n, width], and the tokens that the training model writes behind it."""
    was_training = model.training
    model.eval()
    sequence = form.begin()
    form.spoken(sequence, -(-len(clip) // model.embedding_samples))
    form.open_answer(sequence)
    batch = collate([sequence], [clip], embedding_samples=model.embedding_samples)
    x = model.embed(batch)
    start, count = sequence.spans[0]
    cache = Cache.empty()
    written: list[int] = []
    hidden = model.decoder(x, cache)
    for _ in range(_TOKENS):
        written.append(int(model.decoder.logits(hidden[:, -1])[0].argmax()))
        hidden = model.decoder(model.decoder.embed(torch.tensor([[written[-1]]])), cache)
    model.train(was_training)
    return sequence, x[0, start : start + count], written


def _choices(decoder: Decoder, sequence: Sequence, frames: torch.Tensor, written: list[int]) -> list[int]:
    """What the served decoder would write at each position, given the tokens written before it."""
    sound = iter(decoder.frames.put(frames))
    lane = decoder.new([next(sound) if token == AUDIO else token for token in sequence.tokens])
    logits = decoder.step([Row(lane, lane.pending, want_logits=True, guess=tuple(written[:-1]))])[0]
    decoder.drop(lane)
    assert logits is not None, "logits were asked for"
    return [int(token) for token in logits.argmax(-1)]
