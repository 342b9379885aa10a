"""The event loop's precedence: what it asks of the kernel, and that nothing begun afterwards inherits it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.priority import BETTER_NICE, Precedence, take_precedence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")

# In a process of its own: what it takes it must not keep. Arguments: nice, and whether to be a user without rights.
PROGRAM = """
import json, os, sys, threading
from realtime.priority import take_precedence

def stand():
    return [os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.getpriority(os.PRIO_PROCESS, 0)]

os.setpriority(os.PRIO_PROCESS, 0, int(sys.argv[1]))
if sys.argv[2] == "nobody":
    os.setuid(65534)
taken = take_precedence()
stands = [stand()]
thread = threading.Thread(target=lambda: stands.append(stand()))
thread.start(), thread.join()
reading, writing = os.pipe()
if not os.fork():
    os.write(writing, json.dumps(stand()).encode())
    os._exit(0)
print(json.dumps([taken.value, *stands, json.loads(os.read(reading, 99))]))
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can choose its nice value and its user")


def taken(nice: int, user: str = "root") -> tuple[Precedence, list[list[int]]]:
    """What a new process gets, and where it then stands, [policy, nice]: itself, a new thread, a new process."""
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", PROGRAM, str(nice), user]
    precedence, *stands = json.loads(subprocess.run(command, cwd=root, capture_output=True, check=True).stdout)
    return Precedence(precedence), stands


@needs_root
def test_what_is_begun_afterwards_is_ordinary() -> None:
    precedence, (own, thread, child) = taken(nice=0)
    allowed = {Precedence.REALTIME: [os.SCHED_RR, 0], Precedence.NICE: [os.SCHED_OTHER, BETTER_NICE]}
    assert own == allowed.get(precedence, [os.SCHED_OTHER, 0])  # a container may have taken the right from root
    assert thread == child == [os.SCHED_OTHER, 0]


@needs_root
def test_a_server_that_was_started_to_yield_goes_on_yielding() -> None:
    assert taken(nice=7) == (Precedence.ORDINARY, [[os.SCHED_OTHER, 7]] * 3)


@needs_root
def test_a_user_without_rights_is_served_all_the_same() -> None:
    assert taken(nice=0, user="nobody") == (Precedence.ORDINARY, [[os.SCHED_OTHER, 0]] * 3)


def test_the_next_best_is_a_better_nice_value(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def refuse_realtime(pid: int, policy: int, param: os.sched_param) -> None:
        if policy & os.SCHED_RR:
            raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse_realtime)
    monkeypatch.setattr(os, "getpriority", lambda which, who: 0)
    monkeypatch.setattr(os, "setpriority", lambda which, who, nice: asked.append((who, nice)))
    assert take_precedence() is Precedence.NICE
    assert asked == [(0, BETTER_NICE)]


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert take_precedence() is Precedence.ORDINARY
