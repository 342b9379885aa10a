"""A second thread for the compiled step, on whatever core has nothing else to do. It knows no network.

The kernel is asked to run it only where nobody else wants the core (SCHED_IDLE, sched(7)): the event loop, a voice, a
detector or another process takes the core back at once, and the step goes on alone (`sharing.py`).
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from realtime.decoder.native import sharing
from realtime.decoder.native.atomics import new_semaphore
from realtime.decoder.native.matrix import aligned

SETTLE_POLL_S = 0.001


def new_board() -> NDArray[np.int64] | None:
    """The words that step and assistant share; None where this system has no semaphore for it."""
    words = aligned(sharing.BOARD_BYTES).view(np.int64)
    words.fill(0)
    return words if new_semaphore(words.ctypes.data + sharing.SEMAPHORE) else None


class Assistant:
    """The thread and the board that it reads. One for a process, and for one step at a time."""

    def __init__(self, board: NDArray[np.int64]) -> None:
        self._words = board
        self._board = int(board.ctypes.data)
        self._lock = threading.RLock()
        self._depth = 0  # of steps within steps, of whoever has the lock
        self._left: tuple[NDArray[np.float32], ...] = ()
        sharing.assist(self._board, 0)  # compiled before anybody waits for it
        threading.Thread(target=self._run, name="decoder-assistant", daemon=True).start()

    def _run(self) -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            return  # a sandbox forbids it: nobody takes a tile, and every step computes its own
        sharing.assist(self._board, -1)

    @contextmanager
    def step(self) -> Iterator[int]:
        """The board for one step; 0, nobody's, while another thread's step has it.

        A step within a step of the same thread has the board, too: between its products the assistant stays awake.
        """
        if not self._lock.acquire(blocking=False):
            yield 0
            return
        try:
            if not self._depth:
                sharing.begin(self._board)
            self._depth += 1
            yield self._board
        finally:
            self._depth -= 1
            if not self._depth:
                sharing.end(self._board)
            self._lock.release()

    def leave(self, *memory: NDArray[np.float32]) -> None:
        """Keep what a late tile reads and writes, until the next one is late: by then it has been done.

        Within a step; nobody else may read or change that memory any more.
        """
        self._left = memory

    def settle(self) -> None:
        """Wait until nothing that a step lent is in the assistant's hands: before that memory goes."""
        done, taken = sharing.DONE // 8, sharing.TAKEN // 8
        while self._words[done] != self._words[taken]:
            time.sleep(SETTLE_POLL_S)


@functools.cache
def assistant() -> Assistant | None:
    """The process's assistant; None where there is no second core or no way to ask for idle ones only."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None
    board = new_board()
    return None if board is None else Assistant(board)
