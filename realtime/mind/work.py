"""What a mind asks of the decoder: a sequence to compute, how urgent it is, and the lane that waits for a token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from realtime.decoder.scheduler import Service
from realtime.mind.contest import Hypothesis
from realtime.mind.lanes import AnswerLane, NoteLane
from realtime.mind.memory import KvSequence
from realtime.mind.speaking import ThinkLane

Lane = NoteLane | AnswerLane | ThinkLane | Hypothesis


@dataclass(frozen=True, slots=True)
class Work:
    """Something the decoder can run for this mind: the next pending symbols of `seq`."""

    seq: KvSequence
    service: Service
    lane: Lane | None  # None: the trunk itself, no token wanted


def work_of(lane: AnswerLane, service: Service) -> Iterator[Work]:
    """What an answer lane can run now: itself, or the lines that it waits for."""
    lanes: Sequence[AnswerLane | Hypothesis] = lane.hypotheses if lane.is_waiting else [lane]
    yield from (Work(each.seq, service, each) for each in lanes if each.seq.pending)
