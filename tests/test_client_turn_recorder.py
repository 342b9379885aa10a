"""Turns out of arrivals: timed by arrival only, whatever order the events and packets take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from client_demo.audio_file import recording_of
from client_demo.source import FRAME_NS, SendLog, SpeechMap
from client_demo.turn_record import TurnReport
from client_demo.turn_recorder import QUIET_NS, UNTOLD_NS, TurnRecorder
from client_demo.wire import AudioPacket, WireEvent
from tests.client_scripted_server import tone

RATE = 24_000
MS = 1_000_000
SPEECH_END_MS = 1000
BEGIN_NS = 10**12


class Session:
    """A recorder whose input stream has 1 s of speech and then 59 s of silence; times in ms from its begin."""

    def __init__(self, *, same_machine: bool = True) -> None:
        sent, speech = SendLog(RATE), SpeechMap()
        for index in range(3000):
            sent.frame_left(BEGIN_NS + (index + 1) * FRAME_NS)
        speech.add(0, recording_of("q", np.full(RATE * SPEECH_END_MS // 1000, 8000, np.int16), RATE))
        self.recorder = TurnRecorder(sent, speech, same_machine=same_machine)
        self.reports: list[TurnReport] = []

    def event(self, at_ms: float, kind: str, **fields: Any) -> None:
        self.reports += self.recorder.push(WireEvent({"type": kind, **fields}, BEGIN_NS + round(at_ms * MS)))

    def audio(self, at_ms: float, *, voiced: bool = True, response: str | None = None, ms: int = 20) -> None:
        pcm = tone(ms, RATE) if voiced else np.zeros(RATE * ms // 1000, np.int16)
        self.reports += self.recorder.push(AudioPacket(pcm, RATE, BEGIN_NS + round(at_ms * MS), None, response))

    def settle(self, at_ms: float) -> None:
        self.reports += self.recorder.settle(BEGIN_NS + round(at_ms * MS))

    def committed(self, at_ms: float = 1300, item: str = "u") -> None:
        self.event(100, "input_audio_buffer.speech_started", item_id=item, audio_start_ms=80)
        self.event(at_ms, "input_audio_buffer.committed", item_id=item)

    def responded(self, at_ms: float, response: str = "r", status: str = "completed", **extra: Any) -> None:
        self.event(at_ms, "response.done", response={"id": response, "status": status, **extra})


def test_both_figures_run_to_the_first_packet_with_speech_in_it() -> None:
    session = Session()
    session.committed()
    session.event(1310, "response.created", response={"id": "r"})
    session.audio(1400, voiced=False, response="r")
    session.audio(1450, response="r")
    session.responded(1500)
    session.settle(1600)
    (turn,) = session.reports
    assert turn.speech_end_ms == SPEECH_END_MS
    assert turn.ttfp_eos_ms == pytest.approx(450) and turn.ttfp_eot_ms == pytest.approx(150)
    assert turn.endpoint_share == pytest.approx(300)
    assert turn.turn_end_ms == pytest.approx(1300, abs=20)


def test_over_webrtc_the_packet_may_come_before_the_news_of_the_commit() -> None:
    session = Session()
    session.event(100, "input_audio_buffer.speech_started", item_id="u", audio_start_ms=80)
    session.audio(1295)
    session.event(1300, "input_audio_buffer.committed", item_id="u")
    session.audio(1315)
    session.event(1316, "response.created", response={"id": "r"})
    session.responded(1400)
    session.settle(1400 + QUIET_NS / MS)
    assert session.reports[0].ttfp_eot_ms == pytest.approx(-5)


def test_an_answer_still_sounding_before_is_not_the_first_packet() -> None:
    session = Session()
    session.audio(900)
    session.committed()
    session.event(1310, "response.created", response={"id": "r"})
    session.audio(1500)
    session.responded(1600)
    session.settle(3000)
    assert session.reports[0].ttfp_eot_ms == pytest.approx(200)


def answered_from(session: Session, begin_ms: int, end_ms: int, *, committed_ms: float) -> TurnReport:
    """An answer that sounds packet by packet, as over WebRTC."""
    session.committed(committed_ms)
    session.event(committed_ms + 1, "response.created", response={"id": "r"})
    session.event(committed_ms + 2, "output_audio_buffer.started", response_id="r")
    for at_ms in range(begin_ms, end_ms, 20):
        session.audio(at_ms)
    session.event(end_ms, "output_audio_buffer.cleared", response_id="r")
    session.responded(end_ms, status="cancelled")
    session.settle(end_ms + 200)
    return session.reports[-1]


def test_an_answer_into_the_sentence_is_timed_to_its_last_packet() -> None:
    turn = answered_from(Session(), 600, 700, committed_ms=590)
    assert turn.first_packet_ns == BEGIN_NS + 600 * MS
    # The user is still speaking: the next voiced 10 ms leave with the packet of 620 ms; the last answer comes at 680.
    assert turn.barge_in_stop_ms == pytest.approx(60)


def test_an_answer_behind_the_sentence_was_not_spoken_into() -> None:
    assert answered_from(Session(), 1400, 1700, committed_ms=1300).barge_in_stop_ms is None


def test_audio_ahead_of_its_time_falls_silent_with_the_news_of_speech() -> None:
    session = Session()
    session.committed(500)
    session.event(501, "response.created", response={"id": "r"})
    session.audio(510, response="r", ms=3000)
    session.event(700, "input_audio_buffer.speech_started", item_id="v", audio_start_ms=600)
    session.responded(701, status="cancelled")
    session.settle(900)
    # Voiced samples leave at 520 ms, the next packet after the first audio.
    assert session.reports[0].barge_in_stop_ms == pytest.approx(180)


def test_a_turn_ends_when_its_audio_would_have_been_played() -> None:
    session = Session()
    session.committed()
    session.event(1310, "response.created", response={"id": "r"})
    session.audio(1400, response="r", ms=1000)
    session.responded(1420)
    session.settle(2390)
    assert not session.reports and session.recorder.playing(BEGIN_NS + 2390 * MS)
    session.settle(2401)
    assert session.reports[0].answer_ms == 1000


@pytest.mark.parametrize("word", ["output_audio_buffer.stopped", "output_audio_buffer.cleared", None])
def test_a_server_that_told_of_the_begin_of_playout_is_waited_for(word: str | None) -> None:
    session = Session()
    session.committed()
    session.event(1310, "response.created", response={"id": "r"})
    session.event(1320, "output_audio_buffer.started", response_id="r")
    session.audio(1330)
    session.responded(1400)
    session.settle(4000)
    assert not session.reports
    if word:
        session.event(4010, word, response_id="r")
    else:
        session.settle(1330 + (QUIET_NS + UNTOLD_NS) / MS)
    assert len(session.reports) == 1


def test_the_thoughts_of_a_revoked_attempt_are_void() -> None:
    session = Session()
    session.event(100, "forethought.turn", item_id="u", attempt=0, state="started", audio_ms=80)
    session.event(900, "forethought.thought", item_id="u", attempt=1, delta="wrong", audio_ms=800)
    session.event(950, "forethought.turn", item_id="u", attempt=1, state="revoked", audio_ms=900)
    session.event(1200, "forethought.thought", item_id="u", attempt=2, delta="right", audio_ms=1100)
    session.event(1300, "forethought.turn", item_id="u", attempt=2, state="committed", audio_ms=1280)
    session.event(1310, "response.created", response={"id": "r"})
    session.responded(1320, status="failed", status_details={"error": {"code": "engine_lost"}})
    (turn,) = session.reports
    assert (turn.thought, turn.revoked, turn.turn_end_ms) == ("right", 1, 1280)
    assert (turn.status, turn.error, turn.answered) == ("failed", "engine_lost", False)


def test_a_discarded_turn_is_none_and_an_unanswered_one_can_be_given_up() -> None:
    session = Session()
    session.event(100, "forethought.turn", item_id="cough", attempt=0, state="started", audio_ms=80)
    assert session.recorder.hearing
    session.event(200, "forethought.turn", item_id="cough", attempt=0, state="discarded", audio_ms=180)
    assert not session.recorder.hearing
    session.committed()
    assert session.recorder.awaiting
    (turn,) = session.recorder.give_up(BEGIN_NS + 9000 * MS)
    assert turn.status == "no_response" and turn.ttfp_eos_ms is None and not session.recorder.awaiting


def test_speech_of_an_earlier_turn_is_not_the_end_of_a_later_one() -> None:
    session = Session()
    for number, at_ms in enumerate((1300, 3000)):
        session.committed(at_ms, f"u{number}")
        session.event(at_ms + 10, "response.created", response={"id": f"r{number}"})
        session.responded(at_ms + 20, f"r{number}")
    first, second = session.reports
    assert first.speech_end_ms == SPEECH_END_MS and second.speech_end_ms is None and second.ttfp_eos_ms is None


def test_the_final_word_of_the_server_replaces_what_came_piece_by_piece() -> None:
    session = Session()
    session.committed()
    session.event(1310, "response.created", response={"id": "r"})
    session.event(1311, "forethought.note", item_id="u", delta="lis", audio_ms=640)
    final = {
        "transcript": "listen",
        "notes": [{"ms": 640, "text": "listen"}],
        "thought": "so",
        "ledger": {"total_ms": "x"},
    }
    session.responded(1320, forethought=final)
    (turn,) = session.reports
    assert turn.transcript == "listen" and [note.text for note in turn.notes] == ["listen"]
    assert turn.thought == "so" and turn.ledger is None


class AnyOrder(RuleBasedStateMachine):
    """Random interleavings of a server's events, also senseless ones: nothing is lost, doubled or kept for ever."""

    @initialize()
    def begin(self) -> None:
        self.session = Session()
        self.at_ms = 1100.0
        self.items = 0
        self.committed: list[str] = []
        self.responses = 0

    def tick(self) -> float:
        self.at_ms += 7
        return self.at_ms

    @rule()
    def start(self) -> None:
        self.items += 1
        self.session.event(self.tick(), "input_audio_buffer.speech_started", item_id=f"u{self.items}", audio_start_ms=0)

    @precondition(lambda self: self.items > len(self.committed))
    @rule(twice=st.booleans())
    def commit(self, twice: bool) -> None:
        item = f"u{len(self.committed) + 1}"
        self.committed.append(item)
        self.session.event(self.tick(), "input_audio_buffer.committed", item_id=item)
        if twice:
            self.session.event(
                self.tick(), "forethought.turn", item_id=item, attempt=0, state="committed", audio_ms=self.at_ms
            )

    @rule()
    def respond(self) -> None:
        self.responses += 1
        self.session.event(self.tick(), "response.created", response={"id": f"r{self.responses}"})

    @rule(response=st.integers(0, 6), status=st.sampled_from(["completed", "cancelled", "failed"]))
    def done(self, response: int, status: str) -> None:
        self.session.responded(self.tick(), f"r{response}", status)

    @rule(response=st.one_of(st.none(), st.integers(0, 6)), voiced=st.booleans())
    def audio(self, response: int | None, voiced: bool) -> None:
        self.session.audio(self.tick(), voiced=voiced, response=None if response is None else f"r{response}")

    @rule(kind=st.sampled_from(["started", "stopped", "cleared"]), response=st.integers(0, 6))
    def buffer(self, kind: str, response: int) -> None:
        self.session.event(self.tick(), f"output_audio_buffer.{kind}", response_id=f"r{response}")

    @invariant()
    def every_turn_is_reported_once_and_timed_forwards(self) -> None:
        if not hasattr(self, "session"):
            return
        items = [turn.item_id for turn in self.session.reports]
        assert len(set(items)) == len(items) and set(items) <= set(self.committed)
        for turn in self.session.reports:
            assert turn.ttfp_eot_ms is None or turn.ttfp_eot_ms >= -60

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.reports += self.session.recorder.give_up(BEGIN_NS + 10**13)
            assert sorted(turn.item_id for turn in self.session.reports) == sorted(self.committed)
            assert not self.session.recorder.awaiting and not self.session.recorder.hearing


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
