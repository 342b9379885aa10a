"""A server of a benchmark's own: started on a free port, watched through its own /healthz and /metrics, stopped."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_LIMIT_S = 120
STOP_LIMIT_S = 30
WATCH_EVERY_S = 1.0


@contextmanager
def server(threads: int | None = None, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server with the embedded model; yields its URL. `environment`: settings, as FORETHOUGHT_…"""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "realtime.cli", "serve", "--port", str(port), "--log-level", "warning"]
    if threads:
        command += ["--threads", str(threads)]
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    url = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + START_LIMIT_S
        while health(url) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def health(url: str) -> dict[str, Any] | None:
    """/healthz of a server that is ready, else None."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            body: dict[str, Any] = json.load(answer)
            return body
    except OSError:
        return None


def metrics(url: str) -> dict[str, float]:
    """Every sample of /metrics, by its name with labels."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}


def memory_mb(values: Mapping[str, float]) -> dict[str, float]:
    """Resident memory (RSS) of server and engine, from `metrics`. There is a third process only where espeak speaks.

    A page of a library that both have read is in either figure, so `both` is more than what they take together; by how
    much, see `counted_twice_mb`. The aim is held against `both`: PSS, which shares such a page out, depends on what
    else runs, and the client that measures has the same libraries.
    """
    server_mb = values["forethought_server_memory_bytes"] / 1e6
    engine_mb = values["forethought_engine_memory_bytes"] / 1e6
    return {"server": round(server_mb), "engine": round(engine_mb), "both": round(server_mb + engine_mb)}


def counted_twice_mb(url: str) -> float:
    """At most so much of `memory_mb`'s `both` is there twice: of each file, the less that either has. 0 off Linux."""
    body = health(url)
    if body is None or not sys.platform.startswith("linux"):
        return 0.0
    engine = body["engine"]["pid"]
    server_ = int(Path(f"/proc/{engine}/stat").read_text().rpartition(")")[2].split()[1])
    one, other = _file_kib(engine), _file_kib(server_)
    return round(sum(min(kib, other.get(file, 0)) for file, kib in one.items()) * 1024 / 1e6)


def _file_kib(pid: int) -> dict[str, int]:
    """KiB of each mapped file's own pages that are resident in a process."""
    found: dict[str, int] = {}
    file = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *values = line.split()
        if not name.endswith(":"):
            file = line[line.index("/") :] if "/" in line else ""
        elif file and name in ("Rss:", "Anonymous:"):
            found[file] = found.get(file, 0) + (1 if name == "Rss:" else -1) * int(values[0])
    return found


@dataclass(slots=True)
class Watched:
    """The most that was seen while something ran. The loop lag is the server's p99 of the last minute.

    memory_mb: see the function of that name; `twice` is added at the end.
    """

    memory_mb: dict[str, float] = field(default_factory=dict)
    loop_lag_p99_ms: float | None = None

    def see(self, values: Mapping[str, float]) -> None:
        for name, value in memory_mb(values).items():
            self.memory_mb[name] = max(self.memory_mb.get(name, 0.0), value)
        lag_ms = 1000 * values["forethought_loop_lag_p99_seconds"]
        self.loop_lag_p99_ms = round(max(self.loop_lag_p99_ms or 0.0, lag_ms), 3)


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Watched]:
    """Read /metrics once a second, beside the body."""
    seen = Watched()

    async def watch() -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            try:
                seen.see(await asyncio.to_thread(metrics, url))
            except OSError:
                continue  # a server that is too busy to answer within 5 s is seen in the figures themselves

    task = asyncio.create_task(watch(), name="watch")
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with suppress(OSError):  # an engine that is gone
            # Once, at the end: reading it holds both processes up.
            seen.memory_mb["twice"] = await asyncio.to_thread(counted_twice_mb, url)
