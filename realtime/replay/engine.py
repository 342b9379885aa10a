"""Records an engine and replays it over the real weights. Part of the engine process: it brings torch.

One tape holds everything from the first session that opens to the last that closes: sessions share steps, so they
share the tape. Greedy decoding and the same steps in the same order give the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

from realtime.clock import Clock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.loader import load_engine
from realtime.errors import CheckpointError, TapeError
from realtime.replay import records as r
from realtime.replay.recorder import BYTES_PER_MB, RecordedClock
from realtime.replay.tape import TapeWriter, foreign, manifest_hash
from realtime.replay.walk import Walk


def model_hashes(config: EngineConfig) -> dict[str, str]:
    """The index holds the hashes of all weights. Raises `CheckpointError` where there is none."""
    directory = Path(config.model)
    try:
        return {"model": manifest_hash(directory / "config.json", directory / "model.safetensors.index.json")}
    except OSError as error:
        raise CheckpointError(f"no model at {directory}: cannot read {error.filename}") from error


def load_recorded(config: EngineConfig, clock: Clock, directory: Path) -> tuple[RecordedCore, m.Ready]:
    """As `load_engine`, and what is loaded writes tapes to `directory`."""
    tapes = _Tapes(r.Header(side="engine", settings=asdict(config), models=model_hashes(config)), config, directory)
    core, ready = load_engine(config, RecordedClock(clock, tapes.write))
    return RecordedCore(core, tapes), ready


class _Tapes:
    """The tape of now, if any session is open."""

    def __init__(self, header: r.Header, config: EngineConfig, directory: Path) -> None:
        self._header = header
        self._limit_bytes = config.record_mb * BYTES_PER_MB
        self._directory = directory
        self._tape: TapeWriter | None = None

    def begin(self, session: str) -> None:
        if self._tape is None:
            engines = (self._directory / f"{session}.{number}.engine.tape" for number in count(1))
            path = next(path for path in engines if not path.exists())  # the session may have lost an engine before
            self._tape = TapeWriter(path, self._header, self._limit_bytes)

    def write(self, record: r.Record) -> None:
        if self._tape is not None:
            self._tape.write(record)

    def end(self) -> None:
        if self._tape is not None:
            self._tape.close()
            self._tape = None


class RecordedCore:
    """An `EngineCore` whose messages and steps are written down."""

    def __init__(self, core: EngineCore, tapes: _Tapes) -> None:
        self._core = core
        self._tapes = tapes

    @property
    def has_work(self) -> bool:
        return self._core.has_work

    @property
    def next_deadline_ns(self) -> int | None:
        return self._core.next_deadline_ns

    def handle(self, message: m.ToEngine) -> list[m.FromEngine]:
        if isinstance(message, m.Ping):  # asks about the process, and changes nothing
            return self._core.handle(message)
        if isinstance(message, m.OpenSession):
            self._tapes.begin(message.session)
        self._tapes.write(r.Handled(message))
        said = self._said(self._core.handle(message))
        if not self._core.session_count:
            self._tapes.end()
        return said

    def step(self) -> list[m.FromEngine]:
        self._tapes.write(r.Stepped())
        return self._said(self._core.step())

    def _said(self, messages: list[m.FromEngine]) -> list[m.FromEngine]:
        for message in messages:
            self._tapes.write(r.Said(message))
        return messages


class _Clock:
    """Reads the tape. While the engine loads there is no tape yet, and nobody looks at the time."""

    def __init__(self) -> None:
        self.walk: Walk | None = None

    def now_ns(self) -> int:
        return 0 if self.walk is None else self.walk.read(r.Now).ns


def play_engine(header: r.Header, records: Iterable[r.Record]) -> Walk:
    """Replay a whole engine tape. Raises `Difference`, and `TapeError` for a damaged tape or one of other weights."""
    try:
        config = replace(EngineConfig(**header.settings), record_dir=None)
    except TypeError as error:
        raise foreign(header) from error
    if header.models != model_hashes(config):
        raise TapeError(f"the tape was made with other weights than those of {config.model}; replay it with those")
    clock = _Clock()
    core, _ = load_engine(config, clock)
    walk = clock.walk = Walk(records)
    while (record := walk.next) is not None:
        match record:
            case r.Handled():
                said = core.handle(walk.read(r.Handled).message)
            case r.Stepped():
                walk.read(r.Stepped)
                said = core.step()
            case r.Ended():
                walk.read(r.Ended)
                break
            case _:
                raise walk.differ("nothing")
        for message in said:
            walk.meet(r.Said(message))
    return walk
