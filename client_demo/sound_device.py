"""The sound card through PortAudio: 20 ms blocks from a microphone, answers to a loudspeaker. Knows no wire.

PortAudio calls back on a thread of its own. Nothing but bounded queues crosses between that thread and the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
import soxr

from client_demo.errors import SoundDeviceFailure
from client_demo.source import frame_samples
from client_demo.speech_gate import Pcm, level_dbfs

# A wire that cannot keep up loses the oldest speech: words a second old would answer to a conversation that moved on.
CAPTURE_LIMIT_FRAMES = 50
# Answers of servers that send faster than they speak; what is beyond two minutes is dropped, newest first.
PLAY_LIMIT_S = 120
# What the card holds beyond our reach when an answer is cut short. Less than this and a busy machine clicks.
PLAY_LATENCY_S = 0.06


@dataclass(frozen=True, slots=True)
class SoundDevices:
    """What to record from and play to: PortAudio index or a part of a name; None is the system's default."""

    microphone: int | str | None = None
    loudspeaker: int | str | None = None


def portaudio() -> ModuleType:
    """The sounddevice module. Raises `SoundDeviceFailure` where PortAudio is missing."""
    try:
        import sounddevice  # noqa: PLC0415  importing it starts PortAudio, which only the microphone client wants
    except OSError as error:
        raise SoundDeviceFailure(
            "PortAudio is not installed. On Debian: apt-get install libportaudio2. Or use `forethought ask FILE.wav`."
        ) from error
    module: ModuleType = sounddevice
    return module


def device_list() -> str:
    """The sound devices as PortAudio counts them, one a line. Raises `SoundDeviceFailure` where there is none."""
    sounds = portaudio()
    listed = str(sounds.query_devices()).strip()
    if not listed or not len(sounds.query_devices()):
        raise SoundDeviceFailure(NO_CARD)
    return listed


NO_CARD = (
    "no sound card was found: there is nothing to record from or play to. On a server, use the page in a browser on "
    "your own computer, or `forethought ask FILE.wav`."
)


def check_devices(devices: SoundDevices) -> None:
    """Raise `SoundDeviceFailure` in plain words where either device is missing or unknown."""
    sounds = portaudio()
    if not len(sounds.query_devices()):
        raise SoundDeviceFailure(NO_CARD)
    for kind, device in (("input", devices.microphone), ("output", devices.loudspeaker)):
        try:
            sounds.query_devices(device, kind)
        except (ValueError, sounds.PortAudioError) as error:
            what = "microphone" if kind == "input" else "loudspeaker"
            which = f"no {what} called {device!r}" if device is not None else f"no {what}"
            raise SoundDeviceFailure(f"there is {which}. See `forethought mic --list-devices`.") from error


class Microphone:
    """An `AudioSource` of what a microphone hears. Bound: one second; the oldest frame goes first.

    `muted` sends silence instead (half-duplex: time goes on, the answer is not heard as a question). With
    `gate` set, frames come only while `open` is true (push-to-talk on a wire that need not be continuous).
    """

    def __init__(self, sample_rate_hz: int, *, gate: bool = False) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.card_rate_hz = sample_rate_hz
        self.muted = False
        self.open = True
        self.level_dbfs = -120.0
        self.dropped = 0
        self._gate = gate
        self._frames: asyncio.Queue[Pcm] = asyncio.Queue(CAPTURE_LIMIT_FRAMES)
        self._silence = np.zeros(frame_samples(sample_rate_hz), dtype=np.int16)
        self._rest = np.empty(0, dtype=np.int16)
        self._resampler: soxr.ResampleStream | None = None

    def records_at(self, card_rate_hz: int) -> None:
        """Say at which rate the card captures, where that is not the wire's."""
        self.card_rate_hz = card_rate_hz
        self._resampler = _resampler(card_rate_hz, self.sample_rate_hz)

    def captured(self, pcm: Pcm) -> None:
        """A block from the card, int16 [n]; on the event loop."""
        self.level_dbfs = level_dbfs(pcm)
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(pcm)
        self._rest = np.concatenate([self._rest, pcm])
        frame = self._silence.size
        while self._rest.size >= frame:
            if self._frames.full():
                self._frames.get_nowait()
                self.dropped += 1
            self._frames.put_nowait(self._rest[:frame])
            self._rest = self._rest[frame:]

    async def next_frame(self) -> Pcm:
        while True:
            pcm = await self._frames.get()
            if self.open and not self.muted:
                return pcm
            if self.muted or not self._gate:
                return self._silence


