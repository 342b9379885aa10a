"""A replay's place on a tape. Knows records in a line, not what replays them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from realtime.engine import messages as m
from realtime.replay import records as r

R = TypeVar("R", bound=r.Record)


class Difference(Exception):
    """A replay left the tape at record `position`."""

    def __init__(self, position: int, expected: object, got: object) -> None:
        super().__init__(f"record {position}: expected {expected}, got {got}")
        self.position, self.expected, self.got = position, expected, got


class Walk:
    """A replay's place on the tape. Raises `Difference` wherever the replay leaves it."""

    def __init__(self, records: Iterable[r.Record]) -> None:
        self._records = iter(records)
        self._next: r.Record | None = next(self._records, None)
        self.position = 0
        self.counts: dict[str, int] = {}
        self.tokens = self.ledgers = 0
        self.end: str | None = None  # the reason on the end mark, once it was reached

    @property
    def next(self) -> r.Record | None:
        return self._next

    def differ(self, got: object) -> Difference:
        return Difference(self.position, "nothing more" if self._next is None else self._next, got)

    def read(self, kind: type[R]) -> R:
        """What the replay asks of the outside."""
        record = self._next
        if not isinstance(record, kind):
            raise self.differ(f"a wish for {kind.__name__}")
        self._advance(record)
        return record

    def meet(self, got: r.Record) -> None:
        """What the replay did."""
        if self._next != got and self._next != r.read_back(got):
            raise self.differ(got)
        self._advance(got)

    def _advance(self, record: r.Record) -> None:
        name = type(record).__name__
        self.counts[name] = self.counts.get(name, 0) + 1
        match record:
            case r.Said(message=m.Note() | m.Thought() as thinking):
                self.tokens += thinking.tokens
            case r.Said(message=m.Done() as done):
                self.tokens += done.answer_tokens
            case r.Closed(statement=dict()):
                self.ledgers += 1
            case r.Ended():
                self.end = record.reason
        self._next = next(self._records, None)
        self.position += 1
