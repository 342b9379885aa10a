"""The block pool and the sequence's table: exact counts, atomic failure, few runs. No torch."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from realtime.decoder.blocks import BlockPool
from realtime.decoder.sequence import BlockCopy, Row, Sequence, blocks_needed, is_audio, runs
from realtime.errors import EngineOverloaded


class Pool(RuleBasedStateMachine):
    """The model is a plain list of holdings."""

    holdings = Bundle("holdings")

    @initialize(total=st.integers(1, 40), in_runs=st.booleans())
    def start(self, total: int, in_runs: bool) -> None:
        self.in_runs = in_runs
        self.pool = BlockPool(total, in_runs=in_runs)
        self.held: list[list[int]] = []

    @rule(target=holdings, count=st.integers(0, 12), data=st.data())
    def allocate(self, count: int, data: st.DataObject) -> object:
        after = data.draw(st.none() | st.integers(0, self.pool.total - 1))
        before = [self.pool.references(block) for block in range(self.pool.total)]
        if count > self.pool.free:
            with pytest.raises(EngineOverloaded):
                self.pool.allocate(count, after=after)
            assert [self.pool.references(block) for block in range(self.pool.total)] == before
            return multiple()
        blocks = self.pool.allocate(count, after=after)
        assert len(set(blocks)) == count
        assert all(before[block] == 0 for block in blocks)
        if not self.in_runs:
            assert blocks == [block for block in range(self.pool.total) if before[block] == 0][:count]
        elif count and after is not None and after + 1 < self.pool.total and before[after + 1] == 0:
            assert blocks[0] == after + 1
        self.held.append(blocks)
        return blocks

    @rule(target=holdings, blocks=holdings)
    def retain(self, blocks: list[int]) -> list[int]:
        self.pool.retain(blocks)
        self.held.append(list(blocks))
        return list(blocks)

    @rule(blocks=consumes(holdings))
    def release(self, blocks: list[int]) -> None:
        self.pool.release(blocks)
        self.held.remove(blocks)

    @invariant()
    def counts_are_exact(self) -> None:
        counts = [sum(block in holding for holding in self.held) for block in range(self.pool.total)]
        assert [self.pool.references(block) for block in range(self.pool.total)] == counts
        assert self.pool.used == sum(count > 0 for count in counts)
        assert self.pool.free + self.pool.used == self.pool.total


TestPool = Pool.TestCase


def test_a_block_nobody_holds_cannot_be_released_or_retained() -> None:
    pool = BlockPool(4)
    (block,) = pool.allocate(1)
    pool.release([block])
    for refuse in (pool.release, pool.retain):
        with pytest.raises(ValueError, match="not held"):
            refuse([block])
    with pytest.raises(ValueError, match="at least one"):
        BlockPool(0)


def test_several_growing_sequences_each_keep_one_run() -> None:
    pool = BlockPool(64)
    tables: list[list[int]] = [[] for _ in range(4)]
    for _ in range(8):
        for table in tables:
            table.extend(pool.allocate(1, after=table[-1] if table else None))
    assert all(len(runs(table)) == 1 for table in tables)


def test_no_more_blocks_are_ever_touched_than_were_in_use_at_once() -> None:
    """Memory is committed as it is written, so what comes and goes must not wander through the pool."""
    pool = BlockPool(1000, in_runs=False)
    trunks: list[list[int]] = [pool.allocate(10) for _ in range(4)]
    touched = {block for trunk in trunks for block in trunk}
    for turn in range(200):
        trunk = trunks[turn % 4]
        lane = pool.allocate(3, after=trunk[-1])
        touched.update(lane)
        pool.release(lane)
    assert touched == set(range(4 * 10 + 3))


@given(st.lists(st.integers(0, 9), max_size=30))
def test_runs_expand_to_the_same_blocks(blocks: list[int]) -> None:
    found = runs(blocks)
    assert [block for start, end in found for block in range(start, end)] == blocks
    assert all(a[1] != b[0] for a, b in itertools.pairwise(found))


def test_blocks_needed_counts_a_shared_tail_once_less_than_its_writers() -> None:
    """Three sequences hold one half-full block; all three write: two copies, the last one writes in place."""
    pool = BlockPool(8)
    first = Sequence(16, symbols=[1] * 9)
    first.reserve(pool, 8)
    first.computed = 8
    others = [first.fork(pool), first.fork(pool)]
    rows = [Row(seq, 1) for seq in (first, *others)]
    assert blocks_needed(rows, pool) == 2
    copies = [row.seq.reserve(pool, 1) for row in rows]
    assert [len(made) for made in copies] == [1, 1, 0]
    assert copies[0] == [BlockCopy(0, first.blocks[0])]
    assert pool.used == 3


def test_symbols_below_zero_are_audio() -> None:
    assert is_audio(~0)
    assert not is_audio(0)


@pytest.mark.parametrize("module", ["sequence", "blocks", "scheduler", "detokenizer"])
def test_pure_modules_bring_no_torch(module: str) -> None:
    code = f"import sys, realtime.decoder.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_face() -> None:
    code = (
        "import sys, realtime.decoder as face\n"
        "assert 'torch' not in sys.modules\n"
        "missing = [name for name in face.__all__ if not hasattr(face, name)]\n"
        "assert not missing and set(face.__all__) == set(face._HOME), missing\n"
        "assert 'torch' in sys.modules\n"
        "assert not hasattr(face, 'nothing')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
