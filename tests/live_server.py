"""The real server as a process, for tests that speak to it over sockets: how to start, ask and end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED = ROOT / "models" / "embedded"
SAMPLES = EMBEDDED / "samples"
FORETHOUGHT = Path(sys.executable).parent / "forethought"

# Loading the model takes the engine some seconds, on a busy machine many; a hung start must still end the test.
START_LIMIT_S = 90.0
STOP_LIMIT_S = 20.0
POLL_S = 0.1


def expected(sample: str) -> dict[str, Any]:
    """The entry of `models/embedded/samples/expected.json` for one file name."""
    entries: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
    return next(entry for entry in entries if entry["file"] == sample)


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def process_lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def wait_until(condition: Callable[[], bool], limit_s: float, what: str) -> float:
    """Poll until the condition holds; the seconds it took. Fails with `what` otherwise."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < limit_s, f"not within {limit_s:g} s: {what}"
        time.sleep(POLL_S)
    return time.monotonic() - begin


@dataclass
class LiveServer:
    """A running `forethought serve`."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def realtime(self) -> str:
        """The base URL for clients of the OpenAI SDK."""
        return f"{self.url}/v1"

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def health(self) -> dict[str, Any]:
        """The body of /healthz; empty when nobody answers."""
        body = self.get("/healthz")[1]
        health: dict[str, Any] = json.loads(body) if body else {}
        return health

    def gauge(self, name: str) -> float:
        """The sum over all labels of one metric of /metrics."""
        lines = self.get("/metrics")[1].splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name]
        assert values, f"/metrics has no {name}"
        return sum(values)

    @property
    def engine_pid(self) -> int | None:
        pid = self.health().get("engine", {}).get("pid")
        return pid if isinstance(pid, int) else None

    def wait_until_idle(self, limit_s: float = 20.0) -> None:
        """Until no session is open."""
        wait_until(lambda: self.gauge("forethought_sessions") == 0, limit_s, "no session is open")

    def wait_until_well(self, limit_s: float = START_LIMIT_S) -> float:
        """Until /healthz says ok; the seconds it took."""

        def is_well() -> bool:
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.tail()}"
            return self.get("/healthz")[0] == 200

        return wait_until(is_well, limit_s, "/healthz says ok")

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        """The log's entries of one event name."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [entry for entry in entries if entry.get("event") == event]

    def tail(self) -> str:
        return self.log.read_text()[-3000:]

    def stop(self) -> None:
        """End it, the gentle way first; the engine must not survive."""
        engine = None
        if self.process.poll() is None:
            engine = self.engine_pid
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if engine is not None and process_lives(engine):
            with contextlib.suppress(ProcessLookupError):
                os.kill(engine, signal.SIGCONT)
                wait_until(lambda: not process_lives(engine), STOP_LIMIT_S, "the engine has ended with its server")


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without the operator's own settings, and with these."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FORETHOUGHT_")}
    return {**clean, **{f"FORETHOUGHT_{name}": value for name, value in (settings or {}).items()}}


def start(log: Path, *arguments: str, settings: Mapping[str, str] | None = None, port: int | None = None) -> LiveServer:
    """`forethought serve` on a free port, not yet answering; its log goes to `log` as JSON."""
    port = port or free_port()
    command = [str(FORETHOUGHT), "serve", "--port", str(port), "--log-format", "json", *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=log.parent, stdout=out, stderr=subprocess.STDOUT,
                                   env=environment(settings))  # fmt: skip
    return LiveServer(port, process, log)


@contextlib.contextmanager
def live_server(log: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[LiveServer]:
    """A server that answers /healthz with ok, ended afterwards."""
    server = start(log, *arguments, settings=settings)
    try:
        server.wait_until_well()
        yield server
    finally:
        server.stop()
