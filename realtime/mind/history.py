"""The history of one conversation as items of its trunk: written texts, turns that were spoken, and answers.

It knows how the dialect writes each of them; not why one is put, changed or forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence

from realtime.mind.dialect import Dialect
from realtime.mind.folding import open_symbols
from realtime.mind.memory import Memory, Symbol
from realtime.mind.trunk import Item, Trunk
from realtime.mind.turn import Turn

SYSTEM_ITEM = "system"


class History:
    """See the module's docstring. `trunk` holds it.

    Args:
        instructions: the system prompt; None is the model's own.
        max_symbols: what the trunk may hold before the oldest items are forgotten.
    """

    def __init__(self, dialect: Dialect, memory: Memory, instructions: str | None, max_symbols: int) -> None:
        self._dialect = dialect
        self.trunk = Trunk(memory, Item(SYSTEM_ITEM, "system", self._system(instructions)), max_symbols)

    def instruct(self, instructions: str | None) -> None:
        """New system prompt; None is the model's own."""
        self.trunk.replace(SYSTEM_ITEM, self._system(instructions))

    def put_text(self, item_id: str, role: str, text: str, after: str | None = None) -> None:
        """A text that a user wrote, or an answer as it was heard. after: see `Trunk.put`."""
        typed = text if role == "user" else ""
        self.trunk.put(Item(item_id, role, self._dialect.text_item(role, text), typed=typed), after)

    def close_turn(self, turn: Turn, notes: Sequence[Symbol]) -> None:
        """The open turn becomes an item, its tail included. notes: its line of what was heard, so far."""
        symbols = [*open_symbols(turn, turn.folded), *turn.tail, *self._dialect.audio_close()]
        item = Item(turn.item, "user", symbols, True, list(notes), len(turn.folded.line), turn.voice)
        self.trunk.close_turn(item)

    def truncate(self, item_id: str, heard: str) -> None:
        """The answer `item_id` was heard only so far."""
        text = self._dialect.interrupted(heard)
        self.trunk.replace(item_id, self._dialect.text_item("assistant", text) if text else [])

    def _system(self, instructions: str | None) -> list[Symbol]:
        return self._dialect.text_item(
            "system", self._dialect.default_instructions if instructions is None else instructions
        )
