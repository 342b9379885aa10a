"""Taking notes while the user speaks: one short-lived lane after the other, each laid on the audio heard so far.

It knows when a pass is due and what its tokens mean; not what becomes of the turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from realtime.engine.messages import FromEngine, Note
from realtime.mind.dialect import Dialect
from realtime.mind.lanes import NoteLane
from realtime.mind.memory import Memory
from realtime.mind.trunk import Trunk
from realtime.mind.turn import Turn, TurnState

# A note pass writes the words of the frames that are new to it: about 3 words a second, 4 tokens a word at worst,
# so one token per 80 ms frame is ample and anything far beyond is a loop.
NOTE_TOKENS_PER_FRAME = 2
NOTE_TOKENS_LEAST = 16


class NoteTaking:
    """The notes of one conversation's turn in hand. `lane` is the pass under way.

    Args:
        interval_frames: new frames (80 ms each) that are worth a pass; None where a transcriber writes the notes.
    """

    def __init__(
        self, session: str, dialect: Dialect, memory: Memory, trunk: Trunk, interval_frames: int | None
    ) -> None:
        self._session = session
        self._dialect = dialect
        self._memory = memory
        self._trunk = trunk
        self._interval_frames = interval_frames
        self._words = dialect.detokenizer()
        self.lane: NoteLane | None = None

    def start_turn(self) -> None:
        """A new turn: its notes begin with its first word."""
        self._words = self._dialect.detokenizer()

    def begin(self, turn: Turn | None) -> None:
        """Lay a pass on the trunk, if one is due."""
        if turn is None or turn.state is not TurnState.LISTENING or self.lane is not None:
            return
        fresh = len(turn.frames) - turn.noted_frames
        if self._interval_frames is None or fresh < self._interval_frames:
            return
        seq = self._memory.fork(self._trunk.seq)
        base = len(seq.symbols)
        self._memory.extend(seq, self._dialect.listening(turn.notes))
        self.lane = NoteLane(seq, base, turn.heard_ms, max(NOTE_TOKENS_LEAST, fresh * NOTE_TOKENS_PER_FRAME))
        turn.noted_frames = len(turn.frames)

    def accept(self, turn: Turn, lane: NoteLane, token: int) -> list[FromEngine]:
        """The token chosen at the tip of `lane`, the pass under way."""
        special = self._dialect.special
        if token == special.wait:
            self.drop()
            turn.notes.extend(lane.tokens)
            text = "".join(self._words.push(note) for note in lane.tokens)
            self.begin(turn)
            if not lane.tokens:
                return []
            return [Note(session=self._session, turn=turn.number, text=text, tokens=len(lane.tokens),
                         at_ms=lane.at_ms)]  # fmt: skip
        # Notes are append-only, so a pass that leaves the format is dropped whole rather than kept in part.
        if token in (special.im_end, special.think_end, special.think) or len(lane.tokens) >= lane.budget:
            self.drop()
            return []
        lane.tokens.append(token)
        self._memory.extend(lane.seq, [token])
        return []

    def write(self, turn: Turn, words: Sequence[str], at_ms: int) -> list[FromEngine]:
        """Words that a transcriber has heard."""
        tokens = self._dialect.line(words)
        turn.noted.extend(words)
        turn.notes.extend(tokens)
        text = "".join(f" {word}" for word in words)
        return [Note(session=self._session, turn=turn.number, text=text, tokens=len(tokens), at_ms=at_ms)]

    def drop(self) -> None:
        """Give the pass up, with what it wrote."""
        if self.lane is not None:
            self._memory.drop(self.lane.seq)
            self.lane = None
