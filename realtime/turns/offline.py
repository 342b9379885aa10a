"""A whole recording through the same turn-taking as a live stream, without waiting. Knows no clock.

For benchmarks, replays and tests. A vote takes effect `vote_delay_ms` of audio after its tentative end, as it
would live, where the models need that long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from realtime.turns.decisions import SAMPLES_PER_MS, AskEndpoint, Decision, TentativeEnd, VoiceFrame
from realtime.turns.detectors import EndpointDetector, FrameDetector
from realtime.turns.listener import FRAME_SAMPLES, Listener
from realtime.turns.machine import TurnMachine
from realtime.turns.policy import TurnPolicy

# One smart-turn call takes 50-60 ms on one core of a small server (benchmarks/turns.py measures yours): two frames.
VOTE_DELAY_MS = 64

Mind = Callable[[TentativeEnd], float]


def decisions_of(
    pcm: npt.NDArray[Any],
    policy: TurnPolicy,
    voice: FrameDetector,
    *,
    endpoint: EndpointDetector | None = None,
    mind: Mind | None = None,
    vote_delay_ms: int = VOTE_DELAY_MS,
) -> list[Decision]:
    """All decisions for `pcm` (mono 16 kHz, int16 or float32, shape [n]) as if it had come in frame by frame.

    `voice` is reset first; `endpoint` answers each AskEndpoint, `mind` each TentativeEnd; None abstains.
    """
    listener = Listener()
    machine = TurnMachine(policy)
    voice.reset()
    decisions: list[Decision] = []
    due: list[tuple[int, Callable[[], list[Decision]]]] = []  # (sample, vote), in order
    for begin in range(0, len(pcm), FRAME_SAMPLES):
        at_sample = listener.frame_sample
        for frame in listener.push(pcm[begin : begin + FRAME_SAMPLES]):
            decided = machine.push(VoiceFrame.heard(frame, at_sample, voice.probability(frame)))
            while due and due[0][0] <= listener.samples:
                decided.extend(due.pop(0)[1]())
            decisions.extend(decided)
            votes = [vote for d in decided if (vote := _vote(d, machine, listener, endpoint, mind)) is not None]
            due.extend((listener.samples + vote_delay_ms * SAMPLES_PER_MS, vote) for vote in votes)
    return decisions


def _vote(
    decision: Decision,
    machine: TurnMachine,
    listener: Listener,
    endpoint: EndpointDetector | None,
    mind: Mind | None,
) -> Callable[[], list[Decision]] | None:
    """The vote that `decision` asks for, to be cast later."""
    if isinstance(decision, AskEndpoint) and endpoint is not None:
        p = endpoint.probability(listener.audio(decision.from_sample, decision.to_sample))
        return lambda: machine.endpoint_vote(decision.turn, decision.attempt, p)
    if isinstance(decision, TentativeEnd) and mind is not None:
        ready = mind(decision)
        return lambda: machine.mind_vote(decision.turn, decision.attempt, ready)
    return None
