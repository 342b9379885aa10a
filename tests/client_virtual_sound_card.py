"""A sound card made of PulseAudio null sinks, for tests of the terminal microphone.

Two cables: what is played into `mouth` is what the microphone hears; what the client plays into `loudspeaker` can be
recorded. PortAudio reaches them through ALSA's `pulse` plug-in (Debian: pulseaudio, libasound2-plugins).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

RATE_HZ = 24_000


def missing() -> str | None:
    """Why there can be no virtual sound card here, or None."""
    tools = [name for name in ("pulseaudio", "pactl", "paplay", "parec") if shutil.which(name) is None]
    return f"{', '.join(tools)} not installed (apt-get install pulseaudio pulseaudio-utils)" if tools else None


@dataclass
class VirtualSoundCard:
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str) -> str:
        return subprocess.run(command, env=self.env, check=True, capture_output=True, text=True, timeout=20).stdout

    def speak(self, wav: Path) -> subprocess.Popen[bytes]:
        """Play a file into the microphone's cable; returns at once."""
        return subprocess.Popen(["paplay", "--device=mouth", str(wav)], env=self.env)

    def leak(self) -> None:
        """An acoustic echo: the loudspeaker is heard by the microphone."""
        self.run(
            "pactl", "load-module", "module-loopback", "source=loudspeaker.monitor", "sink=mouth", "latency_msec=30"
        )

    @contextmanager
    def recording(self) -> Iterator[Path]:
        """Record the loudspeaker's cable to raw int16 at `RATE_HZ` while the body runs."""
        path = self.folder / "loudspeaker.raw"
        command = [
            "parec",
            "--device=loudspeaker.monitor",
            "--format=s16le",
            f"--rate={RATE_HZ}",
            "--channels=1",
            "--latency-msec=20",
        ]
        with path.open("wb") as out:
            process = subprocess.Popen(command, env=self.env, stdout=out)
            try:
                yield path
            finally:
                process.terminate()
                process.wait(5)


def recorded(path: Path) -> np.ndarray:
    data = path.read_bytes()
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2")


def loud_seconds(pcm: np.ndarray) -> float:
    """Seconds of the recording that are louder than -45 dBFS, by 20 ms frames."""
    frame = RATE_HZ // 50
    frames = pcm[: pcm.size // frame * frame].reshape(-1, frame).astype(float)
    return float(np.sum(np.sqrt(np.mean(frames**2, axis=1)) > 10 ** (-45 / 20) * 32768) * 0.02)


@contextmanager
def virtual_sound_card(folder: Path) -> Iterator[VirtualSoundCard]:
    """Run a private PulseAudio (as any user, root too) and end it with the body."""
    run = folder / "pulse"
    run.mkdir(mode=0o700)
    socket = run / "native"
    env = {key: value for key, value in os.environ.items() if not key.startswith("PULSE_")}
    env |= {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_RUNTIME_PATH": str(run),
        "PULSE_SERVER": f"unix:{socket}",
    }
    modules = [
        f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        "module-null-sink sink_name=mouth rate=48000 channels=1",
        "module-null-sink sink_name=loudspeaker rate=48000 channels=1",
    ]
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--log-target=stderr"]
    command += [argument for module in modules for argument in ("-L", module)]
    with (folder / "pulseaudio.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stderr=log)
        card = VirtualSoundCard(folder, env)
        try:
            deadline = time.monotonic() + 10
            while not socket.exists():
                assert process.poll() is None and time.monotonic() < deadline, (folder / "pulseaudio.log").read_text()
                time.sleep(0.05)
            card.run("pactl", "set-default-sink", "loudspeaker")
            card.run("pactl", "set-default-source", "mouth.monitor")
            yield card
        finally:
            process.terminate()
            process.wait(10)
