"""An independent encoder for the tests: one pass over the whole turn in float64, masks instead of caches.

Written from the model card, sharing no line with `streaming_encoder`: numpy's FFT, transformers' mel filters, attention
as a softmax over a written-out mask, each period's correlation by its definition. Right context is written as copies:
each chunk is followed by its own copy of the frames it may look at, seen by that chunk alone.
"""

from __future__ import annotations

import functools
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn.functional import conv1d, gelu, layer_norm, linear, pad
from transformers.audio_utils import mel_filter_bank

from streaming_encoder import AudioConfig, AudioModel, load_audio_model

EMBEDDED = Path(__file__).parents[1] / "models" / "embedded"


@functools.cache
def embedded_model() -> AudioModel:
    return load_audio_model(EMBEDDED)


@functools.cache
def embedded_weights() -> dict[str, torch.Tensor]:
    index = json.loads((EMBEDDED / "model.safetensors.index.json").read_text())
    names = [name for name in index["weight_map"] if name.startswith(("encoder.", "adapter."))]
    files = {part: load_file(EMBEDDED / part) for part in {index["weight_map"][name] for name in names}}
    return {name: files[index["weight_map"][name]][name].double() for name in names}


def small_config() -> dict[str, Any]:
    """The embedded model's config.json with narrow layers, no right context, nothing measured and no transcriber."""
    config: dict[str, Any] = json.loads((EMBEDDED / "config.json").read_text())
    config["encoder"].update(d_model=16, layers=2, heads=2, ffn=32, right_context_ms=0)
    config["adapter"].update(input=32, hidden=32, output=8, prosody=0)
    del config["transcriber"]
    return config


@functools.cache
def small_model() -> AudioModel:
    """Random weights of `small_config`, for tests of long audio: a chunk costs a millisecond."""
    torch.manual_seed(0)
    model = AudioModel(AudioConfig.parse(small_config()))
    torch.nn.init.normal_(model.encoder.pos)
    return model.requires_grad_(False).eval()


