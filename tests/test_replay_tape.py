"""Tapes as files: what is written is read, what is damaged is found, and no disk can end a conversation."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.engine import messages as m
from realtime.errors import ConfigurationError, TapeError
from realtime.protocol.ids import SeededIds
from realtime.replay import records as r
from realtime.replay import tape as t
from realtime.replay.check import check

HEADER = r.Header(side="session", settings={"server": {"port": 1}}, models={"model": "00"}, seed=b"16 random bytes.")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.text(max_size=20)
BODIES = st.dictionaries(NAMES, PLAIN, max_size=4)
TASKS = st.integers(0, 2**40)
RECORDS = st.one_of(
    st.builds(r.Resumed, TASKS),
    st.builds(r.Got, TASKS, st.lists(PLAIN, max_size=4)),
    st.builds(r.Cancelled, TASKS),
    st.builds(r.Popped),
    st.builds(r.Lost, NAMES),
    st.builds(r.Back),
    st.builds(r.Now, st.integers(0, 2**63)),
    st.builds(r.Refused, NAMES, NAMES),
    st.builds(r.Handled, st.builds(m.Audio, session=NAMES, turn=TASKS, at_sample=TASKS, pcm=st.binary())),
    st.builds(r.Stepped),
    st.builds(r.Said, st.builds(m.Answer, session=NAMES, turn=TASKS, attempt=TASKS, text=NAMES)),
    st.builds(r.Event, BODIES),
    st.builds(r.Told, BODIES),
    st.builds(r.Judged, NAMES, st.lists(PLAIN, max_size=4), st.lists(BODIES, max_size=3)),
    st.builds(r.Closed, NAMES, st.none() | BODIES),
    st.builds(r.Failed, TASKS, NAMES),
)


def write(path: Path, records: list[r.Record], limit_bytes: int = 10**6) -> None:
    writer = t.TapeWriter(path, HEADER, limit_bytes)
    for record in records:
        writer.write(record)
    writer.close()
    deadline = time.monotonic() + 10
    while writer.is_writing:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def read(path: Path) -> list[r.Record]:
    header, records = t.read_tape(path)
    assert header == HEADER
    return list(records)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "a.tape"


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(RECORDS, max_size=20))
def test_what_is_written_is_read(records: list[r.Record], tape: Path) -> None:
    tape.unlink(missing_ok=True)
    write(tape, records)
    assert read(tape) == [*records, r.Ended()]


def test_a_tape_is_its_owners_alone_and_replaces_nothing(tmp_path: Path, tape: Path) -> None:
    t.prepare_directory(tmp_path / "new" / "tapes")
    assert stat.S_IMODE((tmp_path / "new" / "tapes").stat().st_mode) == 0o700
    write(tape, [r.Now(1)])
    assert stat.S_IMODE(tape.stat().st_mode) == 0o600
    write(tape, [r.Now(2)])
    assert read(tape) == [r.Now(1), r.Ended()]


def test_a_directory_that_cannot_be_is_refused_before_anybody_talks(tape: Path) -> None:
    tape.write_text("a file")
    with pytest.raises(ConfigurationError):
        t.prepare_directory(tape / "tapes")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_typed_error(data: st.DataObject, tape: Path) -> None:
    tape.unlink(missing_ok=True)
    write(tape, [r.Now(at) for at in range(20)])
    content = bytearray(tape.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    tape.write_bytes(content)
    with pytest.raises(TapeError):
        read(tape)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.999))
def test_a_tape_that_is_cut_off_is_an_error_or_ends_without_its_mark(kept: float, tape: Path) -> None:
    tape.unlink(missing_ok=True)
    write(tape, [r.Now(at) for at in range(20)])
    content = tape.read_bytes()
    tape.write_bytes(content[: int(kept * len(content))])
    with contextlib.suppress(TapeError):
        assert r.Ended() not in read(tape)


def test_other_files_and_formats_are_typed_errors(tape: Path) -> None:
    for content in (b"", b"RIFF", t.MAGIC + b"2\n", t.MAGIC + b"1\n", t.MAGIC + b"1\n" + r.framed(r.Now(1))):
        tape.write_bytes(content)
        with pytest.raises(TapeError):
            check(tape)
    with pytest.raises(TapeError):
        check(tape.parent / "nowhere.tape")


def test_a_full_tape_ends_with_the_reason(tape: Path) -> None:
    write(tape, [r.Now(at) for at in range(10_000)], limit_bytes=2_000)
    *records, end = read(tape)
    assert records == [r.Now(at) for at in range(len(records))] and len(records) > 50
    assert isinstance(end, r.Ended) and "2000" in end.reason
    assert tape.stat().st_size < 2_200


def test_a_full_disk_leaves_a_tape_of_whole_records(tape: Path) -> None:
    ignored = signal.getsignal(signal.SIGXFSZ)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_001, hard))
    try:
        write(tape, [r.Now(at) for at in range(10_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ignored == signal.SIG_IGN, "Python ignores the signal, so that the error arrives"
    records = read(tape)
    assert records == [r.Now(at) for at in range(len(records))] and 500 < len(records) < 2_000


def test_a_disk_that_does_not_keep_up_stops_the_recording_alone(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(t, "NEW_FILE", os.O_WRONLY)
    os.mkfifo(tape)
    reader = os.open(tape, os.O_RDONLY | os.O_NONBLOCK)  # takes nothing, so a pipe's buffer is all there is
    writer = t.TapeWriter(tape, HEADER, 10**9)
    megabyte = r.Got(0, ["text", bytes(1_000_000)])
    for _ in range(20):
        writer.write(megabyte)
    assert writer.is_over and t.MAX_WAITING_BYTES < writer.taken_bytes < t.MAX_WAITING_BYTES + 2_000_000
    os.close(reader)  # the pipe breaks, and the thread ends


def test_what_cannot_be_written_stops_the_recording_alone(tape: Path) -> None:
    write(tape, [r.Now(1), r.Event({"n": 10**30}), r.Now(2)])
    assert read(tape) == [r.Now(1), r.Ended("a record Event cannot be written")]
    assert r.folded({"delta": "\ud800" * 1_000})


def test_seeded_ids_are_the_same_again_and_never_repeat() -> None:
    def some(seed: bytes) -> list[str]:
        ids = SeededIds(seed)
        return [ids.new("item") for _ in range(100)]

    assert some(b"a") == some(b"a")
    assert len({*some(b"a"), *some(b"b")}) == 200
    assert all(len(name) == len("item_") + 20 for name in some(b"a"))


def test_long_text_and_sound_are_kept_as_hashes() -> None:
    body: dict[str, Any] = {"type": "x", "delta": "a" * 10_000, "text": "hello"}
    one, other = r.folded(body), r.folded({**body, "delta": "a" * 9_999 + "b"})
    assert one["text"] == "hello" and len(one["delta"]) < 100 and one != other
    audio = m.Audio(session="s", turn=1, at_sample=0, pcm=bytes(10_000))
    assert len(str(r.folded(audio))) < 300
