"""Turn policies: the protocol's three forms of turn_detection, their ranges, and what votes do to the wait."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import ClientError
from realtime.turns import CommitReason, TurnMode, TurnPolicy

VOTES = st.dictionaries(st.sampled_from(["endpoint", "mind"]), st.floats(0, 1))


def test_defaults_are_those_of_the_protocol() -> None:
    policy = TurnPolicy.server_vad()
    assert (policy.start_threshold, policy.prefix_padding_ms) == (0.5, 300)
    assert policy.needed_silence({}) == (500, CommitReason.SILENCE)
    assert TurnPolicy.semantic_vad() == TurnPolicy.semantic_vad("auto") == TurnPolicy.semantic_vad("medium")


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"threshold": 1.1}, "turn_detection.threshold"),
        ({"threshold": math.nan}, "turn_detection.threshold"),
        ({"prefix_padding_ms": -1}, "turn_detection.prefix_padding_ms"),
        ({"prefix_padding_ms": 5_001}, "turn_detection.prefix_padding_ms"),
        ({"silence_duration_ms": -1}, "turn_detection.silence_duration_ms"),
        ({"silence_duration_ms": 10_001}, "turn_detection.silence_duration_ms"),
    ],
)
def test_values_out_of_range_are_refused_by_name(arguments: dict[str, float], param: str) -> None:
    with pytest.raises(ClientError) as caught:
        TurnPolicy.server_vad(**arguments)  # type: ignore[arg-type]
    assert caught.value.param == param


def test_an_unknown_eagerness_is_refused() -> None:
    with pytest.raises(ClientError) as caught:
        TurnPolicy.semantic_vad("eager")
    assert caught.value.param == "turn_detection.eagerness"


def test_only_push_to_talk_leaves_turns_open_and_only_semantic_vad_asks() -> None:
    policies = [TurnPolicy.server_vad(), TurnPolicy.semantic_vad(), TurnPolicy.push_to_talk()]
    assert [p.mode for p in policies] == [TurnMode.SERVER_VAD, TurnMode.SEMANTIC_VAD, TurnMode.PUSH_TO_TALK]
    assert [p.ends_turns_itself for p in policies] == [True, True, False]
    assert [p.asks_endpoint for p in policies] == [False, True, False]


@given(VOTES)
def test_votes_do_nothing_to_server_vad(votes: dict[str, float]) -> None:
    assert TurnPolicy.server_vad(silence_duration_ms=700).needed_silence(votes) == (700, CommitReason.SILENCE)


@given(VOTES, st.sampled_from(["endpoint", "mind"]), st.floats(0, 1))
def test_a_stronger_yes_never_lengthens_the_wait(votes: dict[str, float], voter: str, p: float) -> None:
    policy = TurnPolicy.semantic_vad()
    weaker = {**votes, voter: p * votes.get(voter, 1.0)}
    stronger = {**votes, voter: max(p, votes.get(voter, 1.0))}
    assert policy.needed_silence(stronger)[0] <= policy.needed_silence(weaker)[0]


@given(VOTES)
def test_eagerness_orders_the_waits(votes: dict[str, float]) -> None:
    low, medium, high = (TurnPolicy.semantic_vad(e).needed_silence(votes)[0] for e in ("low", "medium", "high"))
    assert low > medium > high
    assert TurnPolicy.semantic_vad().tentative_silence_ms < high


def test_a_voice_that_goes_on_makes_the_mind_one_step_less_sure() -> None:
    policy = TurnPolicy.semantic_vad()
    waits = policy.patience
    assert policy.needed_silence({"mind": 1.0}) == (waits.sure_ms, CommitReason.MIND), "the melody has not voted yet"
    assert policy.needed_silence({"mind": 1.0, "endpoint": 0.03}) == (waits.sure_ms, CommitReason.MIND)
    assert policy.needed_silence({"mind": 1.0, "endpoint": 0.01}) == (waits.likely_ms, CommitReason.MIND)
    assert policy.needed_silence({"mind": 0.8, "endpoint": 0.01}) == (waits.plausible_ms, CommitReason.SILENCE)


def test_a_sure_melody_shortens_the_wait_where_the_words_are_read() -> None:
    policy = TurnPolicy.semantic_vad()
    waits = policy.patience
    assert policy.needed_silence({"mind": 0.8, "endpoint": 0.98}) == (waits.sure_ms, CommitReason.AGREEMENT)
    for mind in (0.6, 0.3):
        assert policy.needed_silence({"mind": mind, "endpoint": 0.98}) == (waits.likely_ms, CommitReason.ENDPOINT)
    assert policy.needed_silence({"mind": 0.1, "endpoint": 1.0}) == (waits.objected_ms, CommitReason.SILENCE)
    assert policy.needed_silence({"endpoint": 1.0})[0] == waits.objected_ms, "nobody has read the words"
