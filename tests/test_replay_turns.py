"""Turn tapes: turn-taking decides today what it decided when they were made. tests/turn_tapes.py makes them."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import TapeError
from realtime.replay.check import check
from realtime.replay.records import Judged
from realtime.replay.turns import policy_as_plain, policy_of_plain, replay_turns, turn_tape, watched
from realtime.replay.walk import Difference
from realtime.turns import FRAME_SAMPLES, TurnPolicy, VoiceFrame
from tests.turn_tapes import TAPES, scenes

PATHS = sorted(TAPES.glob("*.turns"))
POLICIES = (
    TurnPolicy.semantic_vad(),
    TurnPolicy.semantic_vad("low"),
    TurnPolicy.server_vad(0.3),
    TurnPolicy.push_to_talk(),
)


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_turns_are_taken_as_recorded(path: Path) -> None:
    """If this was meant to change: `python -m tests.turn_tapes --update`, and read the diff."""
    decisions = sum(len(line[-1]) for line in lines_of(path)[1:])
    assert replay_turns(path) == decisions


def test_every_scene_has_its_tape_and_every_kind_of_decision_is_on_one() -> None:
    assert {path.stem for path in PATHS} == set(scenes())
    kinds = {each["decision"] for path in PATHS for line in lines_of(path)[1:] for each in line[-1]}
    assert kinds >= {"TurnStarted", "TentativeEnd", "AskEndpoint", "Revoked", "Committed", "Discarded"}


def test_any_other_decision_is_a_difference(tmp_path: Path) -> None:
    lines = lines_of(TAPES / "question.turns")
    for number, line in enumerate(lines[1:], start=1):
        for index, decision in enumerate(line[-1]):
            for name in decision:
                changed = copy.deepcopy(lines)
                changed[number][-1][index][name] = "another"
                with pytest.raises(Difference) as found:
                    replay_turns(written(tmp_path / "changed.turns", changed))
                assert found.value.position == number + 1


def test_a_decision_one_frame_early_or_missing_is_a_difference(tmp_path: Path) -> None:
    lines = lines_of(TAPES / "question.turns")
    first = next(line for line in lines[1:] if line[-1])
    later = copy.deepcopy(lines)
    later[lines.index(first)][2].append([0.9, -20.0])
    with pytest.raises(Difference):
        replay_turns(written(tmp_path / "later.turns", later))
    missing = copy.deepcopy(lines)
    missing[lines.index(first)][-1] = []
    with pytest.raises(Difference):
        replay_turns(written(tmp_path / "missing.turns", missing))


def test_a_field_that_the_tape_does_not_know_is_no_difference(tmp_path: Path) -> None:
    lines = lines_of(TAPES / "question.turns")
    for line in lines[1:]:
        for decision in line[-1]:
            decision.pop("attempt", None)
    assert replay_turns(written(tmp_path / "older.turns", lines)) > 0


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy.mode))
def test_a_policy_comes_back_from_what_a_client_asks_for(policy: TurnPolicy) -> None:
    assert policy_of_plain(json.loads(json.dumps(policy_as_plain(policy)))) == policy


FRAMES = st.tuples(st.just("frame"), st.sampled_from([0.0, 0.4, 0.9]), st.sampled_from([-100.0, -60.0, -20.0]))
CALLS = st.one_of(
    FRAMES,
    FRAMES,
    FRAMES,
    st.tuples(st.sampled_from(["mind_vote", "endpoint_vote"]), st.integers(1, 3), st.integers(1, 3), st.floats(0, 1)),
    st.tuples(st.just("agent_speaking"), st.booleans()),
    st.tuples(st.sampled_from(["commit", "clear"]), st.integers(0, 200_000)),
    st.tuples(st.just("configure"), st.sampled_from(POLICIES)),
)


@settings(deadline=None)
@given(policy=st.sampled_from(POLICIES), calls=st.lists(CALLS, max_size=150))
def test_any_stream_replays_to_the_same_decisions(policy: TurnPolicy, calls: list[tuple[Any, ...]]) -> None:
    told: list[Judged] = []
    machine = watched(told.append)(policy)
    at_sample = 0
    for name, *arguments in calls:
        if name == "frame":
            machine.push(VoiceFrame(at_sample, FRAME_SAMPLES, *arguments))
            at_sample += FRAME_SAMPLES
        else:
            getattr(machine, name)(*arguments)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "any.turns"
        path.write_text(turn_tape(told))
        assert replay_turns(path) == sum(len(record.decisions) for record in told)


@pytest.mark.parametrize(
    "content",
    ["{", "{}\n", '{"turn tape":2,"frame_samples":512,"policy":{"mode":"push_to_talk"}}\n',
     '{"turn tape":1,"frame_samples":512,"policy":{"mode":"psychic"}}\n',
     '{"turn tape":1,"frame_samples":512,"policy":{"mode":"push_to_talk"}}\n["_move",1,[]]\n',
     '{"turn tape":1,"frame_samples":512,"policy":{"mode":"push_to_talk"}}\n["push",0,[["loud"]],[]]\n'],
)  # fmt: skip
def test_what_is_no_turn_tape_is_a_typed_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.turns"
    path.write_text(content)
    with pytest.raises(TapeError):
        check(path)