def read_wav(path: Path) -> np.ndarray:
    """int16 [n]"""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def sample(index: int) -> np.ndarray:
    return read_wav(sorted((EMBEDDED / "samples").glob("*.wav"))[index])


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Float32 noise whose level changes every 50 ms, so that its frames differ as those of speech do."""
    random = np.random.default_rng(seed)
    level = np.repeat(10 ** random.uniform(-3, -0.5, samples // 800 + 1), 800)[:samples]
    return (level * random.standard_normal(samples)).clip(-1, 1).astype(np.float32)


def reference_mel(pcm: np.ndarray) -> np.ndarray:
    """float [n], n a multiple of 160 -> float64 [n / 160, 80]"""
    filters = mel_filter_bank(201, 80, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.concatenate([np.zeros(240), pcm.astype(np.float64)])
    maximum, frames = 0.5, []
    for start in range(0, len(pcm), 160):
        power = np.abs(np.fft.rfft(padded[start : start + 400] * window)) ** 2
        level = np.log10(np.maximum(power @ filters, 1e-10))
        maximum = max(maximum, level.max())
        frames.append((np.maximum(level, maximum - 8) + 4) / 4)
    return np.array(frames)


def reference_prosody(pcm: np.ndarray) -> np.ndarray:
    """float [n], n a multiple of 1280 -> float64 [n / 1280, 31]: "The 31 numbers" of the model card."""

    def bumps(value: float, first: float, last: float, count: int) -> np.ndarray:
        centres = first + (last - first) / (count - 1) * np.arange(count)
        return np.exp(-0.5 * ((min(max(value, first), last) - centres) / (centres[1] - centres[0])) ** 2)

    found = []
    for sound in pcm.astype(np.float64).reshape(-1, 1280):
        level_db = 10 * np.log10(max(np.mean(sound**2), 1e-10))
        frame = sound - sound.mean()
        lags = range(16000 // 420, 16000 // 60 + 2)
        pairs = [(frame[:-lag], frame[lag:]) for lag in lags]
        likeness = [a @ b / max(np.sqrt((a @ a) * (b @ b)), 1.28e-7) for a, b in pairs]
        highest = max(likeness)
        peaks = [n for n in range(1, len(lags) - 1) if likeness[n] >= max(likeness[n - 1], likeness[n + 1])]
        good = [lags[n] for n in peaks if likeness[n] >= 0.87 * highest]
        voicing = min(max((highest - 0.5) / 0.5, 0.0), 1.0) if good else 0.0
        pitch = bumps(np.log2(16000 / good[0] / 100), -0.7, 2.0, 16) if good else np.zeros(16)
        found.append([*bumps(level_db, -70, -5, 14), *(voicing * pitch), voicing])
    return np.array(found)


def reference_embeddings(
    pcm: np.ndarray, chunk: int = 32, right: int = 16, segment: int = 1472, model: AudioModel | None = None
) -> torch.Tensor:
    """A whole turn, int16 or float32 [n] -> float64 [ceil(n / 1280), width]. chunk, right, segment in 50 Hz frames.

    The weights are the embedded model's as read from its files, or the values of `model`.
    """
    w = embedded_weights() if model is None else {name: tensor.double() for name, tensor in model.state_dict().items()}
    heads = 6 if model is None else model.config.encoder.heads
    audio = pcm / 32768 if pcm.dtype == np.int16 else pcm
    total = -(-len(audio) // 1280) * 4
    audio = np.pad(audio, (0, (total + right) * 320 - len(audio)))
    heard = []
    for start in range(0, total, segment):
        frames = min(segment, total - start)
        heard.append(_segment(audio[start * 320 : (start + frames + right) * 320], frames, chunk, right, w, heads))
    return torch.cat(heard)


def _segment(
    audio: np.ndarray, frames: int, chunk: int, right: int, w: dict[str, torch.Tensor], heads: int
) -> torch.Tensor:
    mel = torch.from_numpy(reference_mel(audio)).T[None]
    x = gelu(conv1d(pad(mel, (2, 0)), w["encoder.conv1.weight"], w["encoder.conv1.bias"]))
    x = gelu(conv1d(pad(x, (1, 0)), w["encoder.conv2.weight"], w["encoder.conv2.bias"], stride=2))[0].T
    x = x + w["encoder.pos"][: len(x)]

    index, group, final = [], [], []
    for number, start in enumerate(range(0, frames, chunk)):
        end = min(start + chunk, frames)
        index += range(start, end + right)
        group += [number] * (end + right - start)
        final += [True] * (end - start) + [False] * right
    x = x[index]
    width, layers = x.shape[1], 1 + max(int(name.split(".")[2]) for name in w if ".layers." in name)
    groups, is_final = torch.tensor(group), torch.tensor(final)
    sees = (groups[:, None] == groups) | ((groups[:, None] > groups) & is_final)

    for n in range(layers):
        p = f"encoder.layers.{n}."
        norm = layer_norm(x, (width,), w[p + "ln1.weight"], w[p + "ln1.bias"], 1e-5)
        q, k, v = (
            part.view(-1, heads, width // heads).transpose(0, 1)
            for part in linear(norm, w[p + "qkv.weight"], w[p + "qkv.bias"]).split(width, 1)
        )
        scores = (q @ k.transpose(1, 2) / (width // heads) ** 0.5).masked_fill(~sees, -torch.inf)
        attended = (scores.softmax(-1) @ v).transpose(0, 1).reshape(-1, width)
        x = x + linear(attended, w[p + "o.weight"], w[p + "o.bias"])
        norm = layer_norm(x, (width,), w[p + "ln2.weight"], w[p + "ln2.bias"], 1e-5)
        hidden = gelu(linear(norm, w[p + "fc1.weight"], w[p + "fc1.bias"]))
        x = x + linear(hidden, w[p + "fc2.weight"], w[p + "fc2.bias"])

    pooled = (x[is_final][0::2] + x[is_final][1::2]) / 2
    pooled = layer_norm(pooled, (width,), w["encoder.ln.weight"], w["encoder.ln.bias"], 1e-5)
    stacked = torch.cat([pooled[0::2], pooled[1::2]], 1)
    if w["adapter.fc1.weight"].shape[1] > stacked.shape[1]:
        stacked = torch.cat([stacked, torch.from_numpy(reference_prosody(audio[: frames * 320]))], 1)
    hidden = gelu(linear(stacked, w["adapter.fc1.weight"], w["adapter.fc1.bias"]))
    return linear(hidden, w["adapter.fc2.weight"], w["adapter.fc2.bias"])
