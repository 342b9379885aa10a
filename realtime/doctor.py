"""`forethought doctor`: looks at the machine and says in plain words what works, what does not, and what to do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from realtime.errors import ForethoughtError
from realtime.settings import REPOSITORY, Settings

GIB = 1024**3
# Server and engine together while talking, with room for the page cache of the weights.
COMFORTABLE_MEMORY_GIB = 3


class Verdict(Enum):
    OK = "ok"
    NOTE = "note"  # works, with less
    BAD = "bad"  # will not work


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    about: str
    verdict: Verdict
    words: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, in the order in which a new user would trip over them."""
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _python,
        _machine,
        _model,
        _detectors,
        _voice,
        _port,
        _microphone,
        _gpu,
        _browser,
    )
    for check in checks:
        yield check(settings)


def _python(settings: Settings) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", Verdict.OK, version)
    return Finding("Python", Verdict.BAD, f"{version}: Forethought needs 3.11, 3.12 or 3.13")


def _machine(settings: Settings) -> Finding:
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    words = f"{cores} cores, {memory:.1f} GiB of memory"
    if cores < 2:
        return Finding("machine", Verdict.NOTE, f"{words}: one core will stutter; two are enough")
    if memory < COMFORTABLE_MEMORY_GIB:
        return Finding("machine", Verdict.NOTE, f"{words}: less than {COMFORTABLE_MEMORY_GIB} GiB is tight")
    return Finding("machine", Verdict.OK, words)


def _model(settings: Settings) -> Finding:
    from streaming_encoder.checkpoint import TensorParts  # noqa: PLC0415 - brings torch, which only this check needs
    from streaming_encoder.errors import StreamingEncoderError  # noqa: PLC0415

    directory = settings.engine.model.expanduser()
    try:
        names = TensorParts(directory).names()
    except (StreamingEncoderError, ForethoughtError, OSError) as error:
        return Finding("model", Verdict.BAD, str(error))
    return Finding("model", Verdict.OK, f"{directory}: {len(names)} tensors, every part as its sha256 says")


def _detectors(settings: Settings) -> Finding:
    from realtime.turns.detectors import EndpointDetector, VoiceDetector  # noqa: PLC0415

    try:
        VoiceDetector.load(REPOSITORY / "models" / "vad")
        EndpointDetector.load(REPOSITORY / "models" / "endpoint")
    except ForethoughtError as error:
        return Finding("turn-taking", Verdict.BAD, error.message)
    return Finding("turn-taking", Verdict.OK, "Silero VAD and Smart Turn load")


def _voice(settings: Settings) -> Finding:
    voice = settings.speech.voice
    if voice == "hibari" and importlib.util.find_spec("hibari") is None:
        return Finding("voice", Verdict.BAD, "hibari-tts is not installed: run the set-up again")
    if voice == "openai" and not settings.speech.openai_url:
        return Finding("voice", Verdict.BAD, "speech.openai_url is not set")
    if shutil.which("espeak-ng") is None:
        return Finding("voice", Verdict.NOTE, f"{voice} is there; espeak-ng, its fallback, is not installed")
    return Finding("voice", Verdict.OK, f"{voice}, with espeak-ng to step in")


def _port(settings: Settings) -> Finding:
    host, port = settings.server.host, settings.server.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return Finding(
                "port", Verdict.BAD, f"{host}:{port} cannot be used ({error.strerror}); choose another with --port"
            )
    return Finding("port", Verdict.OK, f"{host}:{port} is free")


def _microphone(settings: Settings) -> Finding:
    try:
        import sounddevice  # noqa: PLC0415 - fails at import where PortAudio is missing
    except OSError:
        return Finding(
            "sound card",
            Verdict.NOTE,
            "PortAudio (libportaudio2) is missing: `forethought mic` will not work, the browser will",
        )
    kinds = [device["max_input_channels"] > 0 for device in sounddevice.query_devices()]
    if not any(kinds):
        return Finding(
            "sound card",
            Verdict.NOTE,
            "no microphone here: `forethought mic` will not work; the browser uses its own machine's",
        )
    return Finding("sound card", Verdict.OK, f"{sum(kinds)} input device(s)")


def _gpu(settings: Settings) -> Finding:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Finding("GPU", Verdict.NOTE, "none found; the embedded model does not need one")
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    names = [line for line in listed.stdout.splitlines() if line.startswith("GPU")]
    return Finding("GPU", Verdict.OK if names else Verdict.NOTE, "; ".join(names) or "nvidia-smi lists none")


def _browser(settings: Settings) -> Finding:
    found = next((name for name in ("chromium", "google-chrome", "firefox") if shutil.which(name)), None)
    page = REPOSITORY / "client_demo" / "page" / "index.html"
    if not Path(page).is_file():
        return Finding("page", Verdict.BAD, f"{page} is missing")
    return Finding("page", Verdict.OK, f"there; {found or 'no browser'} on this machine (any browser of yours will do)")
