"""What the browser tests stand on: the real server as a process, a real Chromium, and a microphone made of WAV files.

Chromium plays the WAV from the moment a page opens the microphone, once, and silence after it. Nothing here knows
what a test expects. Tests are skipped, with the reason, where no Chromium is installed.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "models" / "embedded" / "samples"
PAGE_FOLDER = ROOT / "client_demo" / "page"
SAMPLE_RATE_HZ = 16_000
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# Loading the model takes the engine some seconds on a busy machine; a hung start must still end the test.
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0

QUIET_CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
)
POLL_MS = 50
# What a failed wait tells of the page: its last events, and its states with their times, noted in the page itself.
EVENTS_TOLD = 20
NOTE_STATES = """
window.statesSeen = [];
setInterval(() => {
  const state = window.forethought?.state, last = window.statesSeen.at(-1);
  if (state !== undefined && last?.[1] !== state) window.statesSeen.push([Math.round(performance.now()), state]);
}, 50);
"""
# The page names these failures itself; the browser's own line about them is no defect.
EXPECTED_CONSOLE = ("Failed to load resource",)


def expected(sample: str) -> dict[str, Any]:
    """The entry of `models/embedded/samples/expected.json` for one file name."""
    entries: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
    return next(entry for entry in entries if entry["file"] == sample)


def write_microphone(path: Path, parts: Sequence[str | float]) -> Path:
    """A WAV from sample file names and pauses in seconds, in that order, 16 kHz mono s16le."""
    pcm: list[np.ndarray[Any, Any]] = []
    for part in parts:
        if isinstance(part, str):
            with wave.open(str(SAMPLES / part)) as sample:
                assert sample.getframerate() == SAMPLE_RATE_HZ and sample.getnchannels() == 1, part
                pcm.append(np.frombuffer(sample.readframes(sample.getnframes()), dtype=np.int16))
        else:
            pcm.append(np.zeros(round(part * SAMPLE_RATE_HZ), dtype=np.int16))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(np.concatenate(pcm).tobytes())
    return path


@dataclass
class RunningServer:
    """A server that answers `/healthz`."""

    url: str
    process: subprocess.Popen[bytes] | None = None

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def gauge(self, name: str) -> float:
        """The sum over all labels of one gauge of `/metrics`."""
        lines = self.get("/metrics")[1].splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name]
        assert values, f"/metrics has no {name}"
        return sum(values)

    def wait_until_idle(self, limit_s: float) -> None:
        """Until no session is left; fails the test with the last count otherwise."""
        deadline = time.monotonic() + limit_s
        while (sessions := self.gauge("forethought_sessions")) > 0:
            assert time.monotonic() < deadline, f"{sessions:g} sessions are left after {limit_s:g} s"
            time.sleep(0.2)


@contextlib.contextmanager
def forethought_server(log: Path) -> Iterator[RunningServer]:
    """`forethought serve` on a free port with its default settings; its output goes to `log`."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "forethought"), "serve", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            server = RunningServer(f"http://localhost:{port}", process)
            deadline = time.monotonic() + START_LIMIT_S
            while server.get("/healthz")[0] != 200:
                assert process.poll() is None, f"the server ended with {process.returncode}:\n{log.read_text()[-3000:]}"
                assert time.monotonic() < deadline, f"no /healthz in {START_LIMIT_S:g} s:\n{log.read_text()[-3000:]}"
                time.sleep(0.2)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class _PageOnly(http.server.BaseHTTPRequestHandler):
    """`/` and `/page/*` as the server maps them; every call is refused, as a full server does."""

    def do_GET(self) -> None:
        name = "index.html" if self.path == "/" else self.path.removeprefix("/page/")
        file = PAGE_FOLDER / name
        if "/" in name or not file.is_file():
            self._reply(404, "text/plain", b"")
        else:
            self._reply(200, MEDIA_TYPES[file.suffix], file.read_bytes())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._reply(503, "application/json", b'{"error": {"message": "4 of 4 sessions are taken."}}')

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the tests' own output is enough."""