class Loudspeaker:
    """Queued answers for a card that pulls; shared with PortAudio's thread, hence the lock.

    Bound: `PLAY_LIMIT_S` of audio, newest dropped. `flush` silences it at once.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.card_rate_hz = sample_rate_hz
        self.dropped_samples = 0
        self._resampler: soxr.ResampleStream | None = None
        self._lock = threading.Lock()
        self._queue: deque[tuple[str | None, Pcm]] = deque()  # (item id, samples)
        self._queued = 0
        self._played: dict[str | None, int] = {}

    def plays_at(self, card_rate_hz: int) -> None:
        """Say at which rate the card plays, where that is not the wire's; before anything is queued."""
        self.card_rate_hz = card_rate_hz
        self._resampler = _resampler(self.sample_rate_hz, card_rate_hz)

    def play(self, item_id: str | None, pcm: Pcm) -> None:
        """Queue samples of the wire's rate, int16 [n]."""
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(pcm)
        with self._lock:
            if self._queued + pcm.size > PLAY_LIMIT_S * self.card_rate_hz:
                self.dropped_samples += pcm.size
                return
            self._queue.append((item_id, pcm))
            self._queued += pcm.size

    def pull(self, samples: int) -> Pcm:
        """The next `samples` to sound, int16; silence where there is nothing. Called on PortAudio's thread."""
        block = np.zeros(samples, dtype=np.int16)
        filled = 0
        with self._lock:
            while self._queue and filled < samples:
                item_id, pcm = self._queue.popleft()
                part = pcm[: samples - filled]
                block[filled : filled + part.size] = part
                filled += part.size
                self._played[item_id] = self._played.get(item_id, 0) + part.size
                if part.size < pcm.size:
                    self._queue.appendleft((item_id, pcm[part.size :]))
            self._queued -= filled
        return block

    def flush(self) -> int:
        """Drop what has not sounded yet; returns how many samples that were."""
        with self._lock:
            dropped, self._queued = self._queued, 0
            self._queue.clear()
        return dropped

    def played_ms(self, item_id: str | None) -> int:
        """How much of an item has been handed to the card; the older items are forgotten."""
        with self._lock:
            samples = self._played.get(item_id, 0)
            self._played = {item_id: samples} if samples else {}
        return samples * 1000 // self.card_rate_hz

    @property
    def queued_ms(self) -> float:
        with self._lock:
            return self._queued * 1000 / self.card_rate_hz


def _resampler(from_hz: int, to_hz: int) -> soxr.ResampleStream | None:
    return None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16")


def card_rate_hz(kind: Literal["input", "output"], device: int | str | None, wire_rate_hz: int) -> int:
    """The wire's rate where the card can, else one that cards have. Raises `SoundDeviceFailure`."""
    sounds = portaudio()
    check = sounds.check_input_settings if kind == "input" else sounds.check_output_settings
    failure: Exception | None = None
    for rate in (wire_rate_hz, 48_000, 44_100):
        try:
            check(device=device, channels=1, dtype="int16", samplerate=rate)
        except (sounds.PortAudioError, ValueError) as error:
            failure = error
        else:
            return rate
    raise SoundDeviceFailure(f"the {kind} device takes none of the usual sample rates: {failure}") from failure


@contextmanager
def sounding(microphone: Microphone, loudspeaker: Loudspeaker, devices: SoundDevices) -> Iterator[None]:
    """Run the card beside the body. Raises `SoundDeviceFailure` where it cannot be opened."""
    sounds = portaudio()
    loop = asyncio.get_running_loop()
    microphone.records_at(card_rate_hz("input", devices.microphone, microphone.sample_rate_hz))
    loudspeaker.plays_at(card_rate_hz("output", devices.loudspeaker, loudspeaker.sample_rate_hz))

    def heard(block: Any, frames: int, _time: Any, _status: Any) -> None:
        pcm = np.frombuffer(bytes(block), dtype=np.int16)
        loop.call_soon_threadsafe(microphone.captured, pcm)

    def wanted(block: Any, frames: int, _time: Any, _status: Any) -> None:
        block[:] = loudspeaker.pull(frames).tobytes()

    try:
        recording = sounds.RawInputStream(
            samplerate=microphone.card_rate_hz,
            blocksize=frame_samples(microphone.card_rate_hz),
            device=devices.microphone,
            channels=1,
            dtype="int16",
            latency="low",
            callback=heard,
        )
        playing = sounds.RawOutputStream(
            samplerate=loudspeaker.card_rate_hz,
            blocksize=frame_samples(loudspeaker.card_rate_hz),
            device=devices.loudspeaker,
            channels=1,
            dtype="int16",
            latency=PLAY_LATENCY_S,
            callback=wanted,
        )
        with recording, playing:
            yield
    except sounds.PortAudioError as error:
        raise SoundDeviceFailure(
            f"the sound card cannot be used: {error.args[0]}. Is another program using it?"
        ) from error
