"""KV contents and exact block accounting under any interleaving of fork, extend, truncate, drop and batched steps."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from realtime.decoder.decoder import Decoder
from realtime.decoder.sequence import Row, Sequence, blocks_needed
from realtime.errors import EngineError, EngineOverloaded, LimitError
from tests.decoder_tiny import VOCAB, run_alone, tiny_decoder

BLOCKS = 24
BLOCK = 16


@cache
def decoders() -> tuple[Decoder, Decoder]:
    """A decoder with a small pool, and one with the same weights and room for the fresh single pass."""
    return tiny_decoder(exact=False, kv_tokens=BLOCKS * BLOCK), tiny_decoder(exact=False)


class Memory(RuleBasedStateMachine):
    """The model is a plain list of symbols per sequence; logits must be those of a fresh single pass, to the bit."""

    sequences = Bundle("sequences")

    def __init__(self) -> None:
        super().__init__()
        self.decoder, self.fresh = decoders()
        self.decoder.cache.fill(float("nan"))
        self.expected: dict[int, list[int]] = {}
        self.alive: dict[int, Sequence] = {}

    def adopt(self, seq: Sequence, symbols: list[int]) -> Sequence:
        self.alive[id(seq)] = seq
        self.expected[id(seq)] = list(symbols)
        return seq

    @rule(target=sequences, tokens=st.lists(st.integers(20, VOCAB - 1), max_size=40))
    def new(self, tokens: list[int]) -> Sequence:
        return self.adopt(self.decoder.new(tokens), tokens)

    @rule(target=sequences, seq=sequences)
    def fork(self, seq: Sequence) -> Sequence:
        return self.adopt(self.decoder.fork(seq), self.expected[id(seq)])

    @rule(seq=sequences, tokens=st.lists(st.integers(20, VOCAB - 1), min_size=1, max_size=20))
    def extend(self, seq: Sequence, tokens: list[int]) -> None:
        self.decoder.extend(seq, tokens)
        self.expected[id(seq)] += tokens

    @rule(seq=sequences, data=st.data())
    def extend_as_guessed(self, seq: Sequence, data: st.DataObject) -> None:
        """Symbols that a guess has computed already, and perhaps one that it has not."""
        right = data.draw(st.integers(0, len(seq.ahead)))
        wrong = data.draw(st.lists(st.integers(20, VOCAB - 1), max_size=1))
        tokens = [*seq.ahead[:right], *wrong]
        left = seq.ahead[right:]
        if wrong and left[:1] == wrong:
            left = left[1:]
            wrong = []
        pending = seq.pending + len(wrong)
        self.decoder.extend(seq, tokens)
        self.expected[id(seq)] += tokens
        assert (seq.ahead, seq.pending) == ([] if wrong else left, pending)

    @rule(seq=sequences, data=st.data())
    def truncate(self, seq: Sequence, data: st.DataObject) -> None:
        length = data.draw(st.integers(0, len(seq)))
        self.decoder.truncate(seq, length)
        del self.expected[id(seq)][length:]

    @rule(target=sequences, seq=consumes(sequences))
    def drop(self, seq: Sequence) -> object:
        self.decoder.drop(seq)
        del self.alive[id(seq)], self.expected[id(seq)]
        return multiple()

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        ready = [seq for seq in self.alive.values() if seq.pending]
        if not ready:
            return
        chosen = data.draw(st.lists(st.sampled_from(range(len(ready))), min_size=1, max_size=4, unique=True))
        guesses = st.lists(st.integers(20, VOCAB - 1), max_size=3) | st.lists(st.integers(20, VOCAB - 1), max_size=20)
        rows = []
        for i in chosen:
            count = data.draw(st.integers(1, ready[i].pending))
            guess = data.draw(guesses) if count == ready[i].pending else []
            rows.append(Row(ready[i], count, want_logits=True, guess=tuple(guess)))
        free, needed = self.decoder.pool.free, blocks_needed(rows, self.decoder.pool)
        before = [(list(row.seq.blocks), row.seq.computed) for row in rows]
        if needed > free:
            with pytest.raises(EngineOverloaded):
                self.decoder.step(rows)
            assert [(list(row.seq.blocks), row.seq.computed) for row in rows] == before
            assert self.decoder.pool.free == free
            return
        found = self.decoder.step(rows)
        assert self.decoder.pool.free == free - needed
        for row, logits in zip(rows, found, strict=True):
            assert logits is not None
            known = self.expected[id(row.seq)][: row.seq.computed]
            assert row.seq.ahead == list(row.guess)
            assert len(logits) == 1 + len(row.guess)
            for guessed in range(len(logits)):
                assert torch.equal(logits[guessed], run_alone(self.fresh, [*known, *row.guess[:guessed]]))

    @invariant()
    def accounts_balance(self) -> None:
        pool = self.decoder.pool
        holders = [0] * pool.total
        for key, seq in self.alive.items():
            assert seq.symbols == self.expected[key]
            assert not (seq.ahead and seq.pending)
            assert len(seq.blocks) == -(-(seq.computed + len(seq.ahead)) // BLOCK)
            for block in seq.blocks:
                holders[block] += 1
        assert [pool.references(block) for block in range(pool.total)] == holders
        assert pool.used == sum(count > 0 for count in holders)

    def teardown(self) -> None:
        for seq in self.alive.values():
            self.decoder.drop(seq)
        assert self.decoder.pool.used == 0
        assert self.fresh.pool.used == 0


Memory.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestMemory = Memory.TestCase


def test_fork_copies_only_the_shared_block_that_is_written() -> None:
    decoder = tiny_decoder()
    trunk = decoder.new(range(20, 60))
    decoder.step([Row(trunk, 40)])
    lanes = [decoder.fork(trunk) for _ in range(3)]
    assert decoder.pool.used == 3
    for lane in lanes:
        decoder.extend(lane, [21])
    decoder.step([Row(lane, 1) for lane in lanes])
    assert decoder.pool.used == 3 + 3  # the trunk keeps its half-full block, each lane has a copy of it
    assert all(lane.blocks[:2] == trunk.blocks[:2] for lane in lanes)
    for lane in lanes:
        decoder.drop(lane)
    decoder.extend(trunk, [22])
    decoder.step([Row(trunk, 1)])
    assert decoder.pool.used == 3  # alone again: written in place


def test_growing_sequences_stay_in_one_run() -> None:
    decoder = tiny_decoder()
    first, second = decoder.new([20] * 200), decoder.new([21] * 200)
    for _ in range(10):
        decoder.step([Row(first, 20), Row(second, 20)])
    for seq in (first, second):
        assert seq.blocks == list(range(seq.blocks[0], seq.blocks[0] + len(seq.blocks)))


@pytest.mark.parametrize("native", [True, False], ids=["native", "torch"])
def test_scattered_blocks_give_the_same_bits(native: bool) -> None:
    """Every second block is taken by others, so that no two blocks of the sequence are consecutive."""
    decoder = tiny_decoder(exact=False, native=native)
    tokens = [20 + n % 70 for n in range(300)]
    expected = run_alone(decoder, tokens)
    singles = [decoder.new([20]) for _ in range(decoder.pool.total)]
    for seq in singles:
        decoder.step([Row(seq, 1)])
    for seq in singles:
        if seq.blocks[0] % 2:
            decoder.drop(seq)
    scattered = decoder.new(tokens)
    logits = decoder.step([Row(scattered, 300, want_logits=True)])[0]
    assert logits is not None
    assert len(scattered.blocks) == 19
    assert all(b - a != 1 for a, b in itertools.pairwise(scattered.blocks))
    assert torch.equal(logits[0], expected)


def test_a_right_guess_saves_its_step_and_a_wrong_one_gives_its_block_back() -> None:
    decoder = tiny_decoder()
    seq = decoder.new([20] * 15)
    decoder.step([Row(seq, 15, want_logits=True, guess=(21, 22, 23))])
    assert (seq.computed, seq.ahead, len(seq.blocks)) == (15, [21, 22, 23], 2)
    decoder.extend(seq, [21])
    assert (seq.computed, seq.pending, seq.ahead) == (16, 0, [22, 23])
    decoder.extend(seq, [24])
    assert (seq.computed, seq.pending, seq.ahead, decoder.pool.used) == (16, 1, [], 1)


def test_truncate_forgets_a_guess() -> None:
    decoder = tiny_decoder()
    seq = decoder.new([20] * 17)
    decoder.step([Row(seq, 17, want_logits=True, guess=(22,) * 16)])
    assert (len(seq.ahead), decoder.pool.used) == (16, 3)
    decoder.truncate(seq, 17)
    assert (seq.ahead, decoder.pool.used) == ([], 2)


def test_a_fork_leaves_its_parent_the_guess_and_does_not_inherit_it() -> None:
    decoder = tiny_decoder()
    seq = decoder.new([20] * 17)
    decoder.step([Row(seq, 17, want_logits=True, guess=(22,) * 16)])
    fork = decoder.fork(seq)
    assert (fork.ahead, len(fork.blocks), len(seq.ahead)) == ([], 2, 16)
    decoder.extend(fork, [23])
    decoder.step([Row(fork, 1)])  # writes where the parent's first guess lies: into a copy
    decoder.extend(seq, [22] * 16)
    assert (seq.pending, seq.ahead) == (0, [])
    decoder.drop(fork)
    assert decoder.pool.used == 3


def test_misuse_is_refused_and_changes_nothing() -> None:
    decoder = tiny_decoder()
    seq = decoder.new([20, 21])
    with pytest.raises(ValueError, match="pending"):
        decoder.step([Row(seq, 3)])
    with pytest.raises(ValueError, match="only once"):
        decoder.step([Row(seq, 1), Row(seq, 1)])
    with pytest.raises(ValueError, match="vocabulary"):
        decoder.extend(seq, [VOCAB])
    with pytest.raises(LimitError):
        decoder.extend(seq, [20] * 1023)
    with pytest.raises(ValueError, match="truncate"):
        decoder.truncate(seq, 3)
    for row in (Row(seq, 1, True, guess=(22,)), Row(seq, 2, guess=(22,)), Row(seq, 2, True, guess=(VOCAB,))):
        with pytest.raises(ValueError, match=r"guess|vocabulary"):
            decoder.step([row])
    with pytest.raises(LimitError):
        decoder.step([Row(seq, 2, True, guess=(22,) * 1023)])
    assert seq.symbols == [20, 21]
    decoder.drop(seq)
    decoder.drop(seq)
    for use in (lambda: decoder.extend(seq, [20]), lambda: decoder.fork(seq), lambda: decoder.step([Row(seq, 1)])):
        with pytest.raises(ValueError, match="dropped"):
            use()
    assert decoder.pool.used == 0


def test_dropped_frame_is_an_error_not_another_frame() -> None:
    decoder = tiny_decoder()
    symbols = decoder.frames.put(torch.zeros(2, decoder.shape.width))
    assert symbols == [-1, -2]
    assert decoder.frames.put(torch.zeros(0, decoder.shape.width)) == []
    seq = decoder.new(symbols)
    decoder.frames.drop(symbols[1:])
    decoder.frames.put(torch.zeros(1, decoder.shape.width))
    with pytest.raises(EngineError, match="audio frame 1"):
        decoder.step([Row(seq, 2)])
    assert (seq.computed, decoder.pool.used) == (0, 0)
    with pytest.raises(EngineError, match="shape"):
        decoder.frames.put(torch.zeros(1, 5))