@contextlib.contextmanager
def page_server() -> Iterator[RunningServer]:
    """The page's files alone, without an agent behind them: for what the page does by itself."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _PageOnly) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield RunningServer(f"http://localhost:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Visit:
    """One open page, and what its console said that nobody expected."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        return str(self.page.evaluate("forethought.state"))

    @property
    def turns(self) -> list[dict[str, Any]]:
        turns: list[dict[str, Any]] = self.page.evaluate("forethought.turns")
        return turns

    def wait_for_state(self, state: str, limit_s: float) -> None:
        self.wait_for(f"forethought.state === {json.dumps(state)}", limit_s)

    def wait_for_turn(self, number: int, status: str, limit_s: float) -> dict[str, Any]:
        """The turn of this number (from 1), once it has this status and is quiet."""
        self.wait_for(
            f"forethought.turns.some((turn) => turn.number === {number}"
            f" && turn.status === {json.dumps(status)} && turn.end_ms !== null)",
            limit_s,
        )
        return self.turns[number - 1]

    def wait_for(self, expression: str, limit_s: float) -> None:
        """Until the expression is true. Asked from outside: the page's own policy forbids it to evaluate text."""
        asked = time.monotonic()
        deadline, longest_s = asked + limit_s, 0.0
        while not self.page.evaluate(expression):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {limit_s:g} s: {expression}\n{self._account(longest_s)}")
            self.page.wait_for_timeout(POLL_MS)
            last, asked = asked, time.monotonic()
            longest_s = max(longest_s, asked - last)

    def _account(self, longest_s: float) -> str:
        """What page, server and test saw, for whoever has to find out why. longest_s: between two questions."""
        events = [
            f"{event['atMs']:.0f} {event['event']['type']} {event['event'].get('state', '')}"
            for event in self.page.evaluate("window.forethought?.events ?? []")[-EVENTS_TOLD:]
        ]
        server = RunningServer(self.url)
        lines = {
            "states": self.page.evaluate("window.statesSeen"),
            "notices": self.page.locator(".notice").all_inner_texts(),
            "complaints": self.complaints,
            "events": events,
            "server": f"/healthz {server.get('/healthz')}",
            "longest time between two questions": f"{longest_s:.1f} s, of {POLL_MS} ms",
            "turns": self.page.evaluate("window.forethought?.turns ?? []"),
        }
        return "\n".join(f"{name}: {value}" for name, value in lines.items())


@dataclass
class Chromium:
    """A running Chromium with one microphone for all its pages."""

    browser: Browser

    def visit(self, url: str) -> Visit:
        """A page in a context of its own, with nothing stored."""
        page = self.browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(NOTE_STATES)
        visit = Visit(page, url)
        page.on("console", lambda message: _note_complaint(visit, message))
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.goto(f"{url}/")
        visit.wait_for("window.forethought !== undefined", 10)
        return visit


def _note_complaint(visit: Visit, message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"} and not message.text.startswith(EXPECTED_CONSOLE):
        visit.complaints.append(f"{message.type}: {message.text}")


@contextlib.contextmanager
def chromium(microphone: Path | None) -> Iterator[Chromium]:
    """A headless Chromium that hears `microphone` once; None: a microphone is there, but its use is denied."""
    arguments = [*QUIET_CHROMIUM]
    if microphone is not None:
        arguments += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=arguments,
            # Muted output would also silence what the page's own meters measure.
            ignore_default_args=["--mute-audio"],
        )
        try:
            yield Chromium(browser)
        finally:
            browser.close()


def chromium_path() -> str:
    """An installed Chromium (`FORETHOUGHT_CHROMIUM` overrides); the test is skipped where there is none."""
    found = os.environ.get("FORETHOUGHT_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip("no Chromium installed (apt install chromium)")
    return found


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
