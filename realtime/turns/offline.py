"""A whole recording through the same turn-taking as a live stream, without waiting. Knows no clock.

For benchmarks, replays and tests. A vote takes effect `vote_delay_ms` of audio after it was asked for, as it
would live, where the end-of-turn model needs that long.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from realtime.turns.decisions import SAMPLES_PER_MS, AskEndpoint, Decision, VoiceFrame
from realtime.turns.detectors import EndpointDetector, FrameDetector
from realtime.turns.listener import FRAME_SAMPLES, Listener
from realtime.turns.machine import TurnMachine
from realtime.turns.policy import TurnPolicy

# What one smart-turn call costs on one core of a small server (benchmarks/turns.py measures yours).
VOTE_DELAY_MS = 64


def decisions_of(
    pcm: npt.NDArray[Any],
    policy: TurnPolicy,
    voice: FrameDetector,
    endpoint: EndpointDetector | None = None,
    vote_delay_ms: int = VOTE_DELAY_MS,
) -> list[Decision]:
    """All decisions for `pcm` (mono 16 kHz, int16 or float32, shape [n]) as if it had come in frame by frame."""
    listener = Listener()
    machine = TurnMachine(policy)
    voice.reset()
    decisions: list[Decision] = []
    votes: list[tuple[int, AskEndpoint, float]] = []  # due sample, question, answer
    for begin in range(0, len(pcm), FRAME_SAMPLES):
        at_sample = listener.frame_sample
        for frame in listener.push(pcm[begin : begin + FRAME_SAMPLES]):
            new = machine.push(VoiceFrame.heard(frame, at_sample, voice.probability(frame)))
            while votes and votes[0][0] <= listener.samples:
                _, question, p = votes.pop(0)
                new.extend(machine.endpoint_vote(question.turn, question.attempt, p))
            decisions.extend(new)
            for decision in new:
                if endpoint is not None and isinstance(decision, AskEndpoint):
                    p = endpoint.probability(listener.audio(decision.from_sample, decision.to_sample))
                    votes.append((decision.to_sample + vote_delay_ms * SAMPLES_PER_MS, decision, p))
    return decisions
