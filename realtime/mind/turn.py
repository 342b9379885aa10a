"""The turn in hand as the mind knows it: a record that `realtime.mind.mind` alone writes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from realtime.mind.cues import Voice
from realtime.mind.memory import Symbol
from realtime.mind.rehearsal import Tried


class TurnState(enum.Enum):
    LISTENING = "listening"
    TENTATIVE = "tentative"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class Folded:
    """The oldest part of the turn, which stands on the trunk as text (`realtime.mind.folding`).

    words: what was said in it. frames: how many of the turn's frames are gone. text: the item on the trunk. line: the
    words as they stand in the line of what was heard.
    """

    words: tuple[str, ...] = ()
    frames: int = 0
    text: list[Symbol] = field(default_factory=list)
    line: list[Symbol] = field(default_factory=list)


@dataclass(slots=True)
class Turn:
    """The turn in hand: from its first sample until its answer is settled."""

    number: int
    item: str
    is_audio: bool
    state: TurnState = TurnState.LISTENING
    attempt: int = 0
    opening: list[Symbol] = field(default_factory=list)
    frames: list[Symbol] = field(default_factory=list)  # all of them, those that are folded, too
    folded: Folded = field(default_factory=Folded)
    tail: list[Symbol] = field(default_factory=list)
    notes: list[Symbol] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)  # the words of the notes, where a transcriber writes them
    voice: Voice | None = None  # measured in frames and tail
    heard_ms: int = 0
    noted_frames: int = 0
    closed: bool = False  # the user's part is history already
    tried: Tried = field(default_factory=Tried)
    foreseen: str = ""  # how the answer begins, by the last rehearsal that came so far
    answer: str = ""
