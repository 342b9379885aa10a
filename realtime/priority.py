"""Whose turn it is on a crowded core: asks the kernel to run the event loop first. It knows no engine and no audio.

The loop wakes every few milliseconds for some hundred microseconds, and the 20 ms beat of every caller hangs on it;
everything else here computes for tens of milliseconds and never notices having waited. Between equals the kernel lets
the loop queue behind the engine, a voice and the detectors.
"""

from __future__ import annotations

import os
import sys
from enum import Enum

# Above every ordinary thread, below whatever else on the machine is real-time: the lowest real-time priority.
REALTIME_PRIORITY = 1
# Where that is not permitted but a better nice value is. 10 steps are about ten times the share of a core.
BETTER_NICE = -10


class Precedence(Enum):
    """How the calling thread stands to ordinary threads, best first."""

    REALTIME = "realtime"  # SCHED_RR: runs as soon as it wakes
    NICE = "nice"  # a larger share
    ORDINARY = "ordinary"


def take_precedence() -> Precedence:
    """Let the calling thread run before ordinary ones, as far as the kernel permits (sched(7)). Call it on the loop.

    Permission is root, CAP_SYS_NICE or a limit (RLIMIT_RTPRIO, RLIMIT_NICE). Threads and processes begun afterwards
    start as ordinary ones: an engine or a voice with the same precedence would be the old contest again. A server
    that was started to yield (`nice`) goes on yielding.
    """
    if sys.platform != "linux" or os.getpriority(os.PRIO_PROCESS, 0) > 0:
        return Precedence.ORDINARY
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY))
    except OSError:
        return _better_nice()
    return Precedence.REALTIME


def _better_nice() -> Precedence:
    try:
        os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, BETTER_NICE)
    except OSError:
        return Precedence.ORDINARY
    return Precedence.NICE
