"""What chunk and right context cost the encoder: streamed frames against those of one bidirectional pass over the turn.

Nothing is trained by it unless the recipe asks (`distil_seconds`): then a copy of the encoder's layers learns to give,
in chunks, what the encoder gives over the whole turn, and the table is made again. The copy is kept beside the table
and used by no other stage: whether it helps must be seen first. Word errors are not in it, since Whisper's decoder is
not here to make them; the evaluation of the whole model has them. Frontend and convolutions are causal in both passes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor

from streaming_encoder import AudioModel, ChunkPlan, EncoderSettingError
from training.evaluation.human_speech import people
from training.hearing import BatchHearing
from training.recipe import Recipe
from training.run_folder import RunFolder, device_named
from training.session import open_session
from training.sources import rendered

matplotlib.use("Agg")
from matplotlib import pyplot

Clip = npt.NDArray[np.int16]
FRAME_MS = 20
LONGEST_SAMPLES = 26 * 16_000  # what fits a segment of any plan


@dataclass(frozen=True, slots=True)
class EncoderStudy:
    """Settings of the stage.

    chunks: 50 Hz frames; right_context_ms: multiples of 20. clips: synthetic turns to measure on, beside the recorded
    people. distil_seconds: how long the encoder learns to stream; 0 leaves it as it is.
    """

    chunks: tuple[int, ...] = (16, 32, 64)
    right_context_ms: tuple[int, ...] = (0, 160, 320, 640)
    clips: int = 16
    distil_seconds: float = 0.0
    learning_rate: float = 3e-5
    batch: int = 8
    seed: int = 11


@dataclass(frozen=True, slots=True)
class Drift:
    """error: mean squared difference of the streamed frames (25 Hz) from the bidirectional ones, as a share of their
    variance. correlation: mean cosine between them. cost: encoder frames computed for each one committed."""

    chunk_ms: int
    right_context_ms: int
    error: float
    correlation: float
    cost: float


def whole_turn(model: AudioModel, clips: Sequence[Clip]) -> list[Tensor]:
    """Frames (25 Hz) [n, width] of each clip where every frame sees the whole turn."""
    found = []
    for clip in clips:
        frames = -(-len(clip) // model.config.embedding_samples) * model.config.frames_per_embedding
        found += _frames(model, ChunkPlan(frames, 0, frames), [clip])
    return found


def drift(model: AudioModel, plan: ChunkPlan, clips: Sequence[Clip], wanted: Sequence[Tensor]) -> Drift:
    """`wanted`: what `whole_turn` gives for `clips`, perhaps of another encoder."""
    streamed = torch.cat(_frames(model, plan, clips))
    whole = torch.cat(list(wanted))
    error = (streamed - whole).square().mean() / (whole - whole.mean(0)).square().mean()
    cosine = torch.nn.functional.cosine_similarity(streamed, whole, dim=1).mean()
    cost = (plan.chunk_frames + plan.right_frames) / plan.chunk_frames
    return Drift(plan.chunk_frames * FRAME_MS, plan.right_frames * FRAME_MS, float(error), float(cosine), cost)


def _frames(model: AudioModel, plan: ChunkPlan, clips: Sequence[Clip]) -> list[Tensor]:
    pcm = torch.zeros(len(clips), max(map(len, clips)), device=model.device)
    for row, clip in zip(pcm, clips, strict=True):
        row[: len(clip)] = torch.from_numpy(clip.astype(np.float32) / 32768)
    batch, counts = BatchHearing(model, plan).frames(pcm, [len(clip) for clip in clips])
    stack = model.config.adapter.stack
    return [frames[: stack * count] for frames, count in zip(batch, counts, strict=True)]


def table(model: AudioModel, settings: EncoderStudy, clips: Sequence[Clip], wanted: Sequence[Tensor]) -> list[Drift]:
    """Every chunk and right context that the checkpoint's positions allow."""
    found = []
    for chunk in settings.chunks:
        for right_ms in settings.right_context_ms:
            try:
                plan = ChunkPlan.for_config(model.config, chunk, right_ms)
            except EncoderSettingError:
                continue
            found.append(drift(model, plan, clips, wanted))
    return found


def distil(model: AudioModel, settings: EncoderStudy, clips: Sequence[Clip]) -> AudioModel:
    """A copy whose encoder has learnt, for `distil_seconds`, to give in chunks what it gives over the whole turn.

    Chunk and right context are drawn anew for each step. The positions and the convolutions stay as they are.
    """
    student = copy.deepcopy(model)
    learns = [*student.encoder.layers.parameters(), *student.encoder.ln.parameters()]
    for parameter in learns:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(learns, settings.learning_rate, weight_decay=0.0)
    wanted = whole_turn(model, clips)
    random = np.random.default_rng(settings.seed)
    until = time.monotonic() + settings.distil_seconds
    while time.monotonic() < until:
        chosen = random.choice(len(clips), min(settings.batch, len(clips)), replace=False)
        chunk, right_ms = int(random.choice(settings.chunks)), int(random.choice(settings.right_context_ms))
        plan = ChunkPlan.for_config(model.config, chunk, right_ms)
        streamed = torch.cat(_frames(student, plan, [clips[index] for index in chosen]))
        loss = (streamed - torch.cat([wanted[index] for index in chosen])).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learns, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return student.requires_grad_(False)


def draw(tables: dict[str, list[Drift]], file: Path) -> None:
    """Error over right context, a line for each chunk; what was distilled is dashed."""
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, points in tables.items():
        for chunk_ms in dict.fromkeys(point.chunk_ms for point in points):
            line = [point for point in points if point.chunk_ms == chunk_ms]
            style = "o-" if name == "as published" else "s--"
            label = f"{chunk_ms} ms, {name}" if len(tables) > 1 else f"chunk {chunk_ms} ms"
            axes.plot([p.right_context_ms for p in line], [p.error for p in line], style, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("right context, ms")
    axes.set_ylabel("squared difference / variance")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def stage(recipe: Recipe) -> bool:
    """`python -m training encoder`."""
    settings = recipe.read("encoder", EncoderStudy)
    folder = RunFolder(recipe.folder / "encoder")
    session = open_session(recipe, "encoder", rendered(recipe.table("mixture"), recipe.path.parent))
    model = session.model.audio.to(device_named(recipe.run.device))
    made = [example.clip for example in session.source(settings.seed)(settings.clips)]
    clips = [clip.samples for clip in made if clip is not None]
    clips += [t.example.clip.samples for t in people() if t.example.clip is not None]
    clips = [clip for clip in clips if len(clip) <= LONGEST_SAMPLES]
    wanted = whole_turn(model, clips)
    tables = {"as published": table(model, settings, clips, wanted)}
    if settings.distil_seconds > 0:
        student = distil(model, settings, clips)
        tables["distilled"] = table(student, settings, clips, wanted)
        encoder = {name: t.contiguous() for name, t in student.state_dict().items() if name.startswith("encoder.")}
        save_file(encoder, folder.path / "encoder.safetensors")
    metrics: dict[str, Any] = {name: [asdict(point) for point in points] for name, points in tables.items()}
    folder.report({"clips": len(clips), "drift": metrics})
    draw(tables, folder.path / "drift.png")
    return True
