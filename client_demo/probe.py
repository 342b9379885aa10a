"""One recording asked over an open wire, to the end of its last answer. Knows no files, no printing and no statistics.

The probe sends the recording at real-time pace and goes on sending silence, as a live microphone does, until the
server has answered every turn it heard, or has clearly heard none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from client_demo.audio_file import Recording
from client_demo.errors import ServerRefused, WireLost
from client_demo.event_order import EventOrder
from client_demo.reply_audio import ReplyStrip
from client_demo.source import PacedSource
from client_demo.turn_record import TurnReport
from client_demo.turn_recorder import TurnRecorder
from client_demo.wire import AudioPacket, Happening, ServerAddress, Wire, WireEvent

NS_PER_S = 1_000_000_000
# `semantic_vad` waits at most 8 s for a hesitating speaker; after that a turn would have been heard.
GRACE_S = 10.0
REPLY_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 15.0
TICK_S = 0.05

Watch = Callable[[WireEvent, float], None]  # an event as it comes, and how many ms have been sent by then


class Outcome(Enum):
    """How asking a recording ended."""

    ANSWERED = "answered"
    NO_SPEECH = "no_speech"  # the server heard no turn
    NO_ANSWER = "no_answer"  # a turn was heard, but its answer did not come in time
    WIRE_LOST = "wire_lost"  # the connection ended in the middle of a turn
    INTERRUPTED = "interrupted"  # we stopped listening to the answer, to speak into it


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: `grace_s` for a turn to be heard after the recording, `reply_s` for an answer."""

    grace_s: float = GRACE_S
    reply_s: float = REPLY_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Asked:
    """The turns that ended while one recording was asked, and how it ended. Positions in ms of the input stream.

    Behind an interrupted recording its turn is still open, and is among the turns of the next. `speech_left_ns`
    is when the recording's last voiced sample left the client, client clock; None where nothing in it is voiced.
    """

    turns: tuple[TurnReport, ...]
    outcome: Outcome
    start_ms: float
    end_ms: float
    start_ns: int | None = None
    speech_left_ns: int | None = None


