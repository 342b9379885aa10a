"""`forethought mic`: talk to the server from a terminal and hear its answers.

Joins a wire, a sound card, a keyboard and a view; what each of them does is in its own module. Echo: a loudspeaker's
answer reaches the microphone and would interrupt itself, so the microphone is muted while an answer sounds, unless
`--headphones` says that it cannot. Then the user can interrupt by speaking; without, by Enter.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from client_demo.ask import DEFAULT_URL
from client_demo.errors import ExitCode, ServerRefused, UsageFailure
from client_demo.keyboard import keys
from client_demo.live_view import LiveView
from client_demo.sound_device import Loudspeaker, Microphone, SoundDevices, check_devices, device_list, sounding
from client_demo.source import NS_PER_MS
from client_demo.speech_gate import has_speech
from client_demo.wire import WIRE_RATE_HZ, AudioPacket, ServerAddress, TransportName, Wire, WireEvent, open_wire

TICK_S = 0.05
# How long a room still sounds after the loudspeaker's last sample has been handed to the card.
ECHO_TAIL_MS = 300
# A stream that never ends (WebRTC) may be played this late before silence is left out to catch up.
STREAM_SLACK_MS = 240
# A live microphone never gives digital silence for so long.
DEAD_MICROPHONE_S = 4.0
DEAD_DBFS = -90.0


@dataclass(frozen=True, slots=True)
class MicrophoneOptions:
    """What `mic` is told. `device` is used for both directions unless `loudspeaker` is given."""

    url: str = DEFAULT_URL
    transport: TransportName = "websocket"
    device: str | None = None
    loudspeaker: str | None = None
    push_to_talk: bool = False
    half_duplex: bool = False
    headphones: bool = False
    list_devices: bool = False
    key: str | None = None


class Talk:
    """One conversation by microphone; owns the decisions, not the devices."""

    def __init__(self, options: MicrophoneOptions, console: Console, wire: Wire, mic: Microphone, loud: Loudspeaker):
        self.stop = asyncio.Event()
        self._options = options
        self._console = console
        self._wire = wire
        self._mic = mic
        self._loud = loud
        self._view = LiveView(console)
        self._keys: asyncio.Queue[str] = asyncio.Queue(maxsize=16)  # a held key repeats; the newest are dropped
        self._agreed = False
        self._response: str | None = None
        self._item: str | None = None
        self._cut: str | None = None  # the response whose late audio is to be dropped
        self._sounds_until_ns = 0
        self._heard_anything_ns = time.monotonic_ns()
        self._warned = False

    def pressed(self, key: str) -> None:
        if not self._keys.full():
            self._keys.put_nowait(key)

    async def run(self) -> None:
        """Talk until `stop` is set or the wire ends (which raises)."""
        session: dict[str, Any] = {"type": "realtime", "forethought": {"events": True}}
        if self._options.push_to_talk:
            session["audio"] = {"input": {"turn_detection": None}}
        await self._wire.send({"type": "session.update", "session": session})
        try:
            while not self.stop.is_set():
                happening = await self._wire.inbox.get(TICK_S)
                if isinstance(happening, AudioPacket):
                    self._audio(happening)
                elif isinstance(happening, WireEvent):
                    await self._event(happening)
                while not self._keys.empty():
                    await self._key(self._keys.get_nowait())
                self._mic.muted = self._muted(time.monotonic_ns())
                self._warn_if_dead(time.monotonic_ns())
        finally:
            self._view.close()

    def _muted(self, now_ns: int) -> bool:
        """Half-duplex: not a word goes out while an answer sounds or the room still rings with it."""
        if self._options.headphones or self._options.push_to_talk:
            return False
        return now_ns < self._sounds_until_ns

    def _audio(self, packet: AudioPacket) -> None:
        if packet.response_id is not None and packet.response_id == self._cut:
            return
        loud = has_speech(packet.pcm, packet.sample_rate_hz)
        if packet.response_id is None and not loud and self._loud.queued_ms > STREAM_SLACK_MS:
            return
        self._item = packet.item_id or self._item
        self._loud.play(packet.item_id, packet.pcm)
        if loud:
            until_ms = self._loud.queued_ms + ECHO_TAIL_MS
            self._sounds_until_ns = packet.arrival_ns + round(until_ms * NS_PER_MS)

    async def _event(self, event: WireEvent) -> None:
        payload, kind = event.payload, event.type
        if kind == "session.updated" and not self._agreed:
            self._agreed = True
            self._greet(payload.get("session"))
        elif kind == "error" and not self._agreed:
            error = payload.get("error")
            reason = error.get("message") if isinstance(error, Mapping) else "no reason given"
            raise ServerRefused(f"the server refused the session: {reason}")
        elif kind == "response.created":
            response = payload.get("response")
            self._response = str(response.get("id")) if isinstance(response, Mapping) else None
        elif kind == "input_audio_buffer.speech_started":
            await self._silence(cancel=False)
        self._view.event(payload)

    async def _silence(self, *, cancel: bool) -> None:
        """Stop the answer: the server stops by itself when it hears speech, and is told (`cancel`) when it is a key."""
        if time.monotonic_ns() >= self._sounds_until_ns:
            return
        played_ms = self._loud.played_ms(self._item)
        self._loud.flush()
        self._sounds_until_ns = 0
        if cancel:
            await self._wire.send({"type": "response.cancel"})
        if self._wire.transport == "webrtc":
            # Over WebRTC the server does the playout and knows itself what was heard.
            if cancel:
                await self._wire.send({"type": "output_audio_buffer.clear"})
            return
        self._cut = self._response
        if self._item is not None:
            truncate = {"type": "conversation.item.truncate", "item_id": self._item, "content_index": 0}
            await self._wire.send(truncate | {"audio_end_ms": played_ms})

    async def _key(self, key: str) -> None:
        if key in ("q", "\x04"):
            self.stop.set()
        elif key in ("\n", "\r", " "):
            await self._silence(cancel=True)
            if self._options.push_to_talk:
                await self._toggle()

    async def _toggle(self) -> None:
        """Push to talk: a terminal sees no key go up, so one press begins and the next ends."""
        if not self._mic.open:
            await self._wire.send({"type": "input_audio_buffer.clear"})
            self._mic.open = True
            self._console.print("[dim]talking … press again to end[/]")
            return
        self._mic.open = False
        await self._wire.send({"type": "input_audio_buffer.commit"})
        await self._wire.send({"type": "response.create"})

    def _greet(self, session: object) -> None:
        extra = session.get("forethought") if isinstance(session, Mapping) else None
        warning = extra.get("human_speech") if isinstance(extra, Mapping) else None
        if warning:
            self._console.print(f"[yellow]{warning}[/]", soft_wrap=True)
        if self._options.push_to_talk:
            how = "Press Enter or space to talk, and again to end."
        elif self._options.headphones:
            how = "Talk. Speak over an answer to interrupt it."
        else:
            how = (
                "Talk. The microphone is muted while an answer sounds; Enter interrupts it (--headphones: by speaking)."
            )
        self._console.print(f"[bold]Ready.[/] {how} [dim]q or Ctrl-C ends.[/]", soft_wrap=True)

    def _warn_if_dead(self, now_ns: int) -> None:
        if self._mic.level_dbfs > DEAD_DBFS or not self._agreed:
            self._heard_anything_ns = now_ns
        elif not self._warned and now_ns - self._heard_anything_ns > DEAD_MICROPHONE_S * 1e9:
            self._warned = True
            self._console.print("[yellow]The microphone gives nothing but digital silence. Is it muted?[/]")


async def microphone(options: MicrophoneOptions, console: Console | None = None) -> int:
    """Talk until the user ends it; returns the exit code. Raises `ClientFailure`s where there is no sound card, no
    server, or the connection ends."""
    console = console or Console()
    if options.list_devices:
        console.print(device_list(), markup=False, highlight=False)
        return ExitCode.OK
    if options.headphones and options.half_duplex:
        raise UsageFailure("--headphones and --half-duplex contradict each other: give one")
    address = ServerAddress.parse(options.url)
    devices = SoundDevices(device_name(options.device), device_name(options.loudspeaker or options.device))
    check_devices(devices)
    rate = WIRE_RATE_HZ[options.transport]
    # A WebSocket may pause between presses; RTP must go on, so there silence is sent.
    mic = Microphone(rate, gate=options.push_to_talk and options.transport == "websocket")
    mic.open = not options.push_to_talk
    loud = Loudspeaker(rate)
    with sounding(mic, loud, devices):
        async with open_wire(options.transport, address, mic, key=options.key) as wire:
            talk = Talk(options, console, wire, mic, loud)
            with keys(talk.pressed), _ending(talk.stop):
                await talk.run()
    return ExitCode.OK


def device_name(option: str | None) -> int | str | None:
    """PortAudio's index where the option is a number, else a part of a name."""
    return int(option) if option is not None and option.isdigit() else option


@contextmanager
def _ending(stop: asyncio.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the conversation cleanly instead of tearing it."""
    loop = asyncio.get_running_loop()
    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
