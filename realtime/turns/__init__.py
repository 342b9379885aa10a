"""Turn-taking: when a turn starts, may be over, is over. See docs/turns.md.

The detectors are not re-exported, so that the cores can be imported without onnxruntime.
"""

from realtime.turns.barge_in import BargeInWatch, Ducked, Paused, Resumed, Suspicion
from realtime.turns.decisions import (
    AskEndpoint,
    Committed,
    Decision,
    Discarded,
    Revoked,
    TentativeEnd,
    TurnStarted,
    VoiceFrame,
)
from realtime.turns.listener import FRAME_SAMPLES, Listener
from realtime.turns.machine import State, TurnMachine, diagram
from realtime.turns.policy import CommitReason, TurnMode, TurnPolicy

__all__ = [
    "FRAME_SAMPLES",
    "AskEndpoint",
    "BargeInWatch",
    "CommitReason",
    "Committed",
    "Decision",
    "Discarded",
    "Ducked",
    "Listener",
    "Paused",
    "Resumed",
    "Revoked",
    "State",
    "Suspicion",
    "TentativeEnd",
    "TurnMachine",
    "TurnMode",
    "TurnPolicy",
    "TurnStarted",
    "VoiceFrame",
    "diagram",
]
