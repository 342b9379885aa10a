"""How accuracy and the time to the answer go together, over chunk sizes and budgets of thought.

Accuracy is counted; time is put together from parts measured one by one on this machine: the tail of the audio that is
encoded, written down by the transcriber where there is one, and read once the turn is over, and one step of the decoder
for each token up to the first clause of the answer.
The engine's rehearsals (docs/thinking.md) shorten that further and are not in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch

from realtime.decoder import Row
from realtime.transcriber import TranscriberStream
from streaming_encoder import EncoderSettingError, EncoderStream
from training.evaluation import scores
from training.evaluation.scores import Tried
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.items import SAMPLE_RATE_HZ

_REPEATS = 12
_CONTEXT = 96  # positions in front of a measured step: a turn of some seconds


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curve. think_tokens: None where the model ends its thought itself. Rates 0..1, times in ms."""

    chunk_ms: int
    right_context_ms: int
    think_tokens: int | None
    wer: float
    key: float
    note_lag_ms: float
    tokens_to_clause: float
    first_clause_ms: float


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU milliseconds on one core: the end of a turn (encode and read the tail), one step of one conversation."""

    tail_ms: float
    step_ms: float


def curve(
    served: ServedModel, trials: Sequence[Trial], base: Manner, chunks: Sequence[int], budgets: Sequence[int | None]
) -> list[Point]:
    """Every chunk size with free thought, every budget with the chunk of `base`. Leaves out sizes it cannot run."""
    manners = [replace(base, chunk_frames=chunk) for chunk in chunks]
    manners += [replace(base, think_tokens=budget) for budget in budgets if budget is not None]
    points = []
    for manner in manners:
        try:
            plan = served.plan(manner)
        except EncoderSettingError:
            continue
        replies = served.converse(trials, manner)
        tried = [Tried(trial, reply) for trial, reply in zip(trials, replies, strict=True)]
        cost = costs(served, manner, trials)
        tokens = median(t.reply.tokens_to_clause for t in tried)
        verified = [t for t in tried if scores.can_be_verified(t)]
        frame_ms = served.audio.config.frame_samples * 1000 // SAMPLE_RATE_HZ
        points.append(
            Point(
                chunk_ms=plan.chunk_frames * frame_ms,
                right_context_ms=plan.right_frames * frame_ms,
                think_tokens=manner.think_tokens,
                wer=scores.wer(tried),
                key=scores.share([scores.is_answered(t) for t in verified]),
                note_lag_ms=scores.notes(tried)["lag_ms_p50"],
                tokens_to_clause=tokens,
                first_clause_ms=cost.tail_ms + tokens * cost.step_ms,
            )
        )
    return points


def costs(served: ServedModel, manner: Manner, trials: Sequence[Trial]) -> Costs:
    """Measured now, in CPU time with one thread: what it takes on a core of its own, whatever else the machine does.

    trials: what a transcriber is measured on.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return Costs(_tail_ms(served, manner) + _line_ms(served, manner, trials), _step_ms(served))
    finally:
        torch.set_num_threads(threads)


def _tail_ms(served: ServedModel, manner: Manner) -> float:
    """Half a chunk and the right context, on the average: encoded, and read behind what is there already."""
    stream = EncoderStream(served.audio, manner.chunk_frames, manner.right_context_ms)
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ * 2) * 1000
    stream.push(noise.astype(np.int16))
    stream.push(noise[: (stream.chunk_samples // 2) // 2].astype(np.int16))
    decoder = served.decoder
    lane = decoder.new([20] * _CONTEXT)
    decoder.step([Row(lane, lane.pending)])
    took = []
    for _ in range(_REPEATS):
        began_ns = time.process_time_ns()
        symbols = decoder.frames.put(stream.tail())
        decoder.extend(lane, [*symbols, 20, 20, 20, 20])
        decoder.step([Row(lane, lane.pending, want_logits=True)])
        took.append((time.process_time_ns() - began_ns) / 1e6)
        decoder.truncate(lane, _CONTEXT)
        decoder.frames.drop(symbols)
    decoder.drop(lane)
    return float(median(took))


def _line_ms(served: ServedModel, manner: Manner, trials: Sequence[Trial]) -> float:
    """The line of what was heard, written by the transcriber behind the encoded tail; 0 without one."""
    clips = [trial.example.clip for trial in trials if trial.example.clip is not None][:_REPEATS]
    if served.transcriber is None or not clips:
        return 0.0
    stream = EncoderStream(served.audio, manner.chunk_frames, manner.right_context_ms)
    words = TranscriberStream(served.transcriber)
    took = []
    for clip in clips:
        for step in stream.hear(clip.samples):
            words.hear(step)
        tail = stream.hear_tail()
        began_ns = time.process_time_ns()
        words.line(tail)
        took.append((time.process_time_ns() - began_ns) / 1e6)
        stream.reset()
        words.reset()
    return float(median(took))


def _step_ms(served: ServedModel) -> float:
    decoder = served.decoder
    lane = decoder.new([20] * (_CONTEXT + _REPEATS))
    decoder.step([Row(lane, _CONTEXT)])
    took = []
    while lane.pending:
        began_ns = time.process_time_ns()
        decoder.step([Row(lane, 1, want_logits=True)])
        took.append((time.process_time_ns() - began_ns) / 1e6)
    decoder.drop(lane)
    return float(median(took))
