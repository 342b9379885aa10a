"""The mind's vote on the end of a turn, asked beside the answer and never before its beginning.

The turn machine acts on the vote about 200 ms into the silence; the answer's first clause should be on its way to the
voice by then. So the words of an attempt wait a few steps for their vote, while the answer is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from realtime.decoder import Decoder
from realtime.decoder.sequence import Sequence as DecoderSequence
from realtime.engine import messages as m
from realtime.engine.wording import Wording
from realtime.mind import Dialect, Mind
from realtime.mind.ears import Standing, words_ahead
from realtime.mind.lanes import AnswerLane
from realtime.mind.memory import Symbol
from realtime.mind.readiness import NO_WORDS, readiness

# A drafted first clause is complete one step behind the words; one that has to be written is not waited for.
WAITS_STEPS = 3


class Vote:
    """The vote owed for the attempt in hand of one session. At most one; a newer attempt's takes its place."""

    def __init__(self, decoder: Decoder, dialect: Dialect, mind: Mind) -> None:
        self._decoder = decoder
        self._dialect = dialect
        self._mind = mind
        self._wording = Wording(decoder, dialect)
        self._owed: tuple[m.Transcript, AnswerLane] | None = None
        self._steps = 0
        self._rehearsed: list[Symbol] = []  # the line that the last rehearsal of the turn heard

    @property
    def is_owed(self) -> bool:
        return self._owed is not None

    def noted(self) -> None:
        """Words were noted: what the vote will ask about them is computed now, while nobody waits."""
        turn = self._mind.turn
        if turn is not None and len(turn.notes) > len(self._rehearsed):  # else the line knows better
            self._wording.prepare(turn.notes)

    def rehearsed(self, words: Sequence[str]) -> None:
        """A rehearsal heard this line: what the vote will ask about, but for the last words, if the turn ends soon."""
        if words:
            self._rehearsed = self._dialect.line(words)
            self._wording.prepare(self._rehearsed)

    def owe(self, transcript: m.Transcript, lane: AnswerLane) -> None:
        """`lane` has heard the turn to its end: `transcript` goes out with the vote."""
        self._owed, self._steps = (transcript, lane), 0

    def cast_if_due(self) -> list[m.Transcript]:
        """The transcript with its vote, once the answer has had its steps. Call once before every step."""
        if self._owed is None:
            return []
        self._steps += 1
        waits = self._steps <= WAITS_STEPS and self._is_awaited and self._mind.holds(self._owed[1])
        return [] if waits else self.cast()

    def cast(self) -> list[m.Transcript]:
        """The transcript with its vote, now; nothing where none is owed."""
        if self._owed is None:
            return []
        (transcript, lane), self._owed = self._owed, None
        turn = self._mind.turn
        if turn is None or turn.closed or not transcript.text:
            return [self._with(transcript, None, None)]
        if self._dialect.says_nothing(transcript.text):
            return [msgspec.structs.replace(transcript, ready=NO_WORDS)]
        finish = None if lane.line is None else lane.line.finish
        if lane.has_given_line:  # a transcriber writes what was said, and completes no question by itself
            return [self._with(transcript, self._wording.prior(lane.heard_tokens), 0, finish)]
        if lane.line is not None and len(transcript.text.split()) <= len(lane.line.words):
            # Other words, and no more of them than the transcriber heard: none of them is made up.
            return [self._with(transcript, self._wording.prior(lane.heard_tokens), 1, finish)]
        listening = self._heard(lane, turn.tail)
        laid = lane.heard_tokens[len(turn.folded.line) : lane.given_tokens]
        self._decoder.extend(listening, self._dialect.listening(laid))
        prior, unheard = self._wording.ask(lane.heard_tokens, listening, lane.heard_tokens[lane.given_tokens :])
        self._decoder.drop(listening)
        ahead = 0
        if lane.line is not None and lane.line.standing is Standing.UNBELIEVED:
            # The decoder heard for itself: with half a question it knows the rest, and with a tone a whole one.
            ahead = words_ahead(transcript.text.split(), lane.line.written)
        return [self._with(transcript, prior, unheard, finish, ahead)]

    @property
    def _is_awaited(self) -> bool:
        """Somebody still has to decide whether the turn is over."""
        return self._mind.turn is not None and not self._mind.turn.closed

    def _heard(self, lane: AnswerLane, tail: list[Symbol]) -> DecoderSequence:
        """All the audio of the turn, computed as far as it has been."""
        if self._mind.holds(lane):
            heard = self._decoder.fork(cast(DecoderSequence, lane.seq))
            self._decoder.truncate(heard, lane.base + len(tail))
        else:
            heard = self._decoder.fork(cast(DecoderSequence, self._mind.trunk.seq))
            self._decoder.extend(heard, tail)
        return heard

    def _with(
        self,
        heard: m.Transcript,
        prior: float | None,
        unheard: int | None,
        finish: float | None = None,
        ahead: int = 0,
    ) -> m.Transcript:
        ready = readiness(heard.closing, heard.doubt, len(heard.text.split()), prior, unheard, finish, ahead)
        return msgspec.structs.replace(heard, ready=ready, prior=prior, unheard=unheard, finish=finish)

    def void(self) -> None:
        """The attempt was revoked."""
        self._owed = None

    def forget(self) -> None:
        """The turn is over: give back what its words hold."""
        self._wording.forget()
        self._rehearsed = []
