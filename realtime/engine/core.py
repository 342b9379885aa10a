"""The engine without its socket: messages in, one batched step at a time, messages out.

Owns the weights and the sessions, and decides which of them runs next. It knows no sockets and no tasks; time comes
from a `Clock`, so a recorded run replays. The loop of `realtime.engine.worker` is `handle*, step, handle*, …`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from realtime.clock import NS_PER_MS, Clock
from realtime.decoder import Decoder, Row
from realtime.decoder.scheduler import Service
from realtime.engine import messages as m
from realtime.engine.listening import SAMPLES_PER_MS, Listening
from realtime.engine.memory import DecoderMemory
from realtime.engine.rows import likelihood, logprobs, rows_of
from realtime.engine.session import Session
from realtime.engine.vote import Vote
from realtime.errors import EngineOverloaded
from realtime.mind import Dialect, Mind, ThinkingPlan, Work
from realtime.mind.contest import Hypothesis
from realtime.mind.lanes import AnswerLane
from realtime.transcriber import Transcriber
from streaming_encoder import AudioModel, EncoderStream

# One step must stay short, or a message (a revocation, a barge-in) waits behind it: 32 rows take about 40 ms on one
# core.
STEP_ROWS = 32
# Beside a rehearsal alone steps are shorter still: what comes next is likely to be the end of the turn.
REHEARSAL_STEP_ROWS = 16
# A tentative end waits for no longer than this while another session's first clause is on its way.
LONGEST_END_WAIT_MS = 250


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
        return any(session.owes for session in self._sessions.values()) or any(True for _ in self._all_work())

    @property
    def next_deadline_ns(self) -> int | None:
        """When `step` must run next even if there is no work."""
        deadlines = (session.deadline_ns for session in self._sessions.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    # --- messages -----------------------------------------------------------------------------------

    def handle(self, message: m.ToEngine) -> list[m.FromEngine]:
        """Take one message. A fault of one session is reported and leaves the others alone."""
        if isinstance(message, m.Ping):
            pool = self._decoder.pool
            return [m.Pong(nonce=message.nonce, kv_blocks_total=pool.total, kv_blocks_used=pool.used,
                           sessions=len(self._sessions), rss_bytes=0)]  # fmt: skip
        session = self._sessions.get(message.session)
        if isinstance(message, m.OpenSession | m.CloseSession):
            if session is not None:
                session.close()
                del self._sessions[session.id]
            if isinstance(message, m.OpenSession):
                self._open(message)
            return []
        # One that is closed meanwhile is stale by definition.
        return [] if session is None else session.handle(message)

    def _open(self, message: m.OpenSession) -> None:
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
            self._clock,
            order=self._opened,
        )

    # --- steps --------------------------------------------------------------------------------------

    def step(self) -> list[m.FromEngine]:
        """One batched forward over everything that can run now, most urgent first; or the votes that are due."""
        votes = [message for session in self._sessions.values() for message in session.cast_vote()]
        if votes:  # on their way before anything else is computed
            return votes
        now_ns = self._clock.now_ns()
        for session in self._sessions.values():
            session.pass_deadline(now_ns)
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

    def _begin_next_attempt(self) -> list[m.FromEngine] | None:
        """The attempt that has waited longest begins; None where none waits, or another's first clause is on its way.

        One after the other, they are all ready sooner on the average than side by side; and most are revoked meanwhile.
        """
        waiting = [(s.waits_since_ns, s) for s in self._sessions.values() if s.waits_since_ns is not None]
        if not waiting:
            return None
        since_ns, session = min(waiting, key=lambda waits: waits[0])
        is_patient = self._clock.now_ns() - since_ns < LONGEST_END_WAIT_MS * NS_PER_MS
        if is_patient and any(s.mind.is_hurried for s in self._sessions.values() if s is not session):
            return None
        return session.begin_attempt()

    def _notes(self) -> list[m.FromEngine] | None:
        """What the transcriber of one session hears; None where none is behind, or somebody waits for an answer."""
        behind = next((session for session in self._sessions.values() if session.is_behind), None)
        if behind is None or any(entry.service < Service.NOTE for _, entry in self._all_work()):
            return None
        said = behind.listen()
        if self.folds:
            behind.fold()
        return said

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
        # Only one: what has come in meanwhile goes before the next.
        has_begun = any(session.rehearse(self._rehearsal_samples) for session in self._sessions.values())
        return [] if has_begun else None

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
            out += session.accept(entry, token, *likelihood(entry, logits[right], token))
            if not session.mind.goes_on(entry):
                break
            right = seq.computed - start
        if isinstance(lane, AnswerLane | Hypothesis):
            lane.draft.checked(len(row.guess), right)
        return out

    def _all_work(self) -> Iterator[tuple[Session, Work]]:
        for session in self._sessions.values():
            for entry in session.mind.work():
                yield session, entry

    def _shed(self, error: EngineOverloaded) -> list[m.FromEngine]:
        """No KV blocks left: first all notes, rehearsals and thoughts go, then the answer of the newest session."""
        relieved = [session.mind.relieve() for session in self._sessions.values()]
        if any(relieved):
            return []
        newest = max(self._sessions.values(), key=lambda session: session.order)
        return [newest.shed(error)]
