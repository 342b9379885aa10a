"""The turn machine: each way through the table once, and a state machine of random input against its invariants."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from realtime.turns import (
    AskEndpoint,
    Committed,
    Decision,
    Discarded,
    Revoked,
    State,
    TentativeEnd,
    TurnMachine,
    TurnPolicy,
    TurnStarted,
    VoiceFrame,
    diagram,
)
from realtime.turns.machine import TRANSITIONS
from realtime.turns.policy import MIND_NO_WORDS, Patience

FRAME = 512
FRAME_MS = 32
LOUD_DBFS = -20.0
QUIET_DBFS = -70.0
# Of round numbers, so that a change of what is shipped changes no test of how it works.
POLICY = replace(
    TurnPolicy.semantic_vad(),
    tentative_silence_ms=64,
    patience=Patience(sure_ms=200, likely_ms=704, plausible_ms=736, ceiling_ms=768, objected_ms=900),
)


class Stream:
    """Feeds a machine voiced and silent stretches."""

    def __init__(self, policy: TurnPolicy) -> None:
        self.machine = TurnMachine(policy)
        self.at_sample = 0

    def push(self, duration_ms: int, voice_p: float, level_dbfs: float | None = None) -> list[Decision]:
        level = level_dbfs if level_dbfs is not None else (LOUD_DBFS if voice_p >= 0.5 else QUIET_DBFS)
        decisions: list[Decision] = []
        for _ in range(-(-duration_ms // FRAME_MS)):
            decisions += self.machine.push(VoiceFrame(self.at_sample, FRAME, voice_p, level))
            self.at_sample += FRAME
        return decisions

    def voice(self, duration_ms: int) -> list[Decision]:
        return self.push(duration_ms, 0.95)

    def silence(self, duration_ms: int) -> list[Decision]:
        return self.push(duration_ms, 0.02)


def ms(samples: int) -> int:
    return samples // 16


def of(kind: type, decisions: list[Decision]) -> list[Decision]:
    return [d for d in decisions if isinstance(d, kind)]


def spoken(policy: TurnPolicy | None = None, duration_ms: int = 960) -> tuple[Stream, list[Decision]]:
    """A stream in which 640 ms of silence and then `duration_ms` of voice were heard."""
    stream = Stream(policy or POLICY)
    return stream, [*stream.silence(640), *stream.voice(duration_ms)]


def test_a_turn_starts_with_the_second_voiced_frame_and_reaches_back_by_the_padding() -> None:
    stream, decisions = spoken(duration_ms=64)
    assert decisions == [TurnStarted(1, from_sample=(640 - 300) * 16, speech_sample=640 * 16, barge_in=False)]
    assert stream.machine.state is State.SPEAKING


def test_one_voiced_frame_starts_nothing() -> None:
    stream, decisions = spoken(duration_ms=32)
    assert decisions + stream.silence(2_000) == []


def test_the_tentative_end_comes_at_64_ms_and_then_a_question_about_the_audio_so_far() -> None:
    stream, _ = spoken()
    assert stream.silence(32) == []
    (tentative,) = stream.silence(32)
    assert tentative == TentativeEnd(1, 1, speech_end_sample=1600 * 16, at_sample=1664 * 16, silence_ms=64)
    (question,) = stream.silence(32)
    assert question == AskEndpoint(1, 1, from_sample=340 * 16, to_sample=1696 * 16)
    assert of(AskEndpoint, stream.silence(320)) == [], "it is asked once"


def test_sound_without_a_word_is_no_turn_and_its_audio_stays_for_the_next() -> None:
    stream, _ = spoken()
    stream.silence(96)
    stream.machine.mind_vote(1, 1, MIND_NO_WORDS)
    assert of(Discarded, stream.silence(832)) == [Discarded(1, "no_words")]
    (again,) = of(TurnStarted, stream.voice(320))
    assert isinstance(again, TurnStarted) and again.turn == 2
    assert again.from_sample < 1600 * 16, "the sound may be what the words ask about"


def test_a_silent_frame_ends_speech_though_the_voice_detector_lingers() -> None:
    stream, _ = spoken()
    lingering = stream.push(64, 0.95, QUIET_DBFS)
    assert lingering == [TentativeEnd(1, 1, speech_end_sample=1600 * 16, at_sample=1664 * 16, silence_ms=64)]
    assert of(Revoked, stream.push(320, 0.95, QUIET_DBFS)) == [], "nor does it resume on the detector's memory"


def test_in_noise_the_voice_detector_alone_says_when_speech_ends() -> None:
    stream = Stream(POLICY)
    stream.push(640, 0.02, LOUD_DBFS - 20)
    stream.voice(960)
    assert stream.push(320, 0.95, LOUD_DBFS - 20) == []
    (tentative,) = stream.push(64, 0.02, LOUD_DBFS - 20)
    assert isinstance(tentative, TentativeEnd) and ms(tentative.speech_end_sample) == 1_920


def test_the_end_of_speech_is_known_to_a_part_of_a_frame() -> None:
    stream, _ = spoken()
    half = VoiceFrame(stream.at_sample, FRAME, 0.95, LOUD_DBFS - 3, (LOUD_DBFS, LOUD_DBFS, QUIET_DBFS, QUIET_DBFS))
    assert stream.machine.push(half) == []
    stream.at_sample += FRAME
    (tentative,) = stream.silence(64)
    assert isinstance(tentative, TentativeEnd)
    assert (ms(tentative.speech_end_sample), tentative.silence_ms) == (1_616, 80)


def test_the_question_covers_no_more_than_8_s() -> None:
    stream, _ = spoken(duration_ms=12_000)
    (question,) = of(AskEndpoint, stream.silence(160))
    assert isinstance(question, AskEndpoint)
    assert question.to_sample - question.from_sample == 8_000 * 16


@pytest.mark.parametrize(
    ("endpoint", "mind", "silence_ms", "reason"),
    [
        (0.96, 1.0, 224, "agreement"),
        (None, 1.0, 224, "mind"),
        (0.1, 1.0, 224, "mind"),
        (0.98, 0.8, 224, "agreement"),
        (0.98, 0.6, 704, "endpoint"),
        (0.01, 1.0, 704, "mind"),
        (0.01, 0.8, 736, "silence"),
        (0.96, 0.6, 736, "endpoint"),
        (0.96, 0.5, 736, "endpoint"),
        (0.98, 0.5, 704, "endpoint"),
        (0.98, None, 928, "silence"),
        (0.1, 0.8, 704, "mind"),
        (0.9, 0.8, 704, "agreement"),
        (0.7, 0.6, 736, "silence"),
        (0.98, 0.3, 704, "endpoint"),
        (0.9, 0.3, 768, "silence"),
        (0.98, 0.1, 928, "silence"),
        (None, None, 928, "silence"),
    ],
)
def test_votes_shorten_the_silence_that_ends_a_turn(
    endpoint: float | None, mind: float | None, silence_ms: int, reason: str
) -> None:
    stream, _ = spoken()
    stream.silence(160)
    votes = {}
    if endpoint is not None:
        votes["endpoint"] = endpoint
        assert stream.machine.endpoint_vote(1, 1, endpoint) == []
    if mind is not None:
        votes["mind"] = mind
        assert stream.machine.mind_vote(1, 1, mind) == []
    (committed,) = stream.silence(2_000)
    assert committed == Committed(1, 1, 1600 * 16, (1600 + silence_ms) * 16, reason, votes)


def test_a_late_vote_commits_at_once_when_the_silence_is_long_enough() -> None:
    stream, _ = spoken()
    stream.silence(600)
    (committed,) = stream.machine.mind_vote(1, 1, 1.0)
    assert isinstance(committed, Committed) and ms(committed.at_sample) == 2_208


def test_voice_that_returns_revokes_and_the_next_silence_is_a_new_attempt() -> None:
    stream, _ = spoken()
    stream.silence(256)
    assert stream.machine.endpoint_vote(1, 1, 0.9) == []
    assert stream.voice(32) == []
    assert stream.voice(32) == [Revoked(1, 1, (1600 + 256 + 64) * 16)]
    tentative, question, *_ = stream.silence(160)
    assert isinstance(tentative, TentativeEnd) and (tentative.turn, tentative.attempt) == (1, 2)
    assert isinstance(question, AskEndpoint) and question.attempt == 2
    assert stream.machine.endpoint_vote(1, 1, 1.0) == [], "a vote on a revoked attempt is stale"
    assert stream.machine.mind_vote(1, 1, 1.0) == []
    (committed,) = stream.silence(2_000)
    assert isinstance(committed, Committed) and committed.attempt == 2
    assert (committed.votes, committed.reason) == ({}, "silence"), "votes on a revoked attempt are forgotten"


def test_no_commit_while_the_last_frame_was_voiced() -> None:
    stream, _ = spoken()
    stream.silence(448)
    stream.voice(32)
    assert stream.machine.endpoint_vote(1, 1, 1.0) == [], "the speaker may just be going on"
    assert [type(d) for d in stream.voice(32)] == [Revoked]


def test_one_voiced_frame_in_a_pause_does_not_restart_the_wait() -> None:
    stream, _ = spoken()
    stream.silence(480)
    stream.voice(32)
    (committed,) = stream.silence(2_000)
    assert isinstance(committed, Committed) and ms(committed.at_sample - committed.speech_end_sample) == 928


def test_server_vad_waits_for_its_silence_only() -> None:
    stream, _ = spoken(TurnPolicy.server_vad(silence_duration_ms=800))
    assert [type(d) for d in stream.silence(160)] == [TentativeEnd]
    stream.machine.mind_vote(1, 1, 1.0)
    (committed,) = stream.machine.endpoint_vote(1, 1, 1.0) + stream.silence(2_000)
    assert isinstance(committed, Committed) and committed.reason == "silence"
    assert ms(committed.at_sample - committed.speech_end_sample) == 800


def test_server_vad_with_less_than_the_tentative_silence_decides_both_at_once() -> None:
    stream, _ = spoken(TurnPolicy.server_vad(silence_duration_ms=0))
    assert [type(d) for d in stream.silence(32)] == [TentativeEnd, Committed]


def test_server_vad_threshold_is_the_start_threshold() -> None:
    stream = Stream(TurnPolicy.server_vad(threshold=0.9))
    assert stream.push(640, 0.8) == []
    assert [type(d) for d in stream.push(640, 0.92)] == [TurnStarted]


def test_a_blip_is_discarded_and_its_audio_stays_for_the_turn_that_follows() -> None:
    stream, decisions = spoken(duration_ms=96)
    decisions += stream.silence(320)
    assert [type(d) for d in decisions] == [TurnStarted, Discarded]
    (started,) = of(TurnStarted, stream.voice(320))
    assert isinstance(started, TurnStarted)
    assert started.turn == 2
    assert started.from_sample == (640 - 200) * 16, "the blip is sound that led up to the speech"


def test_the_longest_turn_is_committed_and_the_rest_is_a_new_turn() -> None:
    _, decisions = spoken(duration_ms=131_000)
    assert [type(d) for d in decisions] == [TurnStarted, TentativeEnd, Committed, TurnStarted]
    started, _, committed, again = decisions
    assert isinstance(started, TurnStarted) and isinstance(committed, Committed) and isinstance(again, TurnStarted)
    assert committed.reason == "max_length"
    assert 120_000 <= ms(committed.at_sample - started.from_sample) < 120_000 + FRAME_MS
    assert again.from_sample == committed.speech_end_sample == committed.at_sample, "no audio is lost or heard twice"


def test_barge_in_needs_longer_and_stronger_voice() -> None:
    stream = Stream(POLICY)
    stream.silence(320)
    stream.machine.agent_speaking(True)
    assert stream.voice(128) + stream.silence(320) + stream.push(640, 0.65) + stream.silence(320) == []
    (started,) = stream.voice(160)
    assert isinstance(started, TurnStarted) and started.barge_in


@pytest.mark.parametrize(("later_ms", "voice_ms"), [(320, 64), (1_600, 160)])
def test_a_speaker_who_only_paused_is_no_barge_in_for_a_moment(later_ms: int, voice_ms: int) -> None:
    stream, _ = spoken()
    stream.silence(64)
    stream.machine.mind_vote(1, 1, 1.0)
    (committed,) = of(Committed, stream.silence(160))
    assert isinstance(committed, Committed)
    stream.machine.agent_speaking(True)
    stream.silence(later_ms)
    assert stream.voice(voice_ms - FRAME_MS) == []
    (started,) = stream.voice(FRAME_MS)
    assert isinstance(started, TurnStarted) and started.turn == 2 and started.barge_in


def test_a_barge_in_does_not_reach_back_into_the_agents_echo() -> None:
    stream = Stream(POLICY)
    stream.silence(320)
    stream.machine.agent_speaking(True)
    stream.push(1_600, 0.1, LOUD_DBFS)
    (started,) = stream.voice(160)
    assert isinstance(started, TurnStarted)
    assert ms(started.from_sample) == 1_920 - 300


def test_sound_that_leads_up_to_speech_belongs_to_the_turn() -> None:
    stream = Stream(POLICY)
    stream.silence(1_280)
    for _ in range(4):
        stream.push(160, 0.0, LOUD_DBFS)
        stream.silence(320)
    (started,) = stream.voice(64)
    assert isinstance(started, TurnStarted)
    assert ms(started.from_sample) == 1_280 - 200


def test_a_turn_never_begins_before_the_end_of_the_one_before() -> None:
    stream, _ = spoken(TurnPolicy.server_vad(silence_duration_ms=160))
    stream.silence(160)
    (started,) = stream.voice(64)
    assert isinstance(started, TurnStarted)
    assert ms(started.from_sample) == 1_600


def test_push_to_talk_leaves_the_end_to_the_client() -> None:
    stream, decisions = spoken(TurnPolicy.push_to_talk())
    decisions += stream.silence(4_800) + stream.voice(32_000) + stream.silence(4_800)
    assert [type(d) for d in decisions] == [TurnStarted]
    tentative, committed = stream.machine.commit(stream.at_sample)
    assert isinstance(tentative, TentativeEnd) and isinstance(committed, Committed)
    assert (committed.reason, ms(committed.speech_end_sample)) == ("client", 38_400)
    assert (tentative.turn, tentative.attempt) == (committed.turn, committed.attempt) == (1, 1)
    assert stream.machine.commit(stream.at_sample) == [], "nothing is left to commit"


def test_a_commit_without_voice_takes_all_audio_since_the_last() -> None:
    stream = Stream(TurnPolicy.push_to_talk())
    stream.silence(640)
    stream.machine.clear(stream.at_sample)
    stream.push(960, 0.1, LOUD_DBFS)
    started, tentative, committed = stream.machine.commit(stream.at_sample + 100)
    assert started == TurnStarted(1, 640 * 16, 640 * 16, barge_in=False)
    assert isinstance(tentative, TentativeEnd)
    assert isinstance(committed, Committed)
    assert committed.speech_end_sample == committed.at_sample == 1_600 * 16 + 100


def test_a_commit_of_a_tentative_turn_keeps_its_attempt() -> None:
    stream, _ = spoken()
    stream.silence(192)
    (committed,) = stream.machine.commit(stream.at_sample)
    assert isinstance(committed, Committed) and (committed.attempt, committed.reason) == (1, "client")


def test_frames_that_a_commit_overtook_decide_nothing() -> None:
    stream, _ = spoken(TurnPolicy.push_to_talk())
    stream.machine.commit(stream.at_sample + 5 * FRAME)
    assert stream.voice(5 * FRAME_MS) == []
    assert [type(d) for d in stream.voice(64)] == [TurnStarted]


def test_clear_discards_an_open_turn_and_is_silent_without_one() -> None:
    stream, _ = spoken()
    assert stream.machine.clear(stream.at_sample) == [Discarded(1, "cleared")]
    assert stream.machine.clear(stream.at_sample) == []
    (started,) = stream.voice(64)
    assert isinstance(started, TurnStarted) and ms(started.from_sample) == 1_600


def test_a_new_policy_applies_to_the_open_turn() -> None:
    stream, _ = spoken(TurnPolicy.push_to_talk())
    assert stream.silence(3_000) == []
    stream.machine.configure(TurnPolicy.server_vad())
    assert [type(d) for d in stream.silence(32)] == [TentativeEnd, Committed]


def test_the_diagram_draws_every_transition() -> None:
    lines = diagram().splitlines()
    assert len(lines) == 2 + len(TRANSITIONS)
    assert {f"{t.source} --> {t.target}" for t in TRANSITIONS} == {line.split(":")[0].strip() for line in lines[2:]}


class AnyConversation(RuleBasedStateMachine):
    """Random frames, votes, commands and policies; the order and the positions of decisions stay right."""

    @initialize(policy=st.sampled_from(["semantic", "server", "push"]))
    def begin(self, policy: str) -> None:
        self.machine = TurnMachine(self.policy(policy))
        self.at_sample = 0
        self.open: TurnStarted | None = None
        self.tentative: TentativeEnd | None = None
        self.turns = 0
        self.attempts = 0
        self.taken_until = 0
        self.last_at = 0
        self.asked: list[tuple[int, int]] = [(1, 1)]
        self.questions: set[tuple[int, int]] = set()

    @staticmethod
    def policy(name: str) -> TurnPolicy:
        policies = {
            "semantic": TurnPolicy.semantic_vad,
            "server": lambda: TurnPolicy.server_vad(silence_duration_ms=200),
            "push": TurnPolicy.push_to_talk,
        }
        return policies[name]()

    @rule(
        count=st.integers(1, 40),
        voice_p=st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        level=st.sampled_from([-100.0, -50.0, -20.0]),
    )
    def frames(self, count: int, voice_p: float, level: float) -> None:
        for _ in range(count):
            self.follow(self.machine.push(VoiceFrame(self.at_sample, FRAME, voice_p, level)))
            self.at_sample += FRAME

    @rule(which=st.integers(0, 3), p=st.floats(0, 1), mind=st.booleans())
    def vote(self, which: int, p: float, mind: bool) -> None:
        turn, attempt = self.asked[-1 - which % len(self.asked)]
        is_current = self.tentative is not None and (turn, attempt) == (self.tentative.turn, self.tentative.attempt)
        decisions = (self.machine.mind_vote if mind else self.machine.endpoint_vote)(turn, attempt, p)
        assert is_current or decisions == []
        self.follow(decisions)

    @rule(ahead=st.integers(0, 600))
    def commit(self, ahead: int) -> None:
        decisions = self.machine.commit(self.at_sample + ahead)
        assert decisions == [] or isinstance(decisions[-1], Committed)
        self.follow(decisions)
        assert self.machine.state is State.IDLE

    @rule()
    def clear(self) -> None:
        self.follow(self.machine.clear(self.at_sample))
        self.taken_until = max(self.taken_until, self.at_sample)
        assert self.machine.state is State.IDLE

    @rule(policy=st.sampled_from(["semantic", "server", "push"]))
    def configure(self, policy: str) -> None:
        self.machine.configure(self.policy(policy))

    @rule(speaks=st.booleans())
    def agent(self, speaks: bool) -> None:
        self.machine.agent_speaking(speaks)

    def follow(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            getattr(self, f"on_{type(decision).__name__}")(decision)

    def on_TurnStarted(self, started: TurnStarted) -> None:
        assert self.open is None, "never two open turns"
        self.turns += 1
        assert started.turn == self.turns
        assert self.taken_until <= started.from_sample <= started.speech_sample
        self.open, self.attempts = started, 0

    def on_TentativeEnd(self, tentative: TentativeEnd) -> None:
        assert self.open is not None and self.tentative is None
        self.attempts += 1
        assert (tentative.turn, tentative.attempt) == (self.open.turn, self.attempts)
        assert self.open.speech_sample <= tentative.speech_end_sample <= tentative.at_sample
        assert tentative.silence_ms == ms(tentative.at_sample - tentative.speech_end_sample)
        self.moved_to(tentative.at_sample)
        self.tentative = tentative
        self.asked.append((tentative.turn, tentative.attempt))

    def on_AskEndpoint(self, question: AskEndpoint) -> None:
        assert self.tentative is not None and self.open is not None
        assert (question.turn, question.attempt) == (self.tentative.turn, self.tentative.attempt)
        assert (question.turn, question.attempt) not in self.questions, "once an attempt"
        self.questions.add((question.turn, question.attempt))
        assert self.open.from_sample <= question.from_sample < question.to_sample == self.machine.position
        assert question.to_sample - question.from_sample <= 8 * 16_000

    def on_Revoked(self, revoked: Revoked) -> None:
        assert self.tentative is not None
        assert (revoked.turn, revoked.attempt) == (self.tentative.turn, self.tentative.attempt)
        self.moved_to(revoked.at_sample)
        self.tentative = None

    def on_Committed(self, committed: Committed) -> None:
        assert self.tentative is not None, "a commit follows the tentative end of its attempt"
        assert (committed.turn, committed.attempt) == (self.tentative.turn, self.tentative.attempt)
        assert committed.speech_end_sample == self.tentative.speech_end_sample
        self.moved_to(committed.at_sample)
        self.taken_until = committed.at_sample if committed.reason == "client" else committed.speech_end_sample
        self.open = self.tentative = None

    def on_Discarded(self, discarded: Discarded) -> None:
        assert self.open is not None and discarded.turn == self.open.turn
        assert discarded.reason == "cleared" or self.attempts == 0
        self.open = self.tentative = None

    def moved_to(self, at_sample: int) -> None:
        assert at_sample >= self.last_at
        self.last_at = at_sample

    @invariant()
    def state_tells_what_was_decided(self) -> None:
        expected = State.IDLE if self.open is None else State.SPEAKING if self.tentative is None else State.TENTATIVE
        assert self.machine.state is expected


TestAnyConversation = AnyConversation.TestCase
TestAnyConversation.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
