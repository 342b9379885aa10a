"""Plays one tape of any kind and says in words what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from realtime.errors import TapeError
from realtime.replay.player import play_session
from realtime.replay.tape import read_tape
from realtime.replay.turns import is_turn_tape, replay_turns, turn_tape
from realtime.replay.walk import Difference, Walk

SHOWN_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Outcome:
    is_identical: bool
    words: str


def check(path: Path, turns: Path | None = None) -> Outcome:
    """Replay the tape at `path`; a session's turn-taking is written to the directory `turns`. Raises `TapeError`."""
    try:
        if is_turn_tape(path):
            return Outcome(True, f"identical: {replay_turns(path)} decisions")
        header, records = read_tape(path)
        if header.side == "engine":
            from realtime.replay.engine import play_engine  # noqa: PLC0415 - brings torch

            return Outcome(True, _counted(play_engine(header, records), "Said", "messages"))
        if turns is not None:
            _write_turns(path, turns)
        return Outcome(True, _counted(play_session(header, records), "Event", "events"))
    except Difference as found:
        return Outcome(
            False,
            f"differs at record {found.position}:\n  expected {_short(found.expected)}\n  got      {_short(found.got)}",
        )


def _counted(walk: Walk, outputs: str, noun: str) -> str:
    counts = walk.counts
    words = f"identical: {counts.get(outputs, 0)} {noun}, {walk.tokens} tokens"
    if outputs == "Event":
        words += f", {walk.ledgers} ledgers, {counts.get('Judged', 0)} calls of the turn machine"
    else:
        words += f", {counts.get('Stepped', 0)} steps"
    if walk.end is None:
        return words + "; the tape ends without an end mark"
    return words + (f"; recording stopped early: {walk.end}" if walk.end else "")


def _write_turns(path: Path, directory: Path) -> None:
    _, records = read_tape(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{path.name.partition('.')[0]}.turns").write_text(turn_tape(records, path.name))
    except OSError as error:
        raise TapeError(f"cannot write to {directory}: {error.strerror}") from error


def _short(thing: object) -> str:
    text = str(thing)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"
