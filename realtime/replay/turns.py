"""Turn-taking alone: what the turn machine was told and what it decided, as text that a diff can show.

A turn tape is JSON lines. The first is a header with the policy the stream began with; every other is one call of
`TurnMachine` with its decisions, or a run of frames of which only the last decided something:

    {"turn tape": 1, "about": "...", "frame_samples": 512, "policy": {"mode": "semantic_vad", "eagerness": "medium"}}
    ["push", 0, [[0.01, -71.2], [0.93, -30.5], [0.97, -24.0]], [{"decision": "TurnStarted", "turn": 1, ...}]]
    ["mind_vote", 1, 1, 0.91, []]

It holds probabilities, levels, votes and commands, no sound. A policy is kept as what the client asked for, so that
a change of thresholds shows in the decisions. A field that a decision has and the tape has not is no difference.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import msgspec

from realtime.errors import TapeError
from realtime.replay import records as r
from realtime.replay.walk import Difference
from realtime.turns import FRAME_SAMPLES, TurnMachine, TurnMode, TurnPolicy, VoiceFrame
from realtime.turns.policy import EAGERNESS

TURN_FORMAT = 1
BEGIN = "begin"  # stands for the machine's construction
Tell = Callable[[r.Judged], None]
Row = list[Any]


class _Watched:
    """A `TurnMachine` that tells of every call, with what it was given and what it decided.

    It knows no method by name, so it watches those that are added, too.
    """

    def __init__(self, machine: TurnMachine, tell: Tell) -> None:
        self._machine = machine
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._machine, name)
        if not callable(member):
            return member

        def call(*arguments: Any) -> Any:
            decided = member(*arguments)
            self._tell(r.Judged(name, [_plain(argument) for argument in arguments], decisions_as_plain(decided)))
            return decided

        return call


def watched(tell: Tell) -> Callable[[TurnPolicy], TurnMachine]:
    """What makes turn machines that tell of every call."""

    def machine(policy: TurnPolicy) -> TurnMachine:
        tell(r.Judged(BEGIN, [_plain(policy)], []))
        return cast(TurnMachine, _Watched(TurnMachine(policy), tell))

    return machine


def decisions_as_plain(decided: Any) -> list[dict[str, Any]]:
    return [{"decision": type(each).__name__, **msgspec.to_builtins(each)} for each in decided or []]


def _plain(argument: Any) -> Any:
    match argument:
        case VoiceFrame():
            return [getattr(argument, field.name) for field in dataclasses.fields(argument)]
        case TurnPolicy():
            return policy_as_plain(argument)
    return argument


def policy_as_plain(policy: TurnPolicy) -> dict[str, Any]:
    """What a client asks for to get this policy."""
    match policy.mode:
        case TurnMode.SEMANTIC_VAD:
            known = (name for name, patience in EAGERNESS.items() if patience == policy.patience)
            return {"mode": str(policy.mode), "eagerness": next(known, "auto")}
        case TurnMode.SERVER_VAD:
            return {
                "mode": str(policy.mode),
                "threshold": policy.start_threshold,
                "prefix_padding_ms": policy.prefix_padding_ms,
                "silence_duration_ms": policy.patience.ceiling_ms,
            }
        case TurnMode.PUSH_TO_TALK:
            return {"mode": str(policy.mode)}


def policy_of_plain(plain: dict[str, Any]) -> TurnPolicy:
    makers: dict[str, Callable[..., TurnPolicy]] = {
        TurnMode.SEMANTIC_VAD: TurnPolicy.semantic_vad,
        TurnMode.SERVER_VAD: TurnPolicy.server_vad,
        TurnMode.PUSH_TO_TALK: TurnPolicy.push_to_talk,
    }
    return makers[plain["mode"]](**{name: value for name, value in plain.items() if name != "mode"})


# --- the text ---------------------------------------------------------------------------------------


def turn_tape(records: Iterable[r.Record], about: str = "") -> str:
    """The turn-taking in the records of a session, as text. Raises `TapeError` where there is none."""
    judged = [record for record in records if isinstance(record, r.Judged)]
    if not judged or judged[0].call != BEGIN:
        raise TapeError("there is no turn-taking on this tape")
    header = {
        "turn tape": TURN_FORMAT,
        "about": about,
        "frame_samples": FRAME_SAMPLES,
        "policy": judged[0].arguments[0],
    }
    lines: list[Any] = [header]
    run: list[Row] = []
    begin = 0
    for record in judged[1:]:
        if record.call == "push":
            at_sample, _, *row = record.arguments[0]
            begin = begin if run else at_sample
            run.append(row)
            if not record.decisions:
                continue
        elif run:
            lines.append(["push", begin, run, []])
        if record.call == "push":
            lines.append(["push", begin, run, record.decisions])
        else:
            lines.append([record.call, *record.arguments, record.decisions])
        run = []
    if run:
        lines.append(["push", begin, run, []])
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def is_turn_tape(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(1) == b"{"
    except OSError as error:
        raise TapeError(f"cannot read {path}: {error.strerror}") from error


def replay_turns(path: Path) -> int:
    """Judge a turn tape again; how many decisions were the same. Raises `Difference` and `TapeError`."""
    try:
        header, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        form, frame_samples, policy = header["turn tape"], header["frame_samples"], policy_of_plain(header["policy"])
        calls = [_calls_of(line, frame_samples) for line in lines]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise TapeError(f"{path} is no turn tape: {error!r}") from error
    if form != TURN_FORMAT:
        raise TapeError(f"{path} has format {form} and this version reads {TURN_FORMAT}")
    machine = TurnMachine(policy)
    total = 0
    for number, line in enumerate(calls, start=2):
        for name, arguments, expected in line:
            got = decisions_as_plain(getattr(machine, name)(*arguments))
            if not _same(expected, got):
                raise Difference(number, expected, got)
            total += len(got)
    return total


def _calls_of(line: list[Any], frame_samples: int) -> list[tuple[str, list[Any], list[dict[str, Any]]]]:
    """One line as calls of the machine, each with what it must decide."""
    name, *arguments, decisions = line
    if name.startswith("_") or not callable(getattr(TurnMachine, name, None)):
        raise ValueError(f"the turn machine has no {name!r}")
    if name != "push":
        given = [policy_of_plain(each) if isinstance(each, dict) else each for each in arguments]
        return [(name, given, decisions)]
    begin, rows = arguments
    frames = [_frame(begin + index * frame_samples, frame_samples, row) for index, row in enumerate(rows)]
    return [(name, [frame], decisions if frame is frames[-1] else []) for frame in frames]


def _frame(at_sample: int, samples: int, row: Row) -> VoiceFrame:
    parts: list[Any] = [tuple(part) if isinstance(part, list) else part for part in row]
    return VoiceFrame(at_sample, samples, *parts)


def _same(expected: list[dict[str, Any]], got: list[dict[str, Any]]) -> bool:
    return len(expected) == len(got) and all(
        name in there and there[name] == value
        for wanted, there in zip(expected, got, strict=True)
        for name, value in wanted.items()
    )
