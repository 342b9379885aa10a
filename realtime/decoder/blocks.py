"""Ownership of KV blocks: who holds which block, counted exactly. Knows neither tensors nor tokens.

A block is a fixed number of consecutive cache slots. Sequences share blocks by reference count; whoever wants to
write into a block that others hold asks for a fresh one first (copy on write). Blocks are handed out lowest first, as a
block that was never used costs no memory yet; or so that the blocks of one growing sequence have consecutive ids,
where attention reads such a run as one view, without a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from realtime.errors import EngineOverloaded

_FREE, _USED = 1, 0
_FREE_RUN = re.compile(rb"\x01+")


class BlockPool:
    """`total` blocks with reference counts. All methods are atomic: they either happen whole or raise.

    in_runs: keep the blocks of a sequence together; otherwise use as few different blocks as possible.
    """

    def __init__(self, total: int, *, in_runs: bool = True) -> None:
        if total < 1:
            raise ValueError(f"a block pool needs at least one block, not {total}")
        self.total = total
        self.free = total
        self._in_runs = in_runs
        self._references = [0] * total
        self._map = bytearray([_FREE]) * total  # one byte a block, so that free runs are found at C speed

    @property
    def used(self) -> int:
        """Blocks that at least one sequence holds."""
        return self.total - self.free

    def references(self, block: int) -> int:
        """How many holders `block` has; 0 when it is free."""
        return self._references[block]

    def allocate(self, count: int, *, after: int | None = None) -> list[int]:
        """`count` free blocks, each held once; in runs if possible the ones that follow block `after`.

        Raises EngineOverloaded, and changes nothing, when fewer than `count` are free.
        """
        if count > self.free:
            raise EngineOverloaded(
                f"{count} KV blocks are needed and {self.free} of {self.total} are free; "
                "end a conversation or give the engine more kv_tokens"
            )
        blocks: list[int] = []
        while len(blocks) < count:
            block = self._next(after, count - len(blocks))
            self._map[block] = _USED
            self._references[block] = 1
            self.free -= 1
            blocks.append(block)
            after = block
        return blocks

    def retain(self, blocks: Iterable[int]) -> None:
        """One more holder for each of `blocks` (a fork)."""
        held = list(blocks)
        self._require_held(held)
        for block in held:
            self._references[block] += 1

    def release(self, blocks: Iterable[int]) -> None:
        """One holder less for each of `blocks`; the ones nobody holds any more are free again."""
        held = list(blocks)
        self._require_held(held)
        for block in held:
            self._references[block] -= 1
            if self._references[block] == 0:
                self._map[block] = _FREE
                self.free += 1

    def _require_held(self, blocks: list[int]) -> None:
        for block in blocks:
            if self._references[block] < 1:
                raise ValueError(f"KV block {block} is not held by anyone")

    def _next(self, after: int | None, wanted: int) -> int:
        if not self._in_runs:
            return self._map.index(_FREE)
        if after is not None and after + 1 < self.total and self._map[after + 1] == _FREE:
            return after + 1
        start, end = max((match.span() for match in _FREE_RUN.finditer(self._map)), key=lambda run: run[1] - run[0])
        # The block before the run belongs to a sequence that may still grow: leave it the first half of the room.
        if start > 0 and end - start >= 2 * wanted:
            return int(start + (end - start) // 2)
        return int(start)
