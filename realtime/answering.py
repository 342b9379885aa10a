"""The answering half of a conversation: from the first held clause to the last word that was heard.

Joins a response of the protocol, the voice and the playout for the turn in hand. When there is something to answer,
`realtime.exchange` knows. Nothing here waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import structlog

from realtime.clock import Clock
from realtime.engine import messages as m
from realtime.errors import ForethoughtError, VoiceError
from realtime.hearing import Hearing
from realtime.ledger import Ledger, Stage
from realtime.protocol import ProtocolSession, ResponseParams, ServerEvent
from realtime.protocol.happenings import PlayoutState
from realtime.protocol.happenings import TurnState as WireTurnState
from realtime.protocol.response import Reason, ResponseStatus
from realtime.settings import ThinkingSettings
from realtime.speaking import Speaking
from realtime.turn import Turn
from realtime.turns import Ducked, Paused, Suspicion
from realtime.turns.decisions import SAMPLES_PER_MS
from realtime.wire_audio import WireAudio
from tts_bridge import Playout, PlayoutFrame

log = structlog.get_logger("turn")

# Progress of what was heard goes out every fifth frame: ten times a second is as smooth as eyes ask for.
HEARD_EVERY_FRAMES = 5
# How much speech is bought, for the engine: five times a second while it is heard. It decides by whole seconds.
BOUGHT_EVERY_FRAMES = 10
REMEMBERED_TURNS = 4


class Shell(Protocol):
    """What the exchange asks of the conversation around it. None of these calls waits."""

    def emit(self, events: list[ServerEvent]) -> None: ...

    def tell_engine(self, message: m.ToEngine) -> None: ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]: ...

    def new_speaking(self, turn: int, attempt: int, **callbacks: Callable[..., None]) -> Speaking: ...

    def foresee(self, text: str, *, whole: bool) -> None: ...

    def turn_closed(self, turn: Turn, heard: str, status: str) -> None: ...


class Answering:
    """State of the turn in hand, and the half that answers it. `Exchange` is the half that listens."""

    def __init__(
        self,
        session: str,
        shell: Shell,
        protocol: ProtocolSession,
        hearing: Hearing,
        playout: Playout,
        thinking: ThinkingSettings,
        clock: Clock,
        *,
        is_webrtc: bool,
    ) -> None:
        self._session = session
        self._shell = shell
        self._protocol = protocol
        self._hearing = hearing
        self._playout = playout
        self._thinking = thinking
        self._clock = clock
        self._is_webrtc = is_webrtc
        self._turns = 0
        self._sent_until: int | None = None  # input that the engine has; None: no turn takes audio now
        self._requested_item: str | None = None
        self._recent: deque[Turn] = deque(maxlen=REMEMBERED_TURNS)  # a client may still say how far it heard them
        self._wire = WireAudio(playout.sample_rate_hz, is_counted_only=is_webrtc)
        self._outgoing: Turn | None = None  # a newer turn has begun, and this one's answer is played to its end
        self.turn: Turn | None = None

    # --- responses ----------------------------------------------------------------------------------

    def _begin_response(self, turn: Turn, response_id: str | None, params: ResponseParams | None) -> None:
        self._shell.emit(self._protocol.response_started(response_id, turn.item, params.metadata if params else None))
        active = self._protocol.active_response
        assert active is not None, "a response that was just started is active"
        turn.response, turn.answer_item = active.id, active.item_id
        if turn.answer:
            self._shell.emit(self._protocol.response_text(turn.response, turn.answer))
        self._playout.release(turn.number, turn.attempt)
        self._finish_text_response(turn)

    def _finish_text_response(self, turn: Turn) -> None:
        """An answer in text is over when it is written."""
        if turn.response is not None and turn.done is not None and turn.speaking is None:
            self._answer_over(turn)

    def _answer_over(self, turn: Turn) -> None:
        self._agent_is_silent()
        if turn.failure is not None and (turn.speaking is None or not turn.speaking.any_audio):
            self._finish(turn, "failed", None, heard="", error=turn.failure)
            return
        if turn.done is not None and turn.done.reason == "length":
            self._finish(turn, "incomplete", "max_output_tokens", turn.answer)
        else:
            self._finish(turn, "completed", None, turn.answer)

    def _interrupt(self, turn: Turn, reason: Reason) -> None:
        """Barge-in: one cancel to the engine, one flush of the playout."""
        heard = self._playout.flush()
        text = heard.text if heard.turn == turn.number else ""
        self._stop_speaking(turn)
        self._agent_is_silent()
        self._finish(turn, "cancelled", reason, heard=text)

    def _finish(
        self,
        turn: Turn,
        status: ResponseStatus,
        reason: Reason | None,
        heard: str,
        error: ForethoughtError | None = None,
    ) -> None:
        """Close the response on the wire and the turn in the engine's history."""
        assert turn.response is not None
        answer_item = turn.answer_item
        if status in ("completed", "incomplete"):
            self._answer_is_history(turn)
        else:
            self._shell.tell_engine(m.Cancel(session=self._session, turn=turn.number, item=answer_item, heard=heard))
        self._shell.emit(
            self._protocol.response_finished(
                turn.response,
                status,
                reason,
                turn.usage(),
                heard if status == "cancelled" else None,
                extra=turn.extension(),
                error=error,
            )
        )
        if self._is_webrtc and turn.frames_left:
            over = self._protocol.output_audio_stopped if status != "cancelled" else self._protocol.output_audio_cleared
            self._shell.emit(over(turn.response))
        self._shell.turn_closed(turn, heard, status)
        self._recent.append(turn)
        if turn is self._outgoing:
            self._outgoing = None
            self._outgoing_over(turn)
        else:
            self.turn = None

    def _answer_is_history(self, turn: Turn) -> None:
        item = turn.answer_item or f"answer_{turn.number}"
        self._shell.tell_engine(m.AnswerHeard(session=self._session, turn=turn.number, item=item))

    def _outgoing_over(self, turn: Turn) -> None:
        """An answer that was played on under a newer turn is over."""
        raise AssertionError("the listening half says what follows")

    # --- the voice ----------------------------------------------------------------------------------

    def _begin_speaking(self, turn: Turn, *, held: bool) -> None:
        ledger = turn.ledger
        assert ledger is not None
        self._playout.open(turn.number, turn.attempt, held)

        def failed(error: VoiceError) -> None:
            turn.failure = error

        turn.speaking = self._shell.new_speaking(
            turn.number,
            turn.attempt,
            clause_ready=lambda: ledger.stamp(Stage.FIRST_CLAUSE, self._clock.now_ns()),
            audio_ready=lambda: ledger.stamp(Stage.FIRST_AUDIO, self._clock.now_ns()),
            audio_queued=lambda: self._say_bought(turn),
            failed=failed,
        )
        turn.task = self._shell.spawn(turn.speaking.run(), f"speak/{turn.number}.{turn.attempt}")

    def _speak_from_start(self, turn: Turn) -> None:
        """Say an answer that was meant to be read, from its first word on."""
        self._begin_speaking(turn, held=True)
        assert turn.speaking is not None
        turn.speaking.push(turn.answer)
        if turn.done is not None:
            turn.speaking.finish()

    def _stop_speaking(self, turn: Turn) -> None:
        if turn.task is not None:
            turn.task.cancel()
        turn.speaking = turn.task = None
        self._playout.drop(turn.number)

    def _agent_is_silent(self) -> None:
        """The answer is over: nothing is left to interrupt, and the next one is heard from its start at full level."""
        self._hearing.agent_speaking(False)
        self._playout.resume()
        self._playout.unduck()

    def suspected(self, suspicions: list[Suspicion]) -> None:
        """Somebody makes a sound over the answer: quieten it until it is known whether that is a turn."""
        detection = self._protocol.config.turn_detection
        turn = self._outgoing or self.turn
        if turn is None or turn.response is None or (detection is not None and not detection.interrupt_response):
            return
        for suspicion in suspicions:
            state: PlayoutState
            match suspicion:
                case Ducked():
                    self._playout.duck()
                    state = "ducked"
                case Paused():
                    self._playout.pause()
                    state = "paused"
                case _:
                    self._playout.resume()
                    self._playout.unduck()
                    state = "resumed"
            at_ms = suspicion.at_sample // SAMPLES_PER_MS
            self._shell.emit(self._protocol.playout(turn.item, turn.response, state, at_ms))

    # --- the ear ------------------------------------------------------------------------------------

    def frame_left(self, frame: PlayoutFrame) -> None:
        """A frame of some answer has left for the client."""
        turn = self.turn if self._outgoing is None or frame.turn != self._outgoing.number else self._outgoing
        if turn is None or turn.response is None or (frame.turn, frame.attempt) != (turn.number, turn.attempt):
            return
        turn.frames_left += 1
        if frame.first and self._is_webrtc:
            self._shell.emit(self._protocol.output_audio_started(turn.response))
        # Over WebRTC the audio itself rides RTP; the protocol only counts it.
        self._shell.emit(self._protocol.response_audio(turn.response, self._wire_audio(frame)))
        if frame.voiced and turn.statement is None and turn.ledger is not None:
            self._first_sound(turn, turn.ledger)
        if turn.frames_left % HEARD_EVERY_FRAMES == 0 or frame.last:
            heard = self._playout.heard()
            heard_ms = round(1000 * heard.samples / self._playout.sample_rate_hz)
            turn.progress.append((heard_ms, heard.text))
            self._shell.emit(self._protocol.heard(turn.item, turn.response, heard.text, heard_ms))
        if turn.frames_left % BOUGHT_EVERY_FRAMES == 0:
            self._say_bought(turn)
        if frame.last:
            self._answer_over(turn)

    def _say_bought(self, turn: Turn) -> None:
        """The engine may think while there is speech to be heard; it needs no word when the answer is written.

        An answer that plays on under a newer turn buys nothing: the engine shall be done with it and listen.
        """
        if turn.done is None:
            is_newest = turn is not self._outgoing
            bought_ms = round(self._playout.bought_ms(turn.number, turn.attempt)) if is_newest else 0
            self._shell.tell_engine(
                m.Played(session=self._session, turn=turn.number, attempt=turn.attempt, bought_ms=bought_ms)
            )

    def heard_until(self, answer_item: str, audio_ms: int) -> str | None:
        """The words of an answer that had been heard after `audio_ms` of it; None for an answer that is forgotten."""
        known = (self.turn, self._outgoing, *self._recent)
        turn = next((t for t in known if t is not None and t.answer_item == answer_item), None)
        if turn is None:
            return None
        return next((text for ms, text in reversed(turn.progress) if ms <= audio_ms), "")

    def _wire_audio(self, frame: PlayoutFrame) -> bytes:
        active = self._protocol.active_response
        assert active is not None, "a frame of a response leaves while it is active"
        return self._wire.pcm16(frame, active.params.output_format.rate_hz)

    def _first_sound(self, turn: Turn, ledger: Ledger) -> None:
        assert turn.response is not None
        self._hearing.agent_speaking(True)
        turn.statement = ledger.close(self._clock.now_ns(), turn.thinking())
        self._shell.emit(self._protocol.ledger(turn.item, turn.response, turn.number, turn.statement.to_json()))

    # --- the wire -----------------------------------------------------------------------------------

    def _say_transcript(self, turn: Turn) -> None:
        if turn.machine_turn is None or self._protocol.config.transcription is None:
            return
        self._shell.emit(self._protocol.transcript_delta(turn.item, turn.transcript))
        self._shell.emit(self._protocol.transcript_completed(turn.item, turn.transcript, turn.seconds))

    def _say_turn(self, turn: Turn, state: WireTurnState, audio_ms: int, **more: Any) -> None:
        log.debug("turn_" + state, turn=turn.number, attempt=turn.attempt, audio_ms=audio_ms)
        self._shell.emit(self._protocol.turn(turn.item, turn.number, turn.attempt, state, audio_ms, **more))
