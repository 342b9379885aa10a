"""A real conversation, recorded and replayed: the server's side with nothing around it, the engine's on its weights."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from client_demo import AskOptions, ask
from realtime.cli import app
from realtime.engine import messages as m
from realtime.errors import CheckpointError, TapeError
from realtime.replay import records as r
from realtime.replay import tape as t
from realtime.replay.check import check
from realtime.replay.engine import play_engine
from realtime.replay.player import play_session
from realtime.replay.turns import replay_turns
from realtime.replay.walk import Difference
from tests.live_client import WIRE_RATE_HZ, Talk, sample_pcm, talk
from tests.live_server import SAMPLES, LiveServer, live_server
from tests.turns_material import natural_pauses

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]  # the talk takes its time, and a busy machine more
KEYS = ["a key of the operator", "x"]  # tests.live_client comes with the second


@dataclass(frozen=True)
class Recorded:
    directory: Path
    events: list[dict[str, Any]]  # as the WebSocket client saw them
    log: str

    def tape(self, side: str) -> Path:
        """The WebSocket client's, and the engine's; it came first."""
        if side == "engine":
            (path,) = self.directory.glob("*.engine.tape")
            return path
        return next(path for path in self.sessions if t.read_tape(path)[0].opening["transport"] == "websocket")

    @property
    def sessions(self) -> list[Path]:
        return sorted(self.directory.glob("*.session.tape"))

    def read(self, side: str) -> tuple[r.Header, list[r.Record]]:
        header, records = t.read_tape(self.tape(side))
        return header, list(records)


async def converse(conversation: Talk) -> None:
    """A question with a pause in it; its answer talked over by the next; a typed one; one that is thrown away."""
    question = sample_pcm("03_compare_piper.wav")
    begin, end = natural_pauses(question, WIRE_RATE_HZ // 4, len(question) - WIRE_RATE_HZ // 2)[0]
    pause = np.zeros(6 * WIRE_RATE_HZ // 10, np.int16)
    quiet = np.zeros(WIRE_RATE_HZ, np.int16)
    await conversation.append(np.concatenate([question[:begin], pause, question[end:], quiet]), real_time=True)
    await conversation.expect("response.output_audio.delta")
    await conversation.append(sample_pcm("00_add_piper.wav", silence_s=1.2), real_time=True)
    while (await conversation.answer())["status"] == "cancelled":
        pass
    await conversation.say_text("What is two plus three?")
    await conversation.send("response.create")
    await conversation.answer()
    await conversation.append(sample_pcm("10_opposite_kokoro.wav")[:WIRE_RATE_HZ])
    await conversation.send("input_audio_buffer.clear")
    await conversation.expect("input_audio_buffer.cleared")
    await conversation.send("response.cancel")
    await conversation.expect("error")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    place = tmp_path_factory.mktemp("recorded")

    async def run(server: LiveServer) -> list[dict[str, Any]]:
        call = AskOptions(SAMPLES / "00_add_piper.wav", url=server.url, transport="webrtc", key=KEYS[1])
        async with talk(server.realtime) as conversation:
            _, result = await asyncio.gather(converse(conversation), ask(call))
        assert result.turns and not result.errors
        return conversation.events

    settings = {"SERVER__API_KEYS": json.dumps(KEYS)}
    with live_server(place / "server.log", "--record", str(place / "tapes"), settings=settings) as server:
        assert server.health()["recording"] is True
        events = asyncio.run(run(server))
        server.wait_until_idle()
    yield Recorded(place / "tapes", events, (place / "server.log").read_text())


def test_both_sides_replay_to_the_same(recorded: Recorded) -> None:
    assert len(recorded.sessions) == 2
    outcomes = [check(path) for path in (*recorded.sessions, recorded.tape("engine"))]
    for outcome in outcomes:
        assert outcome.is_identical, outcome.words
        assert "end mark" not in outcome.words and "stopped" not in outcome.words
    one, other, both = (int(re.findall(r"(\d+) tokens", outcome.words)[0]) for outcome in outcomes)
    assert one and other and one + other <= both, "the engine may say a last word to a client that has gone"


def test_the_tape_holds_what_the_client_saw_and_all_that_can_happen_to_a_turn(recorded: Recorded) -> None:
    _, records = recorded.read("session")
    sent = [record.body for record in records if isinstance(record, r.Event)]
    assert sent[: len(recorded.events)] == [r.folded(event) for event in recorded.events]
    told = {record.body["type"] for record in records if isinstance(record, r.Told)}
    assert told >= {"start_turn", "end_turn", "revoke", "commit", "cancel", "discard_turn", "respond", "answer_heard"}
    closed = [record for record in records if isinstance(record, r.Closed)]
    assert {record.status for record in closed} >= {"completed", "cancelled"}
    assert all(record.statement for record in closed if record.status == "completed")


def test_its_turn_taking_replays_alone(recorded: Recorded, tmp_path: Path) -> None:
    command = CliRunner().invoke(app, ["replay", str(recorded.tape("session")), "--turns", str(tmp_path)])
    assert command.exit_code == 0, command.output
    (path,) = tmp_path.glob("*.turns")
    _, records = recorded.read("session")
    assert replay_turns(path) == sum(len(record.decisions) for record in records if isinstance(record, r.Judged)) > 8


CHANGES: list[tuple[type[r.Record], Callable[[Any], bool], Callable[[Any], r.Record]]] = [
    (r.Event, lambda it: it.body["type"] == "response.done", lambda it: r.Event({**it.body, "event_id": "event_x"})),
    (r.Told, lambda it: it.body["type"] == "end_turn", lambda it: r.Told({**it.body, "think_ms": 1})),
    (r.Judged, lambda it: bool(it.decisions), lambda it: r.Judged(it.call, it.arguments, it.decisions[:-1])),
    (r.Closed, lambda it: it.statement, lambda it: r.Closed(it.status, {**it.statement, "total_ms": 1.0})),
]


@pytest.mark.parametrize(("kind", "fits", "change"), CHANGES, ids=lambda each: getattr(each, "__name__", None))
def test_another_output_is_found_where_it_stands(recorded: Recorded, kind: Any, fits: Any, change: Any) -> None:
    header, records = recorded.read("session")
    at = next(index for index, record in enumerate(records) if isinstance(record, kind) and fits(record))
    with pytest.raises(Difference) as found:
        play_session(header, [*records[:at], change(records[at]), *records[at + 1 :]])
    assert found.value.position == at


def test_other_inputs_lead_elsewhere(recorded: Recorded) -> None:
    header, records = recorded.read("session")
    deaf = [
        r.Got(record.task, ["probabilities", [0.0] * len(record.value[1])])
        if isinstance(record, r.Got) and record.value[0] == "probabilities"
        else record
        for record in records
    ]
    late = [r.Now(record.ns * 2) if isinstance(record, r.Now) else record for record in records]
    for other in (deaf, late, records[:40] + records[41:]):
        with pytest.raises(Difference):
            play_session(header, other)


def test_an_engine_that_says_something_else_is_found(recorded: Recorded) -> None:
    header, records = recorded.read("engine")
    at, note = next(
        (i, it.message) for i, it in enumerate(records) if isinstance(it, r.Said) and isinstance(it.message, m.Note)
    )
    records[at] = r.Said(msgspec.structs.replace(note, text=note.text + "!"))
    with pytest.raises(Difference) as found:
        play_engine(header, records)
    assert found.value.position == at


def test_other_weights_and_other_settings_are_typed_errors(recorded: Recorded) -> None:
    header, records = recorded.read("engine")
    with pytest.raises(TapeError, match="other weights"):
        play_engine(msgspec.structs.replace(header, models={"model": "0" * 64}), records)
    with pytest.raises(CheckpointError, match="no model"):
        play_engine(msgspec.structs.replace(header, settings={**header.settings, "model": "nowhere"}), records)
    for side, play in (("engine", play_engine), ("session", play_session)):
        header, records = recorded.read(side)
        foreign = msgspec.structs.replace(header, settings={**header.settings, "psychic": {}})
        with pytest.raises(TapeError, match=r"0\.1\.0"):
            play(foreign, records)


def test_the_command_says_what_it_found(recorded: Recorded, tmp_path: Path) -> None:
    session = recorded.tape("session")
    damaged, other = tmp_path / "damaged.tape", tmp_path / "other.tape"
    damaged.write_bytes(session.read_bytes()[:-3])
    header, records = recorded.read("session")
    other.write_bytes(t.MAGIC + b"1\n" + r.framed(header) + b"".join(map(r.framed, [*records[:50], r.Event({})])))
    run = CliRunner().invoke
    assert run(app, ["replay", str(other)]).exit_code == 1
    assert run(app, ["replay", str(damaged), str(session)]).exit_code == 2


def test_the_operator_is_told_and_no_key_is_on_a_tape(recorded: Recorded) -> None:
    assert "everything that is said" in recorded.log
    for path in recorded.directory.iterdir():
        assert (path.stat().st_mode & 0o777) == 0o600
        assert KEYS[0].encode() not in path.read_bytes()
    header, _ = recorded.read("session")
    assert len(header.settings["server"]["api_keys"]) == 2 and header.seed
