"""One conversation inside the engine, and the decoder as its mind's memory. Records; `realtime.engine.core` decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from realtime.decoder import Decoder
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.engine import messages as m
from realtime.engine.transcribing import Transcribing
from realtime.engine.vote import Vote
from realtime.mind import Mind, TurnState
from realtime.mind.memory import KvSequence, Symbol
from streaming_encoder import EncoderStream, VoiceMeter

SAMPLES_PER_MS = m.INPUT_SAMPLE_RATE_HZ // 1000


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
    stream: EncoderStream
    mind: Mind
    vote: Vote
    order: int
    meter: VoiceMeter = field(default_factory=VoiceMeter)  # of the turn in hand
    transcribing: Transcribing | None = None  # where the checkpoint has a transcriber
    turn: int = 0
    attempt: int = 0
    turn_from_sample: int = 0
    held: list[np.ndarray] = field(default_factory=list)
    held_samples: int = 0
    rehearsed_samples: int = 0  # audio of the turn that the last rehearsal had heard
    stamps: Stamps | None = None

    def begin_turn(self, number: int, at_sample: int) -> None:
        """Nothing of the turn has been heard, and nothing of an earlier one is left but what the mind keeps."""
        self.turn, self.attempt, self.turn_from_sample = number, 0, at_sample
        self.held.clear()
        self.held_samples = self.rehearsed_samples = 0
        self.stream.reset()
        self.meter.reset()
        if self.transcribing is not None:
            self.transcribing.reset()
        self.vote.void()

    @property
    def heard_ms(self) -> int:
        return (self.turn_from_sample + self.stream.samples) // SAMPLES_PER_MS

    @property
    def is_behind(self) -> bool:
        """The transcriber has not listened to everything yet."""
        return self.transcribing is not None and self.transcribing.is_behind

    @property
    def is_tentative(self) -> bool:
        turn = self.mind.turn
        return turn is not None and turn.state is TurnState.TENTATIVE
