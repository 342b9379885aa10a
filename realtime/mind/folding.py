"""Folding: the oldest part of a long turn stands on the trunk as the words that were said, not as sound any more.

    history, user: <audio of 12 s>                                           before
    history, user: settled words as text, user: <audio of the last 8 s>      after

So what an answer must still be given at the end of the turn, and what every step looks back over, hardly grow with
its length: a word is less than two tokens, and four frames or more. Only words that a transcriber will not change any
more are folded. The folded trunk is computed beside the old one, while the user speaks and nobody waits, and takes its
place when it is whole: a tentative end meanwhile finds the old trunk as it was.

It knows symbols and the turn's record; not who transcribes, and not when there is time.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.mind.dialect import Dialect
from realtime.mind.memory import KvSequence, Memory, Symbol
from realtime.mind.trunk import Trunk
from realtime.mind.turn import Folded, Turn, TurnState

# A question is asked in less than 12 s, so most turns are heard as ever.
LONG_TURN_FRAMES = 150
# A fold computes the words and the frames that are left, some 130 symbols and 0.1 s of a core: not for a word or two.
LEAST_FOLDED_FRAMES = 25


@dataclass(frozen=True, slots=True)
class SettledWords:
    """The words of a turn, from its first, that will not change any more, and its frames (80 ms each) that say them."""

    words: tuple[str, ...]
    frames: int


@dataclass(slots=True)
class Fold:
    """A folded trunk in the making."""

    seq: KvSequence
    folded: Folded


def is_due(turn: Turn, settled: SettledWords) -> bool:
    """Whether the turn is long, and enough of it is settled since it was folded last."""
    is_listening = turn.state is TurnState.LISTENING and not turn.closed
    is_more = len(settled.words) > len(turn.folded.words) and settled.frames <= len(turn.frames)
    is_worth_it = settled.frames - turn.folded.frames >= LEAST_FOLDED_FRAMES
    return is_listening and is_more and is_worth_it and len(turn.frames) >= LONG_TURN_FRAMES


def open_symbols(turn: Turn, folded: Folded) -> list[Symbol]:
    """The open turn on the trunk: what is `folded` as text, then the frames behind it."""
    return [*folded.text, *turn.opening, *turn.frames[folded.frames :]]


class Folding:
    """The fold of one conversation's turn in hand. `lane` is the one that is being computed."""

    def __init__(self, dialect: Dialect, memory: Memory, trunk: Trunk) -> None:
        self._dialect = dialect
        self._memory = memory
        self._trunk = trunk
        self.lane: Fold | None = None

    def begin(self, turn: Turn, settled: SettledWords) -> None:
        """Lay the folded trunk out, if it is due; it is computed as work of the lowest class."""
        if self.lane is not None or not is_due(turn, settled):
            return
        text = self._dialect.text_item("user", " ".join(settled.words))
        folded = Folded(settled.words, settled.frames, text, self._dialect.line(settled.words))
        self.lane = Fold(self._trunk.beside(open_symbols(turn, folded)), folded)

    def hear(self, frames: list[Symbol]) -> None:
        """The turn goes on."""
        if self.lane is not None:
            self._memory.extend(self.lane.seq, frames)

    def finish(self, turn: Turn) -> None:
        """The fold takes the trunk's place, if it is computed. No lane may be laid on the trunk meanwhile."""
        fold = self.lane
        if fold is None or fold.seq.pending or turn.state is not TurnState.LISTENING:
            return
        turn.folded = fold.folded
        # What was misheard when it was noted is right now.
        turn.noted[: len(fold.folded.words)] = fold.folded.words
        turn.notes = self._dialect.line(turn.noted)
        self._trunk.fold(open_symbols(turn, fold.folded), fold.seq)
        self.drop()

    def drop(self) -> None:
        """Give up the fold under way. What is folded stays folded."""
        if self.lane is not None:
            self._memory.drop(self.lane.seq)
            self.lane = None
