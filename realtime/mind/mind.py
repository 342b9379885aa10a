"""The mind of one conversation: what to run next. Events in, messages out; no weights, clock or socket.

    listening    audio frames go onto the trunk; a note lane is laid on it at every pass; in between the answer is
                 rehearsed (`realtime.mind.rehearsal`)
    tentative    an answer lane is laid on trunk + tail; what it writes is held by the server
    committed    the attempt is the answer; the turn becomes history when it is settled
    revoked      the attempt is dropped, the notes stay, listening goes on
    settled      the user item and the words of the answer that were heard stand in the trunk

Definitions of trunk, lane, note and attempt: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from realtime.decoder.scheduler import Service
from realtime.engine.messages import FromEngine, Transcript
from realtime.mind import reports
from realtime.mind.attempt import Attempt
from realtime.mind.contest import Hypothesis
from realtime.mind.cues import Voice
from realtime.mind.dialect import Dialect
from realtime.mind.ears import HeardLine, Second
from realtime.mind.folding import Folding, SettledWords
from realtime.mind.history import History
from realtime.mind.lanes import AnswerLane, NoteLane, Phase
from realtime.mind.laying import Laying
from realtime.mind.memory import Memory, Symbol
from realtime.mind.notes import NoteTaking
from realtime.mind.pace import ThinkingPlan
from realtime.mind.rehearsal import Rehearsal
from realtime.mind.turn import Turn, TurnState
from realtime.mind.work import Lane, Work, work_of


class Mind:
    """See the module's docstring.

    Args:
        session: id that every message carries.
        note_interval_frames: frames (80 ms each) between two listening passes; None: a transcriber writes the notes.
        max_history_symbols: what the trunk may hold before the oldest items are forgotten.
        plan: how thinking and speaking share the time of an answer.
    """

    def __init__(
        self,
        session: str,
        dialect: Dialect,
        memory: Memory,
        *,
        instructions: str | None = None,
        note_interval_frames: int | None = 8,
        max_history_symbols: int = 512,
        plan: ThinkingPlan = ThinkingPlan(),  # noqa: B008 - a frozen value
    ) -> None:
        self._session = session
        self._dialect = dialect
        self._memory = memory
        self._plan = plan
        self._history = History(dialect, memory, instructions, max_history_symbols)
        self.trunk = self._history.trunk
        self.turn: Turn | None = None
        self._notes = NoteTaking(session, dialect, memory, self.trunk, note_interval_frames)
        self._folding = Folding(dialect, memory, self.trunk)
        self._laying = Laying(dialect, memory, self.trunk, plan)
        self._attempt: Attempt | None = None
        self._rehearsal: Rehearsal | None = None

    # --- history ------------------------------------------------------------------------------------

    def instruct(self, instructions: str | None) -> None:
        """New system prompt; None is the model's own."""
        self._drop_listening_lanes()
        self._history.instruct(instructions)

    def put_text(self, item_id: str, role: str, text: str, after: str | None = None) -> None:
        self._settle_finished()
        self._drop_listening_lanes()
        self._history.put_text(item_id, role, text, after)

    def drop_item(self, item_id: str) -> None:
        self._settle_finished()
        self._drop_listening_lanes()
        self.trunk.remove(item_id)

    def truncate_item(self, item_id: str, heard: str) -> None:
        """The answer `item_id` was heard only so far."""
        self._history.truncate(item_id, heard)

    # --- a spoken turn ------------------------------------------------------------------------------

    def start_turn(self, number: int) -> None:
        """The user begins to speak. An answer still unsettled was heard whole (else `cancel` came before)."""
        self._settle(answer=None if self.turn is None else self.turn.answer)
        self.turn = Turn(number, f"turn_{number}", is_audio=True, opening=self._dialect.audio_open())
        self._notes.start_turn()
        self.trunk.open_turn(self.turn.opening)

    def hear(self, frames: list[Symbol], heard_ms: int) -> None:
        """Final audio frames of the open turn. `heard_ms`: audio position that is now heard."""
        turn = self._open_turn()
        turn.frames.extend(frames)
        turn.heard_ms = heard_ms
        self.trunk.append(frames)
        self._folding.hear(frames)
        self._notes.begin(self.turn)

    def note(self, words: Sequence[str], heard_ms: int) -> list[FromEngine]:
        """Words that a transcriber has heard by `heard_ms`."""
        return self._notes.write(self._open_turn(), words, heard_ms) if words else []

    def fold(self, settled: SettledWords) -> None:
        """Words of the open turn that will not change: where it is long, they take the place of their sound."""
        self._folding.begin(self._open_turn(), settled)

    def end_turn(
        self,
        attempt: int,
        tail: list[Symbol],
        heard_ms: int,
        *,
        line: HeardLine | None = None,
        voice: Voice | None = None,
        respond: bool = True,
        max_tokens: int = 512,
        spoken: bool = True,
    ) -> None:
        """A tentative end: lay the answer lane. `tail`: frames that stand only if the turn ends here.

        line: what was heard, where a transcriber has written it. voice: what was measured, tail included.
        spoken: False for an answer to be read: nothing is bought by saying it, so its thought is not cut short.
        """
        turn = self._open_turn()
        self._drop_rehearsal()
        self._notes.drop()
        turn.heard_ms = heard_ms
        turn.state, turn.attempt, turn.tail, turn.answer = TurnState.TENTATIVE, attempt, tail, ""
        turn.voice = voice
        lane = self._laying.on_turn(
            turn, attempt, tail, line=line, voice=voice, respond=respond, max_tokens=max_tokens, spoken=spoken
        )
        self._begin_attempt(turn, lane)

    @property
    def may_rehearse(self) -> bool:
        """The user is speaking, and neither a note pass nor another rehearsal is under way."""
        turn = self.turn
        is_listening = turn is not None and turn.state is TurnState.LISTENING
        return is_listening and self._notes.lane is None and self._rehearsal is None

    def rehearse(
        self, tail: list[Symbol], heard_ms: int, line: HeardLine | None = None, voice: Voice | None = None
    ) -> None:
        """Try out the answer as if the turn ended here. `tail`: frames that stand only for this rehearsal.

        line: what was heard so far, where a transcriber has written it. voice: what was measured so far.
        """
        turn = self._open_turn()
        self._drop_rehearsal()
        turn.heard_ms = heard_ms
        self._rehearsal = self._laying.rehearsal(turn, tail, line=line, voice=voice)

    def revoke(self, attempt: int) -> None:
        """The user went on: nothing was said, nothing is lost."""
        turn = self.turn
        if turn is None or turn.state is not TurnState.TENTATIVE or turn.attempt != attempt:
            return
        if self._attempt is not None:
            turn.tried.keep_lane(self._attempt.lane)
        self._drop_attempt()
        self._memory.drop_frames(turn.tail)
        turn.tail, turn.answer, turn.state = [], "", TurnState.LISTENING
        self._notes.begin(self.turn)

    def commit(self, attempt: int, item_id: str) -> None:
        """The tentative end was the end: the user's part of the turn becomes history as `item_id`."""
        turn = self.turn
        if turn is None or turn.state is not TurnState.TENTATIVE or turn.attempt != attempt:
            return
        turn.state, turn.item = TurnState.COMMITTED, item_id
        self._close_user_part(turn)

    def discard_turn(self, number: int) -> None:
        """The turn was no turn: forget it and its audio."""
        turn = self.turn
        if turn is None or turn.number != number or turn.closed:
            return
        self._drop_lanes()
        self._memory.drop_frames(turn.tail)
        self.trunk.close_turn(None)
        self.turn = None

    # --- answers ------------------------------------------------------------------------------------

    def respond(
        self,
        number: int,
        attempt: int,
        *,
        max_tokens: int = 512,
        instructions: str | None = None,
        spoken: bool = True,
    ) -> None:
        """Answer the history as it stands; `instructions` are read for this answer alone and are no history.

        spoken: see `end_turn`.
        """
        self._settle(answer=None if self.turn is None else self.turn.answer)
        last = self.trunk.last
        turn = Turn(number, last.id, is_audio=last.is_audio, state=TurnState.COMMITTED, attempt=attempt, closed=True)
        self.turn = turn
        lane = self._laying.on_history(attempt, instructions=instructions, max_tokens=max_tokens, spoken=spoken)
        self._begin_attempt(turn, lane)

    def cancel(self, number: int, answer_item: str | None = None, heard: str = "") -> None:
        """Stop answering. The trunk keeps the user's part and exactly the words that were heard."""
        turn = self.turn
        if turn is None or turn.number != number:
            return
        if turn.state is TurnState.LISTENING:
            self.discard_turn(number)
            return
        self._close_user_part(turn)
        self._settle(answer=self._dialect.interrupted(heard), answer_item=answer_item)

    def answer_heard(self, number: int, answer_item: str) -> None:
        """The whole answer was heard: it becomes history."""
        if self.turn is not None and self.turn.number == number and self.turn.state is TurnState.COMMITTED:
            self._settle(answer=self.turn.answer, answer_item=answer_item)

    def pass_deadline(self, attempt: int) -> None:
        """The attempt's time for thinking is over."""
        if self._attempt is not None and self._attempt.lane.attempt == attempt:
            self._attempt.lane.pass_deadline()

    def played(self, number: int, attempt: int, bought_ms: int) -> None:
        """`bought_ms` of the answer are synthesised and not yet heard: for so long thinking may go on."""
        current = self._attempt
        if current is not None and (current.turn.number, current.lane.attempt) == (number, attempt):
            current.speaking.played(bought_ms)

    # --- decoding -----------------------------------------------------------------------------------

    def work(self) -> Iterator[Work]:
        """Everything that can run now, most urgent first."""
        if self._attempt is not None:
            yield from self._attempt.work()
        note, rehearsal, fold, trunk = self._notes.lane, self._rehearsal, self._folding.lane, self.trunk
        if note is not None and note.seq.pending:
            yield Work(note.seq, Service.NOTE, note)
        if rehearsal is not None:
            yield from work_of(rehearsal.lane, Service.REHEARSAL)
        # A lane laid on a trunk with pending symbols computes them itself; the trunk adopts them (`ran`).
        is_borrowed = any(lane.seq.computed < lane.base for lane in self._laid)
        if trunk.seq.pending and not is_borrowed:
            yield Work(trunk.seq, Service.NOTE, None)
        is_listening = self.turn is not None and self.turn.state is TurnState.LISTENING
        if fold is not None and fold.seq.pending and is_listening:
            yield Work(fold.seq, Service.REHEARSAL, None)

    @property
    def _laid(self) -> Iterator[NoteLane | AnswerLane]:
        """The lanes that are laid on the trunk."""
        if self._notes.lane is not None:
            yield self._notes.lane
        yield from self._answers

    @property
    def _answers(self) -> Iterator[AnswerLane]:
        """The answer that is being tried, and the one that is rehearsed."""
        for holder in (self._attempt, self._rehearsal):
            if holder is not None:
                yield holder.lane

    def ran(self, lane: Lane | None) -> None:
        """Some pending symbols of `lane` were computed: the trunk takes over what it was waiting for."""
        if lane is not None and self.holds(lane):
            self.trunk.adopt(lane.seq)
        self._fold_if_whole()

    def accept(self, lane: Lane, token: int, logprob: float = 0.0, second: Second | None = None) -> list[FromEngine]:
        """The token chosen at the tip of `lane` and its log-probability; a lane that is gone takes nothing.

        second: the token that was likeliest but one, where a line is contested.
        """
        attempt, rehearsal = self._attempt, self._rehearsal
        if isinstance(lane, NoteLane) and lane is self._notes.lane and self.turn is not None:
            return self._notes.accept(self.turn, lane, token)
        if attempt is not None and lane is attempt.lane:
            return self._say(attempt, attempt.accept(token, logprob, second))
        if attempt is not None and lane is attempt.speaking.think:
            return attempt.think(token)
        if rehearsal is not None and lane is rehearsal.lane:
            rehearsal.answer += rehearsal.lane.accept(token, logprob, second).answer
            if rehearsal.is_over:
                self._drop_rehearsal()
                self._fold_if_whole()
                return reports.of_rehearsal(self._session, self._open_turn(), rehearsal)
        if isinstance(lane, Hypothesis) and (owner := next((a for a in self._answers if lane in a.hypotheses), None)):
            owner.accept_other(lane, token, logprob)
        return []

    def asking(self) -> Iterator[AnswerLane]:
        """The lanes that wait for the transcriber to weigh lines (`AnswerLane.asked`)."""
        yield from (lane for lane in self._answers if lane.asked)

    def told(self, lane: AnswerLane, likely: Sequence[Sequence[float] | None]) -> list[FromEngine]:
        """The transcriber's answer to what `lane` has asked: log-probabilities of the words of each line."""
        if self._attempt is not None and lane is self._attempt.lane:
            return self._say(self._attempt, self._attempt.told(likely))
        lane.told(likely)
        return []

    def holds(self, lane: Lane) -> bool:
        """Whether `lane` is still one that takes tokens."""
        is_thought = self._attempt is not None and lane is self._attempt.speaking.think
        is_tried = isinstance(lane, Hypothesis) and any(lane in answer.hypotheses for answer in self._answers)
        return is_thought or is_tried or any(lane is laid for laid in self._laid)

    def goes_on(self, work: Work) -> bool:
        """Whether the token after the last one is known too: that one was guessed right, and its lane takes more."""
        lane = work.lane
        if lane is None or not self.holds(lane) or lane.seq is not work.seq or work.seq.pending:
            return False
        if isinstance(lane, AnswerLane) and lane.is_waiting:
            return False
        attempt = self._attempt
        return attempt is None or lane is not attempt.lane or not attempt.speaking.withholds_end

    @property
    def is_hurried(self) -> bool:
        """The first clause of an answer is being written."""
        return self._attempt is not None and self._attempt.is_hurried

    def relieve(self) -> bool:
        """Give up what is only a convenience, when blocks are short; says whether there was anything."""
        had_lane = any(lane is not None for lane in (self._notes.lane, self._rehearsal, self._folding.lane))
        self._drop_listening_lanes()
        had_thought = self._attempt is not None and self._attempt.speaking.stop_thinking()
        return had_lane or had_thought

    def close(self) -> None:
        """Give every block and frame back."""
        self._drop_lanes()
        if self.turn is not None and not self.turn.closed:
            self._memory.drop_frames(self.turn.tail)
        self.turn = None
        self.trunk.close()

    # --- inside -------------------------------------------------------------------------------------

    def _open_turn(self) -> Turn:
        assert self.turn is not None and not self.turn.closed, "no open turn: the engine checks turn ids"
        return self.turn

    def _begin_attempt(self, turn: Turn, lane: AnswerLane) -> None:
        self._attempt = Attempt(self._session, self._dialect, self._memory, turn, lane, self._plan)

    def _say(self, attempt: Attempt, messages: list[FromEngine]) -> list[FromEngine]:
        """What a token of the attempt, or the choice of its line, has brought."""
        has_line = any(isinstance(message, Transcript) for message in messages)
        if attempt.turn.closed and attempt.turn.is_audio and has_line:
            self.trunk.last.notes = list(attempt.lane.heard_tokens)
        if attempt.lane.phase is Phase.ENDED:
            self._drop_attempt()
        return messages

    def _close_user_part(self, turn: Turn) -> None:
        """Audio and tail become an item. The answer lane goes on: what it was forked from has not changed."""
        if turn.closed:
            return
        turn.closed = True
        self._folding.drop()
        self._history.close_turn(turn, turn.notes if self._attempt is None else self._attempt.lane.heard_tokens)
        if self._attempt is not None:
            self.trunk.adopt(self._attempt.lane.seq)

    def _settle(self, answer: str | None, answer_item: str | None = None) -> None:
        """The turn in hand is over; `answer` is what was heard of it."""
        turn = self.turn
        if turn is None:
            return
        if not turn.closed:
            self.discard_turn(turn.number)
            return
        self._drop_lanes()
        self.turn = None
        if answer:
            self._history.put_text(answer_item or f"answer_{turn.number}", "assistant", answer)
        self.trunk.forget_oldest()

    def _settle_finished(self) -> None:
        """Before the history is edited: an answer that has ended belongs to it."""
        if self.turn is not None and self.turn.closed and self._attempt is None:
            self._settle(answer=self.turn.answer)

    def _drop_attempt(self) -> None:
        if self._attempt is not None:
            self._attempt.drop()
            self._attempt = None

    def _drop_rehearsal(self) -> None:
        """The rehearsal is over; what it wrote is tried first in the next attempt."""
        if self._rehearsal is None:
            return
        if self.turn is not None:
            self.turn.tried.keep_lane(self._rehearsal.lane)
        self._rehearsal.lane.drop()
        self._memory.drop_frames(self._rehearsal.tail)
        self._rehearsal = None

    def _fold_if_whole(self) -> None:
        """A lane on the trunk may still ask for frames that the fold does without: it comes to its end first."""
        if self.turn is not None and self._rehearsal is None and self._notes.lane is None:
            self._folding.finish(self.turn)

    def _drop_listening_lanes(self) -> None:
        self._drop_rehearsal()
        self._notes.drop()
        self._folding.drop()

    def _drop_lanes(self) -> None:
        self._drop_listening_lanes()
        self._drop_attempt()
