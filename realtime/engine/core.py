"""The engine without its socket: messages in, one batched step at a time, messages out.

Owns the weights, every session's encoder stream and every session's mind. It knows no sockets and no tasks; time
comes from a `Clock`, so a recorded run replays. The loop of `realtime.engine.worker` is `handle*, step, handle*, …`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from realtime.clock import NS_PER_MS, Clock
from realtime.decoder import Decoder, Row
from realtime.decoder.scheduler import Service
from realtime.engine import messages as m
from realtime.engine.listening import SAMPLES_PER_MS, Listening
from realtime.engine.rows import logprob, logprobs, rows_of
from realtime.engine.session import DecoderMemory, Session, Stamps
from realtime.engine.vote import Vote
from realtime.errors import AudioError, EngineOverloaded, ForethoughtError
from realtime.mind import Dialect, Mind, ThinkingPlan, Work
from realtime.mind.lanes import AnswerLane, Phase
from realtime.transcriber import Transcriber
from streaming_encoder import AudioInputError, AudioModel, EncoderStream

# One step must stay short, or a message (a revocation, a barge-in) waits behind it: 32 rows take about 40 ms on one
# core.
STEP_ROWS = 32
# Beside a rehearsal alone steps are shorter still: what comes next is likely to be the end of the turn.
REHEARSAL_STEP_ROWS = 16
# With less of the turn than this there is nothing to answer yet.
REHEARSAL_LEAST_MS = 480
# A tentative end waits for no longer than this while another session's first clause is on its way.
LONGEST_END_WAIT_MS = 250


# Messages of a session that find a waiting tentative end as it is; for any other its attempt must have begun.
LEAVES_END_WAITING = (m.Audio, m.EndTurn, m.Revoke, m.DiscardTurn, m.Played, m.CloseSession)


class EngineCore:
    """See the module's docstring.

    Args:
        note_interval_ms: audio between two listening passes.
        rehearsal_interval_ms: audio between two rehearsals of the answer; 0 rehearses nothing.
        chunk_frames: encoder chunk in 50 Hz frames; right_context_ms: None is the checkpoint's own.
        transcriber: writes the notes and the line of what was heard, where the checkpoint has one.
        plan: how thinking and speaking share the time of an answer.
    """

    def __init__(
        self,
        audio_model: AudioModel,
        decoder: Decoder,
        dialect: Dialect,
        clock: Clock,
        *,
        chunk_frames: int = 32,
        right_context_ms: int | None = None,
        note_interval_ms: int = 640,
        rehearsal_interval_ms: int = 240,
        max_history_symbols: int = 512,
        transcriber: Transcriber | None = None,
        plan: ThinkingPlan = ThinkingPlan(),  # noqa: B008 - a frozen value
    ) -> None:
        self._audio_model = audio_model
        self._decoder = decoder
        self._dialect = dialect
        self._clock = clock
        self._chunk_frames = chunk_frames
        self._right_context_ms = right_context_ms
        self._rehearsal_samples = rehearsal_interval_ms * SAMPLES_PER_MS
        self._transcriber = transcriber
        self._note_interval_frames = max(1, note_interval_ms // 80) if transcriber is None else None
        self._max_history_symbols = max_history_symbols
        self._plan = plan
        self._memory = DecoderMemory(decoder)
        self._sessions: dict[str, Session] = {}
        self._opened = 0
        self.folds = True  # False for who compares (`benchmarks.long_turns`)

    @property
    def session_count(self) -> int:
        return len(self._sessions)

    @property
    def has_work(self) -> bool:
        sessions = self._sessions.values()
        owes = any(s.ending is not None or s.vote.is_owed or s.listening.is_behind for s in sessions)
        return owes or any(True for _ in self._all_work())

    @property
    def next_deadline_ns(self) -> int | None:
        """When `step` must run next even if there is no work."""
        pending = [s.stamps.deadline_ns for s in self._sessions.values() if s.stamps and s.stamps.deadline_ns]
        return min(pending, default=None)

    # --- messages -----------------------------------------------------------------------------------

    def handle(self, message: m.ToEngine) -> list[m.FromEngine]:
        """Take one message. A fault of one session is reported and leaves the others alone."""
        if isinstance(message, m.Ping):
            pool = self._decoder.pool
            return [m.Pong(nonce=message.nonce, kv_blocks_total=pool.total, kv_blocks_used=pool.used,
                           sessions=len(self._sessions), rss_bytes=0)]  # fmt: skip
        if isinstance(message, m.OpenSession):
            self._open(message)
            return []
        session = self._sessions.get(message.session)
        if session is None:
            return []  # closed meanwhile: stale by definition
        said: list[m.FromEngine] = []
        try:
            if session.ending is not None and not isinstance(message, LEAVES_END_WAITING):
                said = self._begin_attempt(session)
            self._handle_session(session, message)
        except (AudioInputError, ForethoughtError) as error:
            return [*said, self._fault(session, error)]
        return said

    def _open(self, message: m.OpenSession) -> None:
        if message.session in self._sessions:
            self._close(self._sessions[message.session])
        mind = Mind(
            message.session,
            self._dialect,
            self._memory,
            instructions=message.instructions,
            note_interval_frames=self._note_interval_frames,
            max_history_symbols=self._max_history_symbols,
            plan=self._plan,
        )
        stream = EncoderStream(
            self._audio_model, chunk_frames=self._chunk_frames, right_context_ms=self._right_context_ms
        )
        self._opened += 1
        self._sessions[message.session] = Session(
            message.session,
            Listening(stream, self._transcriber, self._decoder.frames),
            mind,
            Vote(self._decoder, self._dialect, mind),
            order=self._opened,
        )

    def _handle_session(self, session: Session, message: m.ToEngine) -> None:
        match message:
            case m.Audio():
                self._audio(session, message)
            case m.StartTurn():
                session.begin_turn(message.turn, message.at_sample)
                session.mind.start_turn(message.turn)
            case m.EndTurn():
                self._end_turn(session, message)
            case m.Commit() if message.turn == session.turn:
                session.listening.forget_held()
                session.vote.forget()
                session.mind.commit(message.attempt, message.item)
            case m.Revoke() if message.turn == session.turn and message.attempt == session.attempt:
                self._revoke(session, message)
            case m.DiscardTurn():
                session.ending = None if message.turn == session.turn else session.ending
                session.void_vote()
                session.vote.forget()
                session.mind.discard_turn(message.turn)
            case m.Respond():
                session.turn, session.attempt = message.turn, message.attempt
                session.stamps = self._stamps(message.think_ms)
                session.mind.respond(
                    message.turn,
                    message.attempt,
                    max_tokens=message.max_tokens,
                    spoken=message.spoken,
                    instructions=message.instructions,
                )
                session.stamps.encoded_ns = self._clock.now_ns()
            case m.Cancel():
                session.stamps = None
                session.mind.cancel(message.turn, message.item, message.heard)
            case m.Played():
                session.mind.played(message.turn, message.attempt, message.bought_ms)
            case m.AnswerHeard():
                session.mind.answer_heard(message.turn, message.item)
            case m.UpdateSession():
                session.mind.instruct(message.instructions)
            case m.PutText():
                session.mind.put_text(message.item, message.role, message.text, message.after)
            case m.DropItem():
                session.mind.drop_item(message.item)
            case m.TruncateItem():
                session.mind.truncate_item(message.item, message.heard)
            case m.CloseSession():
                self._close(session)
            case _:
                pass  # an older turn or attempt: dropped at the door

    def _audio(self, session: Session, message: m.Audio) -> None:
        turn = session.mind.turn
        if turn is None or turn.number != message.turn or turn.closed:
            return
        pcm = np.frombuffer(message.pcm, dtype="<i2")
        if session.is_tentative:
            session.listening.hold(pcm)
        else:
            self._hear(session, pcm)

    def _hear(self, session: Session, pcm: np.ndarray) -> None:
        if frames := session.listening.hear(pcm):
            session.mind.hear(frames, session.listening.heard_ms)

    def _listen(self, session: Session) -> list[m.FromEngine]:
        """The session's transcriber listens to all that waits for it."""
        said: list[m.FromEngine] = []
        turn = session.mind.turn
        while session.listening.is_behind:
            words, heard_ms = session.listening.listen()
            if turn is not None and not turn.closed:
                said += session.mind.note(words, heard_ms)
        if said:
            session.vote.noted()
        return said

    def _end_turn(self, session: Session, message: m.EndTurn) -> None:
        """The attempt begins with a step: many ends are revoked before, and another session may be nearer its own."""
        turn = session.mind.turn
        if turn is None or turn.number != message.turn or turn.closed or message.attempt <= session.attempt:
            return
        session.attempt, session.ending = message.attempt, message
        session.stamps = self._stamps(message.think_ms)

    def _begin_attempt(self, session: Session) -> list[m.FromEngine]:
        """Hear the turn to its tentative end and lay the answer."""
        message, session.ending = session.ending, None
        assert message is not None
        said = self._listen(session)  # the line is written over everything that was heard
        tail = session.listening.tail()
        session.mind.end_turn(
            message.attempt, tail.frames, session.listening.heard_ms, line=tail.line, voice=tail.voice,
            respond=message.respond, max_tokens=message.max_tokens, spoken=message.spoken,
        )  # fmt: skip
        if session.stamps is not None:
            session.stamps.encoded_ns = self._clock.now_ns()
        return said

    def _revoke(self, session: Session, message: m.Revoke) -> None:
        if session.ending is None:
            session.mind.revoke(message.attempt)
            session.void_vote()
        session.ending = session.stamps = None
        for pcm in session.listening.forget_held():
            self._hear(session, pcm)

    def _stamps(self, think_ms: int | None) -> Stamps:
        now_ns = self._clock.now_ns()
        deadline_ns = None if think_ms is None else now_ns + think_ms * NS_PER_MS
        return Stamps(received_ns=now_ns, deadline_ns=deadline_ns)

    def _close(self, session: Session) -> None:
        session.mind.close()
        session.vote.forget()
        del self._sessions[session.id]

    def _fault(self, session: Session, error: AudioInputError | ForethoughtError) -> m.Fault:
        if isinstance(error, AudioInputError):
            error = AudioError(str(error))
        return m.Fault(session=session.id, turn=session.turn, code=error.code, message=error.message)

    # --- steps --------------------------------------------------------------------------------------

    def step(self) -> list[m.FromEngine]:
        """One batched forward over everything that can run now, most urgent first; or the votes that are due."""
        votes = self._votes()
        if votes:  # on their way before anything else is computed
            return votes
        self._pass_deadlines()
        for begin in (self._begin_next_attempt, self._notes, self._begin_rehearsal):
            if (said := begin()) is not None:
                return said
        work = self._urgent_work()
        if not work:
            return []
        budget = REHEARSAL_STEP_ROWS if work[0][1].service is Service.REHEARSAL else STEP_ROWS
        granted = rows_of([entry for _, entry in work], budget, self._decoder.shape.max_position)
        taken, rows = [work[key] for key, _ in granted], [row for _, row in granted]
        try:
            logits = self._decoder.step(rows)
        except EngineOverloaded as error:
            return self._shed(error)
        out: list[m.FromEngine] = []
        for (session, entry), row, row_logits in zip(taken, rows, logits, strict=True):
            session.mind.ran(entry.lane)
            if row_logits is not None:
                out += self._take_tokens(session, entry, row, row_logits)
        return out

    def _votes(self) -> list[m.FromEngine]:
        """The transcripts whose vote is due, with it; an answer is never over before its question is known."""
        said: list[m.FromEngine] = []
        for session in self._sessions.values():
            if session.withheld is None:
                said += session.vote.cast_if_due()
            else:
                said += [*session.vote.cast(), session.withheld]
                session.withheld = None
        return said

    def _begin_next_attempt(self) -> list[m.FromEngine] | None:
        """The attempt that has waited longest begins; None where none waits, or another's first clause is on its way.

        One after the other, they are all ready sooner on the average than side by side; and most are revoked meanwhile.
        """
        waiting = [(s.stamps.received_ns, s) for s in self._sessions.values() if s.ending is not None and s.stamps]
        if not waiting:
            return None
        since_ns, session = min(waiting, key=lambda waits: waits[0])
        is_patient = self._clock.now_ns() - since_ns < LONGEST_END_WAIT_MS * NS_PER_MS
        if is_patient and any(s.mind.is_hurried for s in self._sessions.values() if s is not session):
            return None
        try:
            return self._begin_attempt(session)
        except (AudioInputError, ForethoughtError) as error:
            return [self._fault(session, error)]

    def _notes(self) -> list[m.FromEngine] | None:
        """What the transcriber of one session hears; None where none is behind, or somebody waits for an answer."""
        behind = [session for session in self._sessions.values() if session.listening.is_behind]
        if not behind or any(entry.service < Service.NOTE for _, entry in self._all_work()):
            return None
        said = self._listen(behind[0])
        self._fold(behind[0])
        return said

    def _fold(self, session: Session) -> None:
        """What the transcriber will not change any more may stand as words."""
        turn = session.mind.turn
        if turn is None or turn.closed or not self.folds:
            return
        if (settled := session.listening.settled(len(turn.folded.words))) is not None:
            session.mind.fold(settled)

    def _urgent_work(self) -> list[tuple[Session, Work]]:
        """Everything that can run now. Rehearsals only where nobody waits for anything else."""
        work = sorted(self._all_work(), key=lambda item: item[1].service)
        if work and work[0][1].service is not Service.REHEARSAL:
            work = [item for item in work if item[1].service is not Service.REHEARSAL]
        return work

    def _begin_rehearsal(self) -> list[m.FromEngine] | None:
        """While a user speaks and the engine has nothing else to do, try out the answer to what was heard so far."""
        if not self._rehearsal_samples or any(e.service is not Service.REHEARSAL for _, e in self._all_work()):
            return None
        for session in self._sessions.values():
            heard = session.listening.samples
            fresh = heard - session.rehearsed_samples
            is_due = fresh >= self._rehearsal_samples and heard >= REHEARSAL_LEAST_MS * SAMPLES_PER_MS
            if is_due and session.mind.may_rehearse:
                session.rehearsed_samples = heard
                tail = session.listening.tail()
                session.mind.rehearse(tail.frames, session.listening.heard_ms, tail.line, tail.voice)
                session.vote.rehearsed(() if tail.line is None else tail.line.words)
                return []  # only one: what has come in meanwhile goes before the next
        return None

    def _take_tokens(self, session: Session, entry: Work, row: Row, logits: torch.Tensor) -> list[m.FromEngine]:
        """The token at the lane's tip, and those behind it for as long as the guesses were right."""
        lane, seq, start = entry.lane, entry.seq, entry.seq.computed
        assert lane is not None, "logits were asked for a lane"
        out: list[m.FromEngine] = []
        tokens = logits.argmax(dim=1).tolist()
        if isinstance(lane, AnswerLane) and lane.unweighed and list(row.guess) == lane.unweighed:
            lane.weigh(logprobs(logits, row.guess))
        right = 0
        while True:
            due = lane.due if isinstance(lane, AnswerLane) else None
            token = int(tokens[right]) if due is None else due
            out += self._accept(session, entry, token, logprob(entry, logits[right], token))
            if not session.mind.goes_on(entry):
                break
            right = seq.computed - start
        if isinstance(lane, AnswerLane):
            lane.draft.checked(len(row.guess), right)
        return out

    def _accept(self, session: Session, entry: Work, token: int, logprob: float) -> list[m.FromEngine]:
        assert entry.lane is not None
        lane = entry.lane
        produced: list[m.FromEngine] = []
        is_answered = False
        for message in session.mind.accept(lane, token, logprob):
            is_answered |= isinstance(message, m.Answer | m.Done)
            if isinstance(message, m.Note):
                session.vote.noted()
            if isinstance(message, m.Transcript) and isinstance(lane, AnswerLane):
                session.vote.owe(message, lane)
                continue
            if isinstance(message, m.Done) and session.vote.is_owed:
                session.withheld = message  # what was written of the answer need not wait for the vote
                continue
            produced.append(message)
        stamps = session.stamps
        if not isinstance(lane, AnswerLane) or stamps is None or lane.attempt != session.attempt:
            return produced
        now_ns = self._clock.now_ns()
        stamps.prefilled_ns = stamps.prefilled_ns or now_ns
        if lane.phase in (Phase.ANSWERING, Phase.ENDED) and not stamps.thought_ns:
            stamps.thought_ns, stamps.deadline_ns = now_ns, None
        if is_answered:
            session.stamps = None
            timing = m.Timing(
                session=session.id, turn=session.turn, attempt=lane.attempt, received_ns=stamps.received_ns,
                encoded_ns=stamps.encoded_ns, prefilled_ns=stamps.prefilled_ns, thought_ns=stamps.thought_ns,
                answered_ns=now_ns,
            )  # fmt: skip
            return [timing, *produced]
        return produced

    def _all_work(self) -> Iterator[tuple[Session, Work]]:
        for session in self._sessions.values():
            for entry in session.mind.work():
                yield session, entry

    def _pass_deadlines(self) -> None:
        now_ns = self._clock.now_ns()
        for session in self._sessions.values():
            stamps = session.stamps
            if session.ending is not None:
                continue  # there is no thought to end yet; the deadline passes behind the attempt's beginning
            if stamps is not None and stamps.deadline_ns is not None and now_ns >= stamps.deadline_ns:
                stamps.deadline_ns = None
                session.mind.pass_deadline(session.attempt)

    def _shed(self, error: EngineOverloaded) -> list[m.FromEngine]:
        """No KV blocks left: first all notes, rehearsals and thoughts go, then the answer of the newest session."""
        relieved = [session.mind.relieve() for session in self._sessions.values()]
        if any(relieved):
            return []
        newest = max(self._sessions.values(), key=lambda session: session.order)
        newest.mind.cancel(newest.turn)
        return [self._fault(newest, error)]