class Probe:
    """Owns the reading of one wire; ask recordings one after another."""

    def __init__(
        self,
        wire: Wire,
        source: PacedSource,
        address: ServerAddress,
        *,
        patience: Patience | None = None,
        strip: ReplyStrip | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.order = EventOrder()
        self.recorder = TurnRecorder(wire.sent, source.speech, same_machine=address.loopback)
        self.session: Mapping[str, Any] = {}
        self._wire = wire
        self._source = source
        self._patience = patience or Patience()
        self._strip = strip
        self._watch = watch
        self._last_event_ns = 0

    async def ready(self, session: Mapping[str, Any] | None = None) -> None:
        """Ask for our events (and `session`'s settings) and wait until the server has agreed.

        Raises `ServerRefused` where it answers with an error or not at all, or what the wire raises.
        """
        wanted = {"type": "realtime", "forethought": {"events": True}, **(session or {})}
        await self._wire.send({"type": "session.update", "session": wanted})
        limit_ns = time.monotonic_ns() + int(READY_TIMEOUT_S * NS_PER_S)
        while time.monotonic_ns() < limit_ns:
            happening = await self._wire.inbox.get(TICK_S)
            if happening is None:
                continue
            self._take(happening)
            if not isinstance(happening, WireEvent):
                continue
            if happening.type == "error":
                raise ServerRefused(f"the server refused the session: {self.recorder.errors[-1]}")
            if happening.type == "session.updated":
                self.session = happening.payload.get("session") or {}
                return
        raise ServerRefused(f"the server did not agree to the session within {READY_TIMEOUT_S:.0f} s")

    async def configure(self, session: Mapping[str, Any]) -> None:
        """Change the session's settings for what is asked next. Raises what ends the wire."""
        await self._wire.send({"type": "session.update", "session": {"type": "realtime", **session}})

    async def ask(self, recording: Recording, *, interrupt_ms: float | None = None) -> Asked:
        """Say `recording` and wait for the end of the last answer, or until `interrupt_ms` after its first sound.

        Raises what ends the wire, unless a turn was heard by then: that turn is reported as it stands.
        """
        start, end = self._source.queue(recording)
        turns: list[TurnReport] = []
        while True:
            try:
                happening = await self._wire.inbox.get(TICK_S)
            except WireLost:
                turns += self.recorder.give_up(time.monotonic_ns())
                if not turns:
                    raise
                return self._asked(turns, Outcome.WIRE_LOST, start, end)
            now_ns = time.monotonic_ns()
            turns += self._take(happening) if happening is not None else self.recorder.settle(now_ns)
            if interrupt_ms is not None and self._sounds_since(interrupt_ms, end, now_ns):
                return self._asked(turns, Outcome.INTERRUPTED, start, end)
            outcome = self._outcome(turns, end, now_ns)
            if outcome is not None:
                if outcome is Outcome.NO_ANSWER:
                    turns += self.recorder.give_up(now_ns)
                return self._asked(turns, outcome, start, end)

    async def pause(self, seconds: float) -> None:
        """Let silence pass, still reading."""
        until_ns = time.monotonic_ns() + int(seconds * NS_PER_S)
        while (left_ns := until_ns - time.monotonic_ns()) > 0:
            happening = await self._wire.inbox.get(min(TICK_S, left_ns / NS_PER_S))
            if happening is not None:
                self._take(happening)

    def _asked(self, turns: list[TurnReport], outcome: Outcome, start: int, end: int) -> Asked:
        sent = self._wire.sent
        last = self._source.speech.last_before(end)
        voiced = last if last is not None and last > start else None
        left_ns = None if voiced is None else sent.left_ns(voiced)
        return Asked(tuple(turns), outcome, sent.to_ms(start), sent.to_ms(end), sent.left_ns(start), left_ns)

    def _sounds_since(self, interrupt_ms: float, end: int, now_ns: int) -> bool:
        """Whether all has been said and its answer has been sounding for `interrupt_ms`."""
        ended_ns, since_ns = self._wire.sent.left_ns(end), self.recorder.answering_since_ns
        if ended_ns is None or since_ns is None or since_ns < ended_ns - NS_PER_S:
            return False
        return self.recorder.playing(now_ns) and now_ns - since_ns >= interrupt_ms * NS_PER_S / 1000

    def _take(self, happening: Happening) -> list[TurnReport]:
        if isinstance(happening, AudioPacket):
            if self._strip is not None:
                self._strip.push(happening)
        else:
            self.order.push(happening.payload)
            if happening.type.startswith(("input_audio_buffer.", "forethought.", "response.")):
                self._last_event_ns = happening.arrival_ns
            if self._strip is not None and _cut_short(happening):
                self._strip.flush(happening.arrival_ns)
            if self._watch is not None:
                self._watch(happening, self._wire.sent.to_ms(self._wire.sent.samples))
        return self.recorder.push(happening)

    def _outcome(self, turns: list[TurnReport], end: int, now_ns: int) -> Outcome | None:
        """How the recording has ended by now, or None while there is something to wait for."""
        ended_ns = self._wire.sent.left_ns(end)
        if ended_ns is None:
            return None
        quiet_s = (now_ns - max(ended_ns, self._last_event_ns)) / NS_PER_S
        if self.recorder.awaiting:
            return Outcome.NO_ANSWER if quiet_s >= self._patience.reply_s else None
        if self.recorder.playing(now_ns):
            return None
        # Speech after the last turn that was heard may still become one.
        heard_to = max((self._wire.sent.to_samples(turn.turn_end_ms or 0) for turn in turns), default=0)
        if not self.recorder.hearing and turns and not self._source.speech.voiced_between(heard_to, end):
            return Outcome.ANSWERED
        if quiet_s < self._patience.grace_s:
            return None
        return Outcome.ANSWERED if turns else Outcome.NO_SPEECH


def _cut_short(event: WireEvent) -> bool:
    """Whether the answer stopped here before its end."""
    if event.type == "output_audio_buffer.cleared":
        return True
    response = event.payload.get("response")
    return event.type == "response.done" and isinstance(response, Mapping) and response.get("status") == "cancelled"
