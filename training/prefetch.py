"""Batches made ahead of their use, in a thread: the GPU does not wait while the next batch is laid out."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.2


def ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """`items`, up to `count` of them made before they are asked for. An error in making them is raised here."""
    ready: queue.Queue[T | _End] = queue.Queue(maxsize=count)
    stopped = threading.Event()

    def make() -> None:
        end = _End(None)
        try:
            for item in items:
                if not _put(ready, item, stopped):
                    return
        except BaseException as error:
            end = _End(error)
        _put(ready, end, stopped)

    thread = threading.Thread(target=make, name="training/ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def _put(ready: queue.Queue[T], item: T, stopped: threading.Event) -> bool:
    """Whether there was anybody left to take it."""
    while not stopped.is_set():
        try:
            ready.put(item, timeout=_POLL_SECONDS)
        except queue.Full:
            continue
        return True
    return False
