"""The trunk of one conversation: what is true, as items and as one growing KV sequence.

It knows items, symbols and the memory's ownership calls; it does not know why an item changes.
The sequence always equals the items laid end to end, followed by the turn now being spoken: an edit anywhere
keeps the longest common prefix and lays the rest again (`_relay`), so there is one path for appending, for
truncating an answer, for deleting an item and for new instructions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from realtime.mind.cues import Voice
from realtime.mind.memory import KvSequence, Memory, Symbol, common_prefix


@dataclass(slots=True)
class Item:
    """One item of the history, as the model reads it."""

    id: str
    role: str
    symbols: list[Symbol]
    is_audio: bool = False
    notes: list[Symbol] = field(default_factory=list)
    folded_notes: int = 0  # of `notes`, those whose words stand as text before the audio
    voice: Voice | None = None  # measured in its sound
    typed: str = ""  # what a user wrote

    @property
    def frames(self) -> list[Symbol]:
        return [symbol for symbol in self.symbols if symbol < 0]


class Trunk:
    """History plus the open turn, and the sequence that holds their keys and values.

    Args:
        memory: owner of the KV blocks.
        max_symbols: history beyond this is forgotten from the oldest item on (never the system item), down to half.
    """

    def __init__(self, memory: Memory, system: Item, max_symbols: int) -> None:
        self._memory = memory
        self._max_symbols = max_symbols
        self._items: list[Item] = [system]
        self._open: list[Symbol] = []
        self._seq = memory.new(system.symbols)

    # --- reading ------------------------------------------------------------------------------------

    @property
    def seq(self) -> KvSequence:
        return self._seq

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items)

    @property
    def symbols(self) -> list[Symbol]:
        """What the sequence must equal: the committed history, then the open turn."""
        return [*(symbol for item in self._items for symbol in item.symbols), *self._open]

    @property
    def last(self) -> Item:
        return self._items[-1]

    def find(self, item_id: str) -> Item | None:
        return next((item for item in self._items if item.id == item_id), None)

    # --- history ------------------------------------------------------------------------------------

    def put(self, item: Item, after: str | None = None) -> None:
        """Insert behind the item `after`; "root" puts it first (behind the system item), None last."""
        at = len(self._items)
        if after == "root":
            at = 1
        elif after is not None:
            at = next((i + 1 for i, known in enumerate(self._items) if known.id == after), at)
        self._items.insert(at, item)
        self._relay()

    def replace(self, item_id: str, symbols: list[Symbol]) -> None:
        """New content for an item (an answer heard only in part, new instructions)."""
        item = self.find(item_id)
        if item is not None and item.symbols != symbols:
            item.symbols = symbols
            self._relay()

    def remove(self, item_id: str) -> None:
        item = self.find(item_id)
        if item is None or item is self._items[0]:
            return
        self._items.remove(item)
        self._relay()
        self._memory.drop_frames(item.frames)

    # --- the turn now being spoken ------------------------------------------------------------------

    def open_turn(self, symbols: Iterable[Symbol]) -> None:
        """The user began to speak: everything until `close_turn` belongs to the open turn."""
        self._open = list(symbols)
        self._memory.extend(self._seq, self._open)

    def append(self, symbols: list[Symbol]) -> None:
        """More of the open turn."""
        self._open.extend(symbols)
        self._memory.extend(self._seq, symbols)

    def beside(self, symbols: list[Symbol]) -> KvSequence:
        """A sequence of its own: the history, and `symbols` in place of the open turn. It shares what is the same."""
        wanted = [*(symbol for item in self._items for symbol in item.symbols), *symbols]
        shared = common_prefix(wanted, self._seq.symbols)
        seq = self._memory.fork(self._seq)
        self._memory.truncate(seq, shared)
        self._memory.extend(seq, wanted[shared:])
        return seq

    def fold(self, symbols: list[Symbol], lane: KvSequence) -> None:
        """The open turn reads `symbols` from now on, which `lane` has computed; frames that are not in it are gone."""
        kept = set(symbols)
        forgotten = [symbol for symbol in self._open if symbol < 0 and symbol not in kept]
        self._open = list(symbols)
        self._relay()
        self.adopt(lane)
        self._memory.drop_frames(forgotten)

    def close_turn(self, item: Item | None) -> None:
        """The open turn becomes `item` of the history, or nothing at all (None)."""
        kept = set(item.frames) if item is not None else set()
        forgotten = [symbol for symbol in self._open if symbol < 0 and symbol not in kept]
        self._open = []
        if item is not None:
            self._items.append(item)
        self._relay()
        self._memory.drop_frames(forgotten)

    # --- keys and values ----------------------------------------------------------------------------

    def adopt(self, lane: KvSequence) -> None:
        """Take over what a lane has computed of symbols that both hold and this trunk still waits for.

        A lane forked from a trunk with pending symbols computes them in its own prefill: sharing its blocks costs
        nothing, computing them twice would.
        """
        if not self._seq.pending:
            return
        shared = common_prefix(lane.symbols[: lane.computed], self._seq.symbols)
        if shared <= self._seq.computed:
            return
        rest = list(self._seq.symbols[shared:])
        adopted = self._memory.fork(lane)
        self._memory.truncate(adopted, shared)
        self._memory.extend(adopted, rest)
        self._memory.drop(self._seq)
        self._seq = adopted

    def close(self) -> None:
        """Give everything back."""
        self._memory.drop(self._seq)
        self._memory.drop_frames(symbol for symbol in self.symbols if symbol < 0)

    def _relay(self) -> None:
        """Make the sequence equal the items again, keeping the longest common prefix of keys and values."""
        wanted = self.symbols
        shared = common_prefix(wanted, self._seq.symbols)
        if shared < len(self._seq.symbols):
            self._memory.truncate(self._seq, shared)
        self._memory.extend(self._seq, wanted[shared:])

    def forget_oldest(self) -> None:
        """Where the history has outgrown its limit, drop the oldest items down to half of it.

        Everything behind what is dropped moves to other positions and has to be computed again, so it is done rarely
        and by much, and when nobody waits: after a turn, not before one.
        """
        if sum(len(item.symbols) for item in self._items) <= self._max_symbols:
            return
        forgotten: list[Item] = []
        left = sum(len(item.symbols) for item in self._items)
        while len(self._items) > 1 and left > self._max_symbols // 2:
            item = self._items.pop(1)
            left -= len(item.symbols)
            forgotten.append(item)
        self._relay()
        for item in forgotten:
            self._memory.drop_frames(item.frames)
