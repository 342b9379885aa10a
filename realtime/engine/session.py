"""One conversation inside the engine: its messages in, and what its mind says with the votes and the stamps, out.

It knows what it hears and its own mind; not the other sessions, and not when it may run: that `realtime.engine.core`
decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.clock import NS_PER_MS, Clock
from realtime.engine import messages as m
from realtime.engine.listening import SAMPLES_PER_MS, Listening, Pcm
from realtime.engine.vote import Vote
from realtime.errors import AudioError, ForethoughtError
from realtime.mind import Mind, TurnState, Work
from realtime.mind.ears import Second
from realtime.mind.lanes import AnswerLane, Phase
from realtime.mind.work import Lane
from streaming_encoder import AudioInputError

# With less of the turn than this there is nothing to answer yet.
REHEARSAL_LEAST_MS = 480
# Messages that find a waiting tentative end as it is; for any other its attempt must have begun.
LEAVES_END_WAITING = (m.Audio, m.EndTurn, m.Revoke, m.DiscardTurn, m.Played)


@dataclass(slots=True)
class Stamps:
    """When the stages of one attempt ended."""

    received_ns: int
    encoded_ns: int = 0
    prefilled_ns: int = 0
    thought_ns: int = 0
    deadline_ns: int | None = None


class Session:
    """See the module's docstring. order: how many sessions were opened before it."""

    def __init__(self, id: str, listening: Listening, mind: Mind, vote: Vote, clock: Clock, order: int) -> None:
        self.id = id
        self.order = order
        self.mind = mind
        self.ending: m.EndTurn | None = None  # a tentative end that waits for its attempt to begin
        self._listening = listening
        self._vote = vote
        self._clock = clock
        self._turn = 0
        self._attempt = 0
        self._stamps: Stamps | None = None
        self._withheld: m.Done | None = None  # it follows the vote that is owed
        self._rehearsed_samples = 0  # audio of the turn that the last rehearsal had heard

    @property
    def is_behind(self) -> bool:
        """The transcriber has not listened to everything yet."""
        return self._listening.is_behind

    @property
    def owes(self) -> bool:
        """Something is to be done that is no work of the mind's: an attempt to begin, a vote, audio to listen to."""
        return self.ending is not None or self._vote.is_owed or self.is_behind

    @property
    def waits_since_ns(self) -> int | None:
        """When the tentative end came whose attempt has not begun."""
        return self._stamps.received_ns if self.ending is not None and self._stamps is not None else None

    @property
    def deadline_ns(self) -> int | None:
        """When the thought of the attempt in hand must end."""
        return None if self._stamps is None else self._stamps.deadline_ns

    def fault(self, error: AudioInputError | ForethoughtError) -> m.Fault:
        if isinstance(error, AudioInputError):
            error = AudioError(str(error))
        return m.Fault(session=self.id, turn=self._turn, code=error.code, message=error.message)

    def close(self) -> None:
        """Give everything back."""
        self.mind.close()
        self._vote.forget()

    # --- messages -----------------------------------------------------------------------------------

    def handle(self, message: m.ToEngine) -> list[m.FromEngine]:
        """Take one message."""
        said: list[m.FromEngine] = []
        try:
            if self.ending is not None and not isinstance(message, LEAVES_END_WAITING):
                said = self._begin_attempt(self.ending)
            self._take(message)
        except (AudioInputError, ForethoughtError) as error:
            return [*said, self.fault(error)]
        return said

    def _take(self, message: m.ToEngine) -> None:
        match message:
            case m.Audio():
                self._audio(message)
            case m.StartTurn():
                self._start_turn(message)
            case m.EndTurn():
                self._end_turn(message)
            case m.Commit() if message.turn == self._turn:
                self._listening.forget_held()
                self._vote.forget()
                self.mind.commit(message.attempt, message.item)
            case m.Revoke() if (message.turn, message.attempt) == (self._turn, self._attempt):
                self._revoke(message)
            case m.DiscardTurn():
                self.ending = None if message.turn == self._turn else self.ending
                self._void_vote()
                self._vote.forget()
                self.mind.discard_turn(message.turn)
            case m.Respond():
                self._respond(message)
            case m.Cancel():
                self._stamps = None
                self.mind.cancel(message.turn, message.item, message.heard)
            case m.Played():
                self.mind.played(message.turn, message.attempt, message.bought_ms)
            case m.AnswerHeard():
                self.mind.answer_heard(message.turn, message.item)
            case m.UpdateSession():
                self.mind.instruct(message.instructions)
            case m.PutText():
                self.mind.put_text(message.item, message.role, message.text, message.after)
            case m.DropItem():
                self.mind.drop_item(message.item)
            case m.TruncateItem():
                self.mind.truncate_item(message.item, message.heard)
            case _:
                pass  # an older turn or attempt: dropped at the door

    def _start_turn(self, message: m.StartTurn) -> None:
        """Nothing of the turn has been heard, and nothing of an earlier one is left but what the mind keeps."""
        self._turn, self._attempt, self._rehearsed_samples = message.turn, 0, 0
        self._listening.begin_turn(message.at_sample)
        self._void_vote()
        self.mind.start_turn(message.turn)

    def _audio(self, message: m.Audio) -> None:
        turn = self.mind.turn
        if turn is None or turn.number != message.turn or turn.closed:
            return
        pcm = np.frombuffer(message.pcm, dtype="<i2")
        if self.ending is not None or turn.state is TurnState.TENTATIVE:  # heard only if the turn goes on
            self._listening.hold(pcm)
        else:
            self._hear(pcm)

    def _hear(self, pcm: Pcm) -> None:
        if frames := self._listening.hear(pcm):
            self.mind.hear(frames, self._listening.heard_ms)

    def _end_turn(self, message: m.EndTurn) -> None:
        """The attempt begins with a step: many ends are revoked before, and another session may be nearer its own."""
        turn = self.mind.turn
        if turn is None or turn.number != message.turn or turn.closed or message.attempt <= self._attempt:
            return
        self._attempt, self.ending = message.attempt, message
        self._stamps = self._received(message.think_ms)

    def _revoke(self, message: m.Revoke) -> None:
        if self.ending is None:
            self.mind.revoke(message.attempt)
            self._void_vote()
        self.ending = self._stamps = None
        for pcm in self._listening.forget_held():
            self._hear(pcm)

    def _respond(self, message: m.Respond) -> None:
        self._turn, self._attempt = message.turn, message.attempt
        self._stamps = self._received(message.think_ms)
        self.mind.respond(
            message.turn,
            message.attempt,
            max_tokens=message.max_tokens,
            spoken=message.spoken,
            instructions=message.instructions,
        )
        self._stamps.encoded_ns = self._clock.now_ns()

    def _received(self, think_ms: int | None) -> Stamps:
        now_ns = self._clock.now_ns()
        return Stamps(now_ns, deadline_ns=None if think_ms is None else now_ns + think_ms * NS_PER_MS)

    def _void_vote(self) -> None:
        """The attempt in hand is none any more."""
        self._vote.void()
        self._withheld = None

    # --- what it does when it may -------------------------------------------------------------------

    def begin_attempt(self) -> list[m.FromEngine]:
        """The attempt of the tentative end that waits, if one does."""
        try:
            return [] if self.ending is None else self._begin_attempt(self.ending)
        except (AudioInputError, ForethoughtError) as error:
            return [self.fault(error)]

    def _begin_attempt(self, message: m.EndTurn) -> list[m.FromEngine]:
        """Hear the turn to its tentative end and lay the answer."""
        self.ending = None
        said = self.listen()  # the line is written over everything that was heard
        tail = self._listening.tail()
        self.mind.end_turn(
            message.attempt, tail.frames, self._listening.heard_ms, line=tail.line, voice=tail.voice,
            respond=message.respond, max_tokens=message.max_tokens, spoken=message.spoken,
        )  # fmt: skip
        if self._stamps is not None:
            self._stamps.encoded_ns = self._clock.now_ns()
        return said

    def listen(self) -> list[m.FromEngine]:
        """The transcriber listens to all that waits for it."""
        said: list[m.FromEngine] = []
        turn = self.mind.turn
        while self._listening.is_behind:
            words, heard_ms = self._listening.listen()
            if turn is not None and not turn.closed:
                said += self.mind.note(words, heard_ms)
        if said:
            self._vote.noted()
        return said

    def fold(self) -> None:
        """What the transcriber will not change any more may stand as words."""
        turn = self.mind.turn
        if turn is None or turn.closed:
            return
        if (settled := self._listening.settled(len(turn.folded.words))) is not None:
            self.mind.fold(settled)

    def rehearse(self, every_samples: int) -> bool:
        """Try out the answer to what was heard so far, if so much is new; says whether it was."""
        heard = self._listening.samples
        is_due = heard - self._rehearsed_samples >= every_samples and heard >= REHEARSAL_LEAST_MS * SAMPLES_PER_MS
        if not is_due or not self.mind.may_rehearse:
            return False
        self._rehearsed_samples = heard
        tail = self._listening.tail()
        self.mind.rehearse(tail.frames, self._listening.heard_ms, tail.line, tail.voice)
        self._vote.rehearsed(() if tail.line is None else tail.line.words)
        return True

    def pass_deadline(self, now_ns: int) -> None:
        """The time to think is over, if it is."""
        stamps = self._stamps
        if self.ending is not None or stamps is None or stamps.deadline_ns is None:
            return  # before the attempt begins there is no thought to end: the deadline passes behind its beginning
        if now_ns >= stamps.deadline_ns:
            stamps.deadline_ns = None
            self.mind.pass_deadline(self._attempt)

    def cast_vote(self) -> list[m.FromEngine]:
        """The transcript with its vote, if it is due; an answer is never over before its question is known."""
        if self._withheld is None:
            return [*self._vote.cast_if_due()]
        done, self._withheld = self._withheld, None
        return [*self._vote.cast(), done]

    def shed(self, error: ForethoughtError) -> m.Fault:
        """Give the answer up."""
        self.mind.cancel(self._turn)
        return self.fault(error)

    # --- tokens -------------------------------------------------------------------------------------

    def accept(self, work: Work, token: int, logprob: float, second: Second | None) -> list[m.FromEngine]:
        """The token chosen at the tip of the lane of `work`, its log-probability, and what else it might have been."""
        lane = work.lane
        assert lane is not None, "a token was chosen for a lane"
        said = self._say(lane, self.mind.accept(lane, token, logprob, second))
        for asking in list(self.mind.asking()):
            likely = [self._listening.weigh(words) for words in asking.asked]
            said += self._say(asking, self.mind.told(asking, likely))
        return said

    def _say(self, lane: Lane, messages: list[m.FromEngine]) -> list[m.FromEngine]:
        """What a token of `lane`, or the choice of its line, has brought."""
        said: list[m.FromEngine] = []
        is_answered = False
        for message in messages:
            is_answered |= isinstance(message, m.Answer | m.Done)
            if isinstance(message, m.Note):
                self._vote.noted()
            if isinstance(message, m.Transcript) and isinstance(lane, AnswerLane):
                self._vote.owe(message, lane)
            elif isinstance(message, m.Done) and self._vote.is_owed:
                self._withheld = message  # what was written of the answer need not wait for the vote
            else:
                said.append(message)
        timing = self._stamp(lane, is_answered) if isinstance(lane, AnswerLane) else []
        return [*timing, *said]

    def _stamp(self, lane: AnswerLane, is_answered: bool) -> list[m.Timing]:
        """Stamp the stages that `lane` has ended; all of them, once, when the answer has begun."""
        stamps = self._stamps
        if stamps is None or lane.attempt != self._attempt:
            return []
        now_ns = self._clock.now_ns()
        stamps.prefilled_ns = stamps.prefilled_ns or now_ns
        if lane.phase in (Phase.ANSWERING, Phase.ENDED) and not stamps.thought_ns:
            stamps.thought_ns, stamps.deadline_ns = now_ns, None
        if not is_answered:
            return []
        self._stamps = None
        return [m.Timing(
            session=self.id, turn=self._turn, attempt=lane.attempt, received_ns=stamps.received_ns,
            encoded_ns=stamps.encoded_ns, prefilled_ns=stamps.prefilled_ns, thought_ns=stamps.thought_ns,
            answered_ns=now_ns,
        )]  # fmt: skip
