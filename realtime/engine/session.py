"""One conversation inside the engine, and the decoder as its mind's memory. Records; `realtime.engine.core` decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from realtime.decoder import Decoder
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.engine import messages as m
from realtime.engine.listening import Listening
from realtime.engine.vote import Vote
from realtime.mind import Mind, TurnState
from realtime.mind.memory import KvSequence, Symbol


class DecoderMemory:
    """`realtime.mind.memory.Memory` over a `Decoder`."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def new(self, symbols: Iterable[Symbol] = ()) -> KvSequence:
        return self._decoder.new(list(symbols))

    def fork(self, seq: KvSequence) -> KvSequence:
        return self._decoder.fork(cast(DecoderSequence, seq))

    def extend(self, seq: KvSequence, symbols: Iterable[Symbol]) -> None:
        self._decoder.extend(cast(DecoderSequence, seq), list(symbols))

    def truncate(self, seq: KvSequence, length: int) -> None:
        self._decoder.truncate(cast(DecoderSequence, seq), length)

    def drop(self, seq: KvSequence) -> None:
        self._decoder.drop(cast(DecoderSequence, seq))

    def drop_frames(self, symbols: Iterable[Symbol]) -> None:
        self._decoder.frames.drop(list(symbols))


@dataclass(slots=True)
class Stamps:
    """When the stages of one attempt ended."""

    received_ns: int
    encoded_ns: int = 0
    prefilled_ns: int = 0
    thought_ns: int = 0
    deadline_ns: int | None = None


@dataclass(slots=True)
class Session:
    """One conversation inside the engine."""

    id: str
    listening: Listening
    mind: Mind
    vote: Vote
    order: int
    turn: int = 0
    attempt: int = 0
    ending: m.EndTurn | None = None  # a tentative end that waits for its attempt to begin
    rehearsed_samples: int = 0  # audio of the turn that the last rehearsal had heard
    stamps: Stamps | None = None
    withheld: m.Done | None = None  # it follows the vote that is owed

    def begin_turn(self, number: int, at_sample: int) -> None:
        """Nothing of the turn has been heard, and nothing of an earlier one is left but what the mind keeps."""
        self.turn, self.attempt, self.rehearsed_samples = number, 0, 0
        self.listening.begin_turn(at_sample)
        self.void_vote()

    def void_vote(self) -> None:
        """The attempt in hand is none any more."""
        self.vote.void()
        self.withheld = None

    @property
    def is_tentative(self) -> bool:
        """Audio that comes now is heard only if the turn goes on."""
        turn = self.mind.turn
        return self.ending is not None or (turn is not None and turn.state is TurnState.TENTATIVE)
