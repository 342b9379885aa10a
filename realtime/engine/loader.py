"""Loads a checkpoint into an `EngineCore` and warms it up. Only the engine process imports this (it brings torch)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from realtime.clock import Clock
from realtime.decoder import Decoder
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.dialect import seed_dialect
from realtime.engine.ear import compile_hearing
from realtime.errors import CheckpointError
from realtime.mapped import leave
from realtime.mind import Order, ThinkingPlan
from realtime.transcriber import load_transcriber
from streaming_encoder import CheckpointError as PartsError
from streaming_encoder import load_audio_model

WARM_UP_SECONDS = 2


def load_engine(config: EngineConfig, clock: Clock) -> tuple[EngineCore, m.Ready]:
    """Read, verify and warm up. Raises `CheckpointError` where the weights are missing or damaged."""
    directory = Path(config.model)
    if not (directory / "config.json").is_file():
        raise CheckpointError(f"no model at {directory}: config.json is missing; set engine.model to a model directory")
    try:
        settings = json.loads((directory / "config.json").read_text())
        decoder = Decoder.load(
            directory,
            kv_tokens=config.kv_tokens,
            threads=config.threads,
            exact=config.exact,
            assisted=config.assisted,
        )
        audio_model = load_audio_model(directory)
        compile_hearing(audio_model, config.assisted)
        transcriber = load_transcriber(directory, exact=config.exact)
    except (PartsError, json.JSONDecodeError) as error:
        raise CheckpointError(f"the model at {directory} cannot be used: {error}") from error
    core = EngineCore(
        audio_model,
        decoder,
        seed_dialect(decoder, settings["system_prompt"]),
        clock,
        chunk_frames=config.chunk_frames,
        right_context_ms=config.right_context_ms,
        note_interval_ms=config.note_interval_ms,
        rehearsal_interval_ms=config.rehearsal_interval_ms,
        transcriber=transcriber,
        plan=ThinkingPlan(
            Order(config.thinking_order),
            segment_tokens=config.thinking_segment_tokens,
            max_tokens=config.thinking_max_tokens,
            cover_ms=config.thinking_cover_ms,
        ),
    )
    leave("libtorch")  # what its import read; the warm-up brings back what a turn needs, half of it
    _warm_up(core)
    heard_by = 0 if transcriber is None else transcriber.network.size
    ready = m.Ready(
        version=m.CHANNEL_VERSION,
        model=directory.name,
        parameters=decoder.parameters + sum(weight.numel() for weight in audio_model.parameters()) + heard_by,
        device="cpu",
        load_ms=0.0,
        human_speech=settings.get("human_speech", ""),
        hears_endings=transcriber is not None and transcriber.hears_endings,
    )
    return core, ready


def _warm_up(core: EngineCore) -> None:
    """One whole turn of quiet noise through every stage, so that the first user pays for no lazy set-up."""
    rate = m.INPUT_SAMPLE_RATE_HZ
    noise = (np.random.default_rng(0).standard_normal(rate * WARM_UP_SECONDS) * 100).astype("<i2")
    core.handle(m.OpenSession(session="warm-up"))
    core.handle(m.StartTurn(session="warm-up", turn=1, at_sample=0))
    core.handle(m.Audio(session="warm-up", turn=1, at_sample=0, pcm=noise.tobytes()))
    while core.has_work:
        core.step()
    core.handle(m.EndTurn(session="warm-up", turn=1, attempt=1, at_sample=len(noise), max_tokens=16))
    while core.has_work:
        core.step()
    core.handle(m.CloseSession(session="warm-up"))
