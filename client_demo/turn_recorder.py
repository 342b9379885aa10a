"""Turns from a session's events and audio. Sans-I/O: arrivals in, finished `TurnReport`s out; time comes with them.

Knows the events and the send log, but no socket and no clock. Where it must wait (for audio that is still coming) the
caller asks again with a later `now_ns`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from client_demo import ledger
from client_demo.ledger import ClientStamps, ServerLedger, TurnLedger
from client_demo.source import NS_PER_MS, SendLog, SpeechMap
from client_demo.speech_gate import has_speech
from client_demo.turn_record import Note, OpenTurn, TurnReport, server_ledger
from client_demo.wire import AudioPacket, Happening, WireEvent

# The news of the commit and the first packet leave together but by different ways (data channel and RTP), so the
# packet may win by a little. An older answer cannot reach into this: it fell silent when the user began to speak.
PACKET_BEFORE_NEWS_NS = 60 * NS_PER_MS
# With no word of the playout's end, an answer is over when nothing has sounded for this long after response.done.
QUIET_NS = 600 * NS_PER_MS
# A server that has told of the beginning of a playout tells of its end; if that word is lost, this much quiet will do.
UNTOLD_NS = 5000 * NS_PER_MS
# The word that playout has stopped may overtake its last packets.
LAST_PACKETS_NS = 100 * NS_PER_MS


class TurnRecorder:
    """One session's turns, in order. `same_machine` says whether the server's clock is ours."""

    def __init__(self, sent: SendLog, speech: SpeechMap, *, same_machine: bool) -> None:
        self.errors: list[str] = []
        self._sent = sent
        self._speech = speech
        self._same_machine = same_machine
        self._turns: dict[str, OpenTurn] = {}  # by item id, in order of beginning
        self._by_response: dict[str, OpenTurn] = {}
        self._reports = 0
        self._loud: deque[tuple[int, str | None]] = deque(maxlen=16)  # recent packets with speech
        self._last_loud_ns = 0
        self._ahead = False  # audio comes ahead of its time (WebSocket), so silence begins with the client
        self._plays_until_ns = 0  # when what has been received will have been played
        self._started: set[str] = set()  # responses whose playout the server says has begun
        self._stopped: set[str] = set()  # and ended
        self._last_end_sample = 0  # where the last reported turn was committed

    # What the caller may ask ------------------------------------------------------------------------------------

    @property
    def hearing(self) -> bool:
        """A turn has begun and is neither committed nor discarded."""
        return any(turn.committed_ns is None for turn in self._turns.values())

    @property
    def awaiting(self) -> bool:
        """A committed turn has no finished response yet."""
        return any(turn.committed_ns is not None and turn.done_ns is None for turn in self._turns.values())

    @property
    def answering_since_ns(self) -> int | None:
        """When the first speech of the answer that is going on arrived; None while there is none."""
        begun = [turn.first_packet_ns for turn in self._turns.values() if turn.first_packet_ns is not None]
        return max(begun, default=None)

    def playing(self, now_ns: int) -> bool:
        """Whether received audio would still be sounding from a loudspeaker."""
        return now_ns < self._plays_until_ns

    # What happens -----------------------------------------------------------------------------------------------

    def push(self, happening: Happening) -> list[TurnReport]:
        """Take one arrival; returns the turns that it ended."""
        if isinstance(happening, AudioPacket):
            self._audio(happening)
        else:
            self._event(happening)
        return self.settle(happening.arrival_ns)

    def settle(self, now_ns: int) -> list[TurnReport]:
        """The turns whose response is done and whose audio has all come by `now_ns`."""
        ended = [turn for turn in self._turns.values() if self._over(turn, now_ns)]
        return [self._report(turn) for turn in ended]

    def give_up(self, now_ns: int) -> list[TurnReport]:
        """Close every committed turn as it stands (its answer did not come in time, or the wire is lost)."""
        left = [turn for turn in self._turns.values() if turn.committed_ns is not None]
        self._turns = {turn.item_id: turn for turn in left}
        return [self._report(turn) for turn in left]

    def _over(self, turn: OpenTurn, now_ns: int) -> bool:
        if turn.done_ns is None:
            return False
        if turn.response_id in self._stopped:
            return now_ns - self._last_loud_ns >= LAST_PACKETS_NS
        if turn.status in ("failed", "cancelled"):
            return True
        quiet_ns = now_ns - max(turn.done_ns, self._plays_until_ns)
        return quiet_ns >= (UNTOLD_NS if turn.response_id in self._started else 0)

    def _audio(self, packet: AudioPacket) -> None:
        duration_ns = packet.pcm.size * 1_000_000_000 // packet.sample_rate_hz
        loud = has_speech(packet.pcm, packet.sample_rate_hz)
        turn = self._by_response.get(packet.response_id or "") or self._speaking_turn(packet)
        if packet.response_id is not None:  # sent ahead of time: a player would still be at it
            self._ahead = True
            self._plays_until_ns = max(self._plays_until_ns, packet.arrival_ns) + duration_ns
        elif loud:  # a stream that never ends: over when it has been quiet for a while
            self._plays_until_ns = packet.arrival_ns + QUIET_NS
        if turn is not None and (packet.response_id is not None or turn.first_packet_ns is not None or loud):
            turn.received_ms += duration_ns / NS_PER_MS
        if not loud:
            return
        self._loud.append((packet.arrival_ns, packet.response_id))
        self._last_loud_ns = packet.arrival_ns
        if turn is None:
            return
        if turn.first_packet_ns is None:
            turn.first_packet_ns = packet.arrival_ns
        turn.sounds_until_ns = packet.arrival_ns if packet.response_id is None else self._plays_until_ns

    def _speaking_turn(self, packet: AudioPacket) -> OpenTurn | None:
        """Whose answer is in the stream: that of the last committed turn (WebRTC does not say)."""
        if packet.response_id is not None:
            return None
        committed = [turn for turn in self._turns.values() if turn.committed_ns is not None]
        return committed[-1] if committed else None

    def _event(self, event: WireEvent) -> None:
        payload, kind = event.payload, event.type
        item_id = payload.get("item_id")
        if kind == "error":
            error = payload.get("error")
            detail: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
            self.errors.append(f"{detail.get('code') or detail.get('type')}: {detail.get('message')}")
        elif kind == "input_audio_buffer.speech_started" and isinstance(item_id, str):
            self._begin(item_id, payload.get("audio_start_ms"))
            if self._ahead:
                self._silent(event.arrival_ns)
        elif kind == "input_audio_buffer.committed" and isinstance(item_id, str):
            self._commit(self._begin(item_id, None), event.arrival_ns, None)
        elif kind == "forethought.turn" and isinstance(item_id, str):
            self._turn_state(item_id, payload, event.arrival_ns)
        elif kind.startswith(("response.", "output_audio_buffer.")):
            self._response_event(kind, payload, event.arrival_ns)
        elif isinstance(item_id, str) and (turn := self._turns.get(item_id)) is not None:
            self._turn_words(kind, turn, payload)

    def _begin(self, item_id: str, at_ms: object) -> OpenTurn:
        turn = self._turns.get(item_id)
        if turn is None:
            start = self._sent.to_samples(at_ms) if isinstance(at_ms, int | float) else self._sent.samples
            turn = self._turns[item_id] = OpenTurn(item_id, start)
        return turn

    def _turn_state(self, item_id: str, payload: Mapping[str, Any], at_ns: int) -> None:
        state, at_ms = payload.get("state"), payload.get("audio_ms")
        turn = self._begin(item_id, at_ms)
        attempt = int(payload.get("attempt") or 0)
        if state == "committed":
            self._commit(turn, at_ns, at_ms)
        elif state == "revoked":
            turn.revoked += 1
            turn.thoughts.pop(attempt, None)
        elif state == "discarded" and turn.committed_ns is None:
            del self._turns[item_id]
        turn.attempt = max(turn.attempt, attempt)

    def _commit(self, turn: OpenTurn, at_ns: int, at_ms: object) -> None:
        if isinstance(at_ms, int | float):
            turn.committed_sample = self._sent.to_samples(at_ms)
        if turn.committed_ns is not None:
            return
        turn.committed_ns = at_ns
        before_ns = 0
        for packet_ns, response_id in self._loud:
            if response_id is None and packet_ns >= at_ns - PACKET_BEFORE_NEWS_NS:
                turn.first_packet_ns = packet_ns
                self._give_back(turn, before_ns)
                break
            before_ns = packet_ns

    def _give_back(self, turn: OpenTurn, until_ns: int) -> None:
        """The packets that came before the news of `turn` were not those of the answer before it."""
        turn.sounds_until_ns = self._last_loud_ns
        for other in self._turns.values():
            if other is not turn and other.sounds_until_ns > until_ns:
                other.sounds_until_ns = max(until_ns, other.first_packet_ns or 0)

    def _turn_words(self, kind: str, turn: OpenTurn, payload: Mapping[str, Any]) -> None:
        delta = str(payload.get("delta") or "")
        if kind == "forethought.note":
            turn.notes.append(Note(float(payload.get("audio_ms") or 0), delta))
        elif kind == "forethought.thought":
            attempt = int(payload.get("attempt") or 0)
            turn.thoughts[attempt] = turn.thoughts.get(attempt, "") + delta
            turn.thought_times.append(Note(float(payload.get("audio_ms") or 0), delta))
        elif kind == "forethought.heard":
            turn.heard = str(payload.get("text") or "")
        elif kind == "forethought.ledger":
            turn.server = server_ledger(payload.get("ledger")) or turn.server
        elif kind == "conversation.item.input_audio_transcription.delta":
            turn.transcript += delta
        elif kind == "conversation.item.input_audio_transcription.completed":
            turn.transcript = str(payload.get("transcript") or "")

    def _response_event(self, kind: str, payload: Mapping[str, Any], at_ns: int) -> None:
        body = payload.get("response")
        response: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        response_id = str(response.get("id") or payload.get("response_id") or "")
        if kind == "response.created":
            self._attach(response_id)
        turn = self._by_response.get(response_id)
        if kind.startswith("output_audio_buffer."):
            if kind == "output_audio_buffer.started":
                self._started.add(response_id)
            else:
                self._stopped.add(response_id)
                self._silent(at_ns)
        if turn is None:
            return
        if kind in ("response.output_audio_transcript.delta", "response.output_text.delta"):
            turn.answer += str(payload.get("delta") or "")
        elif kind == "response.output_audio_transcript.done":
            turn.answer = str(payload.get("transcript") or "") or turn.answer
        elif kind == "response.done":
            self._done(turn, response, at_ns)

    def _attach(self, response_id: str) -> None:
        """A response belongs to the last committed turn that has none."""
        for turn in reversed(self._turns.values()):
            if turn.committed_ns is not None and turn.response_id is None:
                turn.response_id = response_id
                turn.status = "in_progress"
                self._by_response[response_id] = turn
                return

    def _done(self, turn: OpenTurn, response: Mapping[str, Any], at_ns: int) -> None:
        turn.done_ns = at_ns
        turn.status = str(response.get("status") or "completed")
        details = response.get("status_details")
        if isinstance(details, Mapping):
            error = details.get("error")
            turn.error = str(error.get("code") or error.get("message")) if isinstance(error, Mapping) else turn.error
        if turn.status == "cancelled":
            self._silent(at_ns)
        extra = response.get("forethought")
        if not isinstance(extra, Mapping):
            return
        turn.server = server_ledger(extra.get("ledger")) or turn.server
        turn.transcript = str(extra.get("transcript") or turn.transcript)
        if isinstance(extra.get("thought"), str):
            turn.thoughts = {turn.attempt: str(extra["thought"])}
        notes = extra.get("notes")
        if isinstance(notes, list):
            turn.notes = [Note(float(n.get("ms") or 0), str(n.get("text") or "")) for n in notes if isinstance(n, dict)]

    def _silent(self, at_ns: int) -> None:
        """A player stops here: what has come ahead of its time will not sound."""
        self._plays_until_ns = min(self._plays_until_ns, at_ns)
        for turn in self._turns.values():
            turn.sounds_until_ns = min(turn.sounds_until_ns, at_ns)

    def _barge_in_stop_ms(self, turn: OpenTurn) -> float | None:
        """From the first voiced sample sent into the answer to the answer's last; None where nobody spoke into it."""
        if turn.first_packet_ns is None:
            return None
        again = self._speech.first_after(self._sent.samples_at(turn.first_packet_ns))
        left_ns = None if again is None else self._sent.left_ns(again)
        if left_ns is None or left_ns > turn.sounds_until_ns:
            return None
        return (turn.sounds_until_ns - left_ns) / NS_PER_MS

    def _report(self, turn: OpenTurn) -> TurnReport:
        self._turns.pop(turn.item_id, None)
        self._by_response.pop(turn.response_id or "", None)
        self._started.discard(turn.response_id or "")
        self._stopped.discard(turn.response_id or "")
        self._reports += 1
        server = turn.server
        end = self._turn_end_sample(turn)
        speech_end = None if end is None else self._speech_end(end)
        left_ns = None if speech_end is None else self._sent.left_ns(speech_end)
        first_ns, committed_ns = turn.first_packet_ns, turn.committed_ns
        return TurnReport(
            index=self._reports,
            item_id=turn.item_id,
            response_id=turn.response_id,
            status=turn.status,
            error=turn.error,
            transcript=turn.transcript.strip(),
            notes=tuple(turn.notes),
            thought="".join(turn.thoughts[attempt] for attempt in sorted(turn.thoughts)).strip(),
            answer=turn.answer.strip(),
            heard=turn.heard.strip(),
            speech_end_ms=None if speech_end is None else self._sent.to_ms(speech_end),
            turn_end_ms=None if end is None else self._sent.to_ms(end),
            ttfp_eos_ms=None if first_ns is None or left_ns is None else (first_ns - left_ns) / NS_PER_MS,
            ttfp_eot_ms=None if first_ns is None or committed_ns is None else (first_ns - committed_ns) / NS_PER_MS,
            ttfp_eot_server_ms=server.ttfp_eot_ms if server else None,
            revoked=turn.revoked,
            answer_ms=turn.received_ms,
            thinking=dict((server.thinking if server else None) or {}),
            ledger=self._ledger(server, left_ns, first_ns) if server else None,
            first_packet_ns=first_ns,
            thoughts=tuple(turn.thought_times),
            barge_in_stop_ms=self._barge_in_stop_ms(turn),
        )

    def _turn_end_sample(self, turn: OpenTurn) -> int | None:
        """Where the turn was committed: as the server says, else what had left when the news came."""
        if turn.committed_sample is not None:
            return turn.committed_sample
        if turn.server is not None and turn.server.turn_end_ms is not None:
            return self._sent.to_samples(turn.server.turn_end_ms)
        return None if turn.committed_ns is None else self._sent.samples_at(turn.committed_ns)

    def _speech_end(self, end_sample: int) -> int | None:
        """End of the last voiced frame of the file before the turn was committed, if the turn has any."""
        speech_end = self._speech.last_before(end_sample)
        before, self._last_end_sample = self._last_end_sample, max(self._last_end_sample, end_sample)
        return speech_end if speech_end is not None and speech_end > before else None

    def _ledger(self, server: ServerLedger, left_ns: int | None, first_ns: int | None) -> TurnLedger:
        if left_ns is None or first_ns is None:
            return ledger.server_only(server)
        server_left_ns = left_ns
        if server.speech_end_ms is not None:
            at = self._sent.left_ns(self._sent.to_samples(server.speech_end_ms))
            server_left_ns = left_ns if at is None else at
        stamps = ClientStamps(left_ns, server_left_ns, first_ns)
        return ledger.join(server, stamps, same_machine=self._same_machine)
