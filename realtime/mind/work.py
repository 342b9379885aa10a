"""What a mind asks of the decoder: a sequence to compute, how urgent it is, and the lane that waits for a token."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.decoder.scheduler import Service
from realtime.mind.lanes import AnswerLane, NoteLane
from realtime.mind.memory import KvSequence
from realtime.mind.speaking import ThinkLane

Lane = NoteLane | AnswerLane | ThinkLane


@dataclass(frozen=True, slots=True)
class Work:
    """Something the decoder can run for this mind: the next pending symbols of `seq`."""

    seq: KvSequence
    service: Service
    lane: Lane | None  # None: the trunk itself, no token wanted
