"""One lane's symbols and the KV blocks that hold what is computed of them. Knows neither tensors nor a model.

A symbol is an int: >= 0 is a token id, < 0 is an audio frame (`~k` is frame k of the frame store). Symbols are
appended first and computed later, in any split: `computed` of them have keys and values, the rest is `pending`.
Guessed symbols (`ahead`) have keys and values behind those before they are symbols; a wrong guess is forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field
from typing import TypeAlias

from realtime.decoder.blocks import BlockPool

Symbol: TypeAlias = int
Key: TypeAlias = Hashable


def is_audio(symbol: Symbol) -> bool:
    """True for an audio frame, False for a token id."""
    return symbol < 0


@dataclass(frozen=True, slots=True)
class BlockCopy:
    """Copy-on-write work: the contents of block `source` must be in block `target` before anything is written."""

    source: int
    target: int


@dataclass(slots=True, eq=False)
class Sequence:
    """Symbols in order, and the table of blocks for the first `computed` of them and for `ahead`.

    Made, forked, extended, truncated and dropped by its Decoder only; everyone else reads. While `ahead` is not empty
    nothing is pending: guesses are made behind the last symbol, and the first one that fails ends them.
    Position i lives in slot `blocks[i // block_tokens] * block_tokens + i % block_tokens`.
    """

    block_tokens: int
    symbols: list[Symbol] = field(default_factory=list)
    computed: int = 0
    blocks: list[int] = field(default_factory=list)
    ahead: list[Symbol] = field(default_factory=list)
    alive: bool = True

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def pending(self) -> int:
        """Symbols that have no keys and values yet."""
        return len(self.symbols) - self.computed

    def fork(self, pool: BlockPool) -> Sequence:
        """A second sequence with the same symbols, holding the same blocks. It does not inherit `ahead`."""
        blocks = self.blocks[: self._blocks_for(self.computed)]
        pool.retain(blocks)
        return Sequence(self.block_tokens, list(self.symbols), self.computed, blocks)

    def extend(self, pool: BlockPool, symbols: Iterable[Symbol]) -> None:
        """Append symbols. Those that were guessed are computed already; the first that was not forgets the others."""
        for symbol in symbols:
            if self.ahead and self.ahead[0] == symbol:
                del self.ahead[0]
                self.computed += 1
            else:
                self._forget_ahead(pool)
            self.symbols.append(symbol)

    def ran(self, count: int, guess: Iterable[Symbol]) -> None:
        """The next `count` pending symbols, and `guess` behind them, have their keys and values."""
        self.computed += count
        self.ahead = list(guess)

    def truncate(self, pool: BlockPool, length: int) -> None:
        """Forget the symbols from `length` on and give back the blocks that held only them."""
        del self.symbols[length:]
        self.computed = min(self.computed, length)
        self.ahead.clear()
        self._keep(pool, self.computed)

    def drop(self, pool: BlockPool) -> None:
        """Give everything back. The sequence cannot be used afterwards."""
        self._keep(pool, 0)
        self.symbols.clear()
        self.ahead.clear()
        self.computed = 0
        self.alive = False

    def reserve(self, pool: BlockPool, count: int) -> list[BlockCopy]:
        """Hold, alone, the slots for the next `count` symbols; returns the copies to make before writing.

        Raises EngineOverloaded, and changes nothing, when the pool has too few free blocks.
        """
        copies: list[BlockCopy] = []
        shared = self._shared_tail(pool, count)
        fresh = self._blocks_for(self.computed + count) - len(self.blocks)
        last = self.blocks[-1] if self.blocks else None
        if shared is not None:
            before = self.blocks[-2] if len(self.blocks) > 1 else None
            taken = pool.allocate(1 + fresh, after=before)
            pool.release([shared])
            copies.append(BlockCopy(shared, taken[0]))
            self.blocks[-1:] = taken
        elif fresh > 0:
            self.blocks += pool.allocate(fresh, after=last)
        return copies

    def _forget_ahead(self, pool: BlockPool) -> None:
        if self.ahead:
            self.ahead.clear()
            self._keep(pool, self.computed)

    def _shared_tail(self, pool: BlockPool, count: int) -> int | None:
        """The last block, when the next symbol goes into it and others hold it too."""
        if count < 1 or self.computed == len(self.blocks) * self.block_tokens:
            return None
        return self.blocks[-1] if pool.references(self.blocks[-1]) > 1 else None

    def _blocks_for(self, positions: int) -> int:
        return -(-positions // self.block_tokens)

    def _keep(self, pool: BlockPool, positions: int) -> None:
        kept = self._blocks_for(positions)
        pool.release(self.blocks[kept:])
        del self.blocks[kept:]


@dataclass(frozen=True, slots=True)
class Row:
    """Work for one step: compute the next `count` pending symbols of `seq`; logits after the last one if wanted.

    guess: symbols that may come next, computed in the same pass, with logits after each of them. Only behind the last
    pending symbol, and only with want_logits.
    """

    seq: Sequence
    count: int
    want_logits: bool = False
    guess: tuple[Symbol, ...] = ()

    @property
    def positions(self) -> int:
        """Positions that the pass computes for this row."""
        return self.count + len(self.guess)


def blocks_needed(rows: Sequence_[Row], pool: BlockPool) -> int:
    """Free blocks that `reserve` takes for all of `rows` together, copies on write included, exactly."""
    needed = 0
    left: Counter[int] = Counter()  # holders that have let go of a shared block within this batch
    for row in rows:
        seq = row.seq
        needed += -(-(seq.computed + row.positions) // seq.block_tokens) - len(seq.blocks)
        if seq.computed < len(seq.blocks) * seq.block_tokens:
            tail = seq.blocks[-1]
            if pool.references(tail) - left[tail] > 1:
                needed += 1
                left[tail] += 1
    return needed


def runs(blocks: Iterable[int]) -> list[tuple[int, int]]:
    """Blocks as half-open runs of consecutive ids: [4, 5, 9] gives [(4, 6), (9, 10)]."""
    found: list[tuple[int, int]] = []
    for block in blocks:
        if found and found[-1][1] == block:
            found[-1] = (found[-1][0], block + 1)
        else:
            found.append((block, block + 1))
    return found
