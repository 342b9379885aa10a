"""The turn in hand, from the user's first sound to the last word of the answer that was heard.

Joins the decisions of turn-taking, the engine's messages and the frames that leave the playout, and says what follows
for the wire (`ProtocolSession`), the engine and the ledger. It never waits and owns no socket: the conversation gives
it callables for that. Whatever arrives with an older turn or attempt is dropped at the door.
"""

from __future__ import annotations

from realtime.answering import Answering
from realtime.engine import messages as m
from realtime.errors import ClientError, EngineError, ForethoughtError
from realtime.ledger import Ledger, Stage
from realtime.protocol import ResponseParams
from realtime.turn import Turn
from realtime.turns import Committed, Decision, Discarded, Revoked, TentativeEnd, TurnStarted
from realtime.turns.decisions import SAMPLES_PER_MS

DEFAULT_MAX_TOKENS = 512


class Exchange(Answering):
    """See the module's docstring. One per conversation; only the event loop calls it."""

    # --- turn-taking --------------------------------------------------------------------------------

    def decided(self, decisions: list[Decision]) -> None:
        """Decisions of the turn machine, in order."""
        for decision in decisions:
            match decision:
                case TurnStarted():
                    self._started(decision)
                case TentativeEnd():
                    self._tentative(decision)
                case Revoked():
                    self._revoked(decision)
                case Committed():
                    self._committed(decision)
                case Discarded():
                    self._discarded(decision)
                case _:
                    pass  # AskEndpoint is answered by Hearing

    def commit_requested(self, item_id: str) -> None:
        """The client has committed its input buffer; the decision follows behind the audio it has sent."""
        self._requested_item = item_id

    def commit_answered(self) -> None:
        """The client's commit has reached the turn machine: say so if there was nothing to commit."""
        if self._requested_item is not None:
            self._requested_item = None
            error = ClientError("there is no uncommitted audio", code="input_audio_buffer_commit_empty")
            self._shell.emit(self._protocol.fault(error))

    def judged(self, until_sample: int) -> None:
        """Input up to `until_sample` may go to the engine, if a turn takes audio."""
        turn = self.turn
        if self._sent_until is None or turn is None or until_sample <= self._sent_until:
            return
        pcm = self._hearing.audio(self._sent_until, until_sample)
        self._shell.tell_engine(
            m.Audio(session=self._session, turn=turn.number, at_sample=self._sent_until, pcm=pcm.tobytes())
        )
        self._sent_until = until_sample

    def _started(self, decision: TurnStarted) -> None:
        detection = self._protocol.config.turn_detection
        self._turns += 1
        turn = Turn(
            self._turns,
            self._protocol.new_item_id(),
            started_ms=decision.from_sample // SAMPLES_PER_MS,
            from_sample=decision.from_sample,
            machine_turn=decision.turn,
        )
        if detection is not None:
            self._shell.emit(self._protocol.speech_started(turn.item, decision.speech_sample // SAMPLES_PER_MS))
        else:  # push-to-talk: the client, who decides, is told of nothing but its own commit
            turn.item = self._protocol.input_begun(turn.item)
        self._leave_last_turn(interrupts=detection is None or detection.interrupt_response)
        self.turn = turn
        self._sent_until = None
        if self._outgoing is None or self._outgoing.done is not None:
            self._introduce(turn)
        self._say_turn(turn, "started", turn.started_ms)

    def _tentative(self, decision: TentativeEnd) -> None:
        turn = self.turn
        if turn is None or turn.machine_turn != decision.turn:
            return
        self.judged(decision.at_sample)
        turn.attempt = decision.attempt
        turn.silent_sample = decision.at_sample
        turn.speech_end_ms = decision.speech_end_sample // SAMPLES_PER_MS
        turn.ledger = Ledger(
            turn.number,
            turn.attempt,
            self._hearing.arrivals.of(decision.speech_end_sample),
            decision.speech_end_sample / SAMPLES_PER_MS,
        )
        turn.ledger.stamp(Stage.ENDPOINT_WAIT, self._clock.now_ns())
        self._end_turn(turn)
        self._say_turn(turn, "tentative", decision.at_sample // SAMPLES_PER_MS, silence_ms=decision.silence_ms)

    def _end_turn(self, turn: Turn) -> None:
        """Let the engine answer what it has of the turn, and hold what comes."""
        config = self._protocol.config
        self._shell.tell_engine(
            m.EndTurn(
                session=self._session,
                turn=turn.number,
                attempt=turn.attempt,
                at_sample=turn.silent_sample,
                think_ms=self._thinking.budget_ms(config.effort),
                max_tokens=config.max_output_tokens or DEFAULT_MAX_TOKENS,
                spoken=config.speaks,
            )
        )
        if config.speaks and turn.speaking is None:
            self._begin_speaking(turn, held=turn.response is None)

    def _revoked(self, decision: Revoked) -> None:
        turn = self.turn
        if turn is None or turn.machine_turn != decision.turn:
            return
        self._stop_speaking(turn)
        self._shell.tell_engine(m.Revoke(session=self._session, turn=turn.number, attempt=turn.attempt))
        turn.forget_attempt()
        turn.ledger = None
        self._say_turn(turn, "revoked", decision.at_sample // SAMPLES_PER_MS)

    def _committed(self, decision: Committed) -> None:
        turn = self.turn
        if turn is None or turn.machine_turn != decision.turn:
            return
        self._sent_until = None
        turn.is_committed = True
        turn.tokens_before_end = turn.note_tokens + turn.thought_tokens
        at_ms = decision.at_sample / SAMPLES_PER_MS
        turn.seconds = (at_ms - turn.started_ms) / 1000
        if turn.ledger is not None:
            turn.ledger.commit(self._clock.now_ns(), at_ms, decision.reason, decision.votes)
        requested, self._requested_item = self._requested_item, None
        turn.item = requested or turn.item
        self._shell.tell_engine(m.Commit(session=self._session, turn=turn.number, attempt=turn.attempt, item=turn.item))
        self._say_turn(turn, "committed", round(at_ms), reason=decision.reason, votes=decision.votes)
        if self._protocol.config.turn_detection is not None:
            self._shell.emit(self._protocol.speech_stopped(turn.item, turn.speech_end_ms))
        self._shell.emit(self._protocol.audio_committed(turn.item, turn.seconds))
        if turn.transcript_done:
            self._say_transcript(turn)
        detection = self._protocol.config.turn_detection
        turn.wants_answer = detection is not None and detection.create_response and requested is None
        self._answer_if_wanted()

    def _answer_if_wanted(self) -> None:
        """Begin the answer to the turn in hand, unless an older one is still being heard."""
        turn = self.turn
        if turn is not None and turn.is_committed and turn.wants_answer and self._protocol.active_response is None:
            self._begin_response(turn, None, None)

    def _discarded(self, decision: Discarded) -> None:
        turn = self.turn
        if turn is None or turn.machine_turn != decision.turn:
            return
        self._sent_until = None
        self._stop_speaking(turn)
        self._shell.tell_engine(m.DiscardTurn(session=self._session, turn=turn.number))
        self._shell.emit(self._protocol.turn_discarded(turn.item, self._hearing.received_ms))
        self._say_turn(turn, "discarded", self._hearing.received_ms, reason=decision.reason)
        self.turn = None

    # --- what the client asks for -------------------------------------------------------------------

    def create_response(self, response_id: str, params: ResponseParams) -> None:
        """The client asks for an answer to the history as it stands."""
        turn = self.turn
        if turn is not None and not turn.is_committed:
            raise ClientError(
                "the user is speaking: the answer comes when the turn has ended", code="input_audio_in_progress"
            )
        if turn is not None and params.instructions is not None:
            self.history_edited()  # thought about under other instructions
            turn = self.turn
        if turn is not None and turn.response is None and turn.machine_turn is not None:
            # The turn was committed without an answer being asked for; it has been thought about all the same.
            if not params.speaks:
                self._stop_speaking(turn)
            elif turn.speaking is None:
                self._speak_from_start(turn)
            self._begin_response(turn, response_id, params)
            return
        self._turns += 1
        items = self._protocol.item_ids
        turn = Turn(self._turns, items[-1] if items else "", attempt=1, is_committed=True)
        now_ns, now_ms = self._clock.now_ns(), self._hearing.received_ms
        turn.ledger = Ledger(turn.number, 1, now_ns, now_ms)
        turn.ledger.commit(now_ns, now_ms, "client", {})
        self.turn = turn
        turn.request = m.Respond(
            session=self._session,
            turn=turn.number,
            attempt=1,
            think_ms=self._thinking.budget_ms(params.effort),
            max_tokens=params.max_output_tokens or DEFAULT_MAX_TOKENS,
            spoken=params.speaks,
            instructions=params.instructions,
        )
        self._shell.tell_engine(turn.request)
        if params.speaks:
            self._begin_speaking(turn, held=True)
        self._begin_response(turn, response_id, params)

    def cancel_response(self, response_id: str) -> bool:
        """The client wants no more of this answer; says whether it is one that was begun."""
        turn = next((t for t in (self.turn, self._outgoing) if t is not None and t.response == response_id), None)
        if turn is None:
            return False
        self._interrupt(turn, "client_cancelled")
        return True

    def clear_output(self) -> None:
        """WebRTC: the client wants silence now."""
        for turn in (self._outgoing, self.turn):
            if turn is not None and turn.response is not None:
                self._interrupt(turn, "client_cancelled")

    def history_edited(self) -> None:
        """An item was put or dropped: an answer thought about but never asked for belongs to a history that is gone."""
        turn = self.turn
        if turn is not None and turn.is_committed and turn.response is None:
            self._stop_speaking(turn)
            self._shell.tell_engine(m.Cancel(session=self._session, turn=turn.number))
            self._shell.turn_closed(turn, "", "unanswered")
            self.turn = None

    def _leave_last_turn(self, interrupts: bool) -> None:
        """A new turn begins: what is left of the one before is cut off, or let finish where the client wants that."""
        turn = self.turn
        if self._outgoing is not None and interrupts:
            self._interrupt(self._outgoing, "turn_detected")
        if turn is None:
            return
        if turn.response is None:
            self.history_edited()
        elif interrupts:
            self._interrupt(turn, "turn_detected")
        elif turn.speaking is None:
            self._answer_over(turn)
        else:
            if turn.done is not None:
                self._answer_is_history(turn)
            self._outgoing, self.turn = turn, None
            self._say_bought(turn)

    def _outgoing_over(self, turn: Turn) -> None:
        if turn.done is None:  # the engine was still busy with it
            self._introduce(self.turn)
        self._answer_if_wanted()

    # --- the engine ---------------------------------------------------------------------------------

    def engine_said(self, message: m.FromEngine) -> None:
        """A message of this session's engine side."""
        if isinstance(message, m.Fault):
            self.fail(EngineError(message.message, code=message.code))
            return
        if isinstance(message, m.Ready | m.Pong):
            return
        turn = next((t for t in (self.turn, self._outgoing) if t is not None and t.number == message.turn), None)
        if turn is None:
            return
        if isinstance(message, m.Note):
            turn.notes.append((message.at_ms, message.text))
            turn.note_tokens += message.tokens
            self._shell.emit(self._protocol.note(turn.item, turn.number, message.text, message.tokens, message.at_ms))
            return
        if isinstance(message, m.Foreseen):
            if not turn.is_committed and self._protocol.config.speaks:
                self._shell.foresee(message.text, whole=message.whole)
            return
        if message.attempt != turn.attempt or message.attempt == turn.void_attempt:
            return
        match message:
            case m.Thought():
                self._thought(turn, message)
            case m.Transcript():
                turn.transcript, turn.transcript_done = message.text, True
                if turn.is_committed:
                    self._say_transcript(turn)
                elif turn.machine_turn is not None:
                    self._hearing.mind_vote(turn.machine_turn, turn.attempt, message.ready)
            case m.Answer():
                self._answer(turn, message.text)
            case m.Timing():
                self._stamp(turn, message)
            case m.Done():
                turn.done = message
                if turn.speaking is not None:
                    turn.speaking.finish()
                self._finish_text_response(turn)
                if turn is self._outgoing:
                    self._answer_is_history(turn)
                    self._introduce(self.turn)

    def fail(self, error: ForethoughtError) -> None:
        """Something broke for this turn: say so, close what is open, and go on listening."""
        self._shell.emit(self._protocol.fault(error))
        turn = self.turn
        if turn is None:
            return
        self._stop_speaking(turn)
        self._sent_until = None
        self._agent_is_silent()
        if turn.response is not None:
            self._finish(turn, "failed", None, heard="", error=error)
        else:
            self._say_turn(turn, "discarded", self._hearing.received_ms, reason=error.code)
            self.turn = None

    def engine_lost(self, error: ForethoughtError) -> None:
        """An answer in progress is lost; a turn that is still being spoken waits for the next engine."""
        outgoing, turn = self._outgoing, self.turn
        if outgoing is not None and outgoing.done is None:
            self._stop_speaking(outgoing)
            self._finish(outgoing, "failed", None, heard="", error=error)
        if turn is None or turn.is_committed:
            self.fail(error)
            return
        self._shell.emit(self._protocol.fault(error))
        self._stop_speaking(turn)
        turn.forget_attempt()
        turn.void_attempt = 0  # the next engine tries this attempt again; nothing more can come from the dead one

    def engine_back(self) -> None:
        """A new engine knows the history; it is told of the turn in hand from its first sample on."""
        turn = self.turn
        if turn is None:
            return
        if turn.request is not None:
            self._shell.tell_engine(turn.request)
            return
        self._introduce(turn)

    def _introduce(self, turn: Turn | None) -> None:
        """Tell the engine of a turn, from its first sample to where it stands by now."""
        if turn is None or turn.machine_turn is None:
            return
        turn.notes.clear()
        turn.note_tokens = 0
        self._shell.tell_engine(m.StartTurn(session=self._session, turn=turn.number, at_sample=turn.from_sample))
        self._sent_until = turn.from_sample
        if turn.ledger is None:
            return
        self.judged(turn.silent_sample)
        self._end_turn(turn)
        if turn.is_committed:
            self._sent_until = None
            self._shell.tell_engine(
                m.Commit(session=self._session, turn=turn.number, attempt=turn.attempt, item=turn.item)
            )

    def _thought(self, turn: Turn, message: m.Thought) -> None:
        turn.thought += message.text
        turn.thought_tokens += message.tokens
        turn.tokens_while_speaking += message.tokens if message.while_speaking and turn.is_committed else 0
        self._shell.emit(
            self._protocol.thought(
                turn.item,
                turn.number,
                turn.attempt,
                message.text,
                message.tokens,
                audio_ms=self._hearing.received_ms,
                held=not turn.is_committed,
                while_speaking=message.while_speaking,
            )
        )

    def _answer(self, turn: Turn, text: str) -> None:
        turn.answer += text
        if turn.speaking is not None:
            turn.speaking.push(text)
        if turn.response is not None:
            self._shell.emit(self._protocol.response_text(turn.response, text))

    def _stamp(self, turn: Turn, timing: m.Timing) -> None:
        if turn.ledger is not None:
            turn.ledger.stamp(Stage.ENCODE, timing.encoded_ns)
            turn.ledger.stamp(Stage.PREFILL, timing.prefilled_ns)
            turn.ledger.stamp(Stage.THOUGHT, timing.thought_ns)
