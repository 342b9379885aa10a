"""Examples from worker processes, and the pool that training draws from. It knows no tensors and no model.

Speech is rendered while the model trains: each worker is a generator with a seed of its own. A finished example stays
in the pool and is drawn a few times, each time for another lesson, until fresher ones push it out.
"""

from __future__ import annotations

import multiprocessing as mp
import queue
import random
from collections.abc import Callable
from multiprocessing.queues import Queue

from training.items import Example

Source = Callable[[int], list[Example]]  # how many -> the next ones
BATCHES_AHEAD = 4
_JOIN_SECONDS = 5.0
_FIRST_SECONDS = 120.0


class WorkersDied(RuntimeError):
    """Every process that renders speech has ended."""


def _work(make: Callable[[int], Source], seed: int, at_once: int, out: Queue[list[Example]]) -> None:
    source = make(seed)
    while True:
        out.put(source(at_once))


class Feed:
    """A pool of examples that `workers` processes keep fresh.

    Args:
        make: called in each worker with its seed; picklable. What it returns gives the next examples.
        keeps: examples in the pool; the oldest leave first.
        seed: of the draws; the workers' seeds follow from it.
    """

    def __init__(
        self, make: Callable[[int], Source], *, workers: int, seed: int, keeps: int = 60_000, at_once: int = 32
    ) -> None:
        context = mp.get_context("spawn")
        self._queue: Queue[list[Example]] = context.Queue(maxsize=max(1, workers) * BATCHES_AHEAD)
        self._processes = [
            context.Process(target=_work, args=(make, seed * 1000 + index, at_once, self._queue), daemon=True)
            for index in range(workers)
        ]
        for process in self._processes:
            process.start()
        self._pool: list[Example] = []  # a ring once it is full: a list, since draws are by index
        self._keeps = keeps
        self._random = random.Random(seed)  # noqa: S311 - dice, no secret
        self.made = 0
        self.made_seconds = 0.0

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(_JOIN_SECONDS)
        self._queue.cancel_join_thread()

    def wait_for(self, examples: int) -> None:
        """Until the pool holds so many. Raises WorkersDied."""
        while len(self._pool) < examples:
            try:
                self._take(self._queue.get(timeout=_FIRST_SECONDS))
            except queue.Empty:
                raise WorkersDied(f"no example in {_FIRST_SECONDS:.0f} s; see what the workers printed") from None

    def draw(self, examples: int) -> list[Example]:
        """So many at random, after taking in what has been made meanwhile."""
        while True:
            try:
                self._take(self._queue.get_nowait())
            except queue.Empty:
                break
        if not any(process.is_alive() for process in self._processes):
            raise WorkersDied("all workers have ended; see what they printed")
        return self._random.choices(self._pool, k=examples)

    def _take(self, examples: list[Example]) -> None:
        for example in examples:
            if len(self._pool) < self._keeps:
                self._pool.append(example)
            else:
                self._pool[self.made % self._keeps] = example
            self.made += 1
        self.made_seconds += sum(example.clip.seconds for example in examples if example.clip)
