"""espeak-ng, run as a program of its own: text on its standard input, WAV on its standard output, no shell.

The fallback voice: it is on every Debian, starts in milliseconds and cannot run out of memory with us. It is a
separate program under its own licence (GPL-3.0-or-later); nothing of it is linked or shipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil

from tts_bridge.errors import (
    BadSpeech,
    EmptySpeech,
    VoiceMisconfigured,
    VoiceOverloaded,
    VoiceTimeout,
    VoiceUnavailable,
)
from tts_bridge.voice import MAX_CLAUSE_S, Pcm, clamp_speed, speech
from tts_bridge.wav import read_wav

DEFAULT_SPEAKER = "en-us"
SAMPLE_RATE_HZ = 22_050
WORDS_PER_MINUTE = 165
# espeak-ng accepts 80 to 450 words per minute.
_MIN_WPM, _MAX_WPM = 80, 450
MAX_RUNNING = 4
MAX_WAITING = 32
_MAX_BYTES = MAX_CLAUSE_S * SAMPLE_RATE_HZ * 2
_READ_BYTES = 64 * 1024


class EspeakVoice:
    """espeak-ng behind the `Voice` protocol: one short-lived process for each clause, at most four at a time."""

    def __init__(self, speaker: str = "", *, program: str = "espeak-ng", timeout_s: float = 2.0) -> None:
        self.name = "espeak"
        self.sample_rate_hz = SAMPLE_RATE_HZ
        self._speaker = speaker or DEFAULT_SPEAKER
        if self._speaker.startswith("-"):
            raise VoiceMisconfigured("an espeak-ng speaker is a name such as 'en-us'", voice=self.name)
        self._program = program
        self._timeout_s = timeout_s
        self._running = asyncio.Semaphore(MAX_RUNNING)
        self._waiting = 0

    def is_installed(self) -> bool:
        return shutil.which(self._program) is not None

    async def warm_up(self) -> None:
        await self.synthesise("Ready.")

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm:
        if self._waiting >= MAX_WAITING:
            raise VoiceOverloaded(f"{MAX_WAITING} clauses are waiting for espeak-ng already", voice=self.name)
        wpm = min(_MAX_WPM, max(_MIN_WPM, round(WORDS_PER_MINUTE * clamp_speed(speed))))
        self._waiting += 1
        try:
            async with asyncio.timeout(self._timeout_s), self._running:
                blob = await self._run(text, wpm)
        except TimeoutError:
            raise VoiceTimeout(f"espeak-ng did not finish within {self._timeout_s:g} s", voice=self.name) from None
        finally:
            self._waiting -= 1
        if not blob:
            raise EmptySpeech("espeak-ng had nothing to say", voice=self.name)
        try:
            samples, rate_hz = read_wav(blob)
        except ValueError as error:
            raise BadSpeech(f"espeak-ng: {error}", voice=self.name) from error
        return speech(samples, rate_hz, self.name)

    async def close(self) -> None:
        """Nothing to give back: no process outlives its clause."""

    async def _run(self, text: str, wpm: int) -> bytes:
        arguments = ["--stdin", "--stdout", "-b", "1", "-v", self._speaker, "-s", str(wpm)]
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            message = f"{self._program} could not be started: is the package espeak-ng installed?"
            raise VoiceUnavailable(message, voice=self.name) from error
        try:
            blob = await self._exchange(process, text)
            status = await process.wait()
        finally:
            # Also on timeout and cancellation: no process is left behind.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if status:
            raise VoiceUnavailable(f"espeak-ng ended with status {status}", voice=self.name)
        return blob

    async def _exchange(self, process: asyncio.subprocess.Process, text: str) -> bytes:
        assert process.stdin is not None and process.stdout is not None
        # A clause is far smaller than a pipe's buffer, so writing all of it before reading cannot deadlock. A line
        # break would be a pause, a NUL the end.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(" ".join(text.replace("\0", " ").split()).encode("utf-8", "replace"))
            await process.stdin.drain()
        process.stdin.close()
        blob = bytearray()
        while piece := await process.stdout.read(_READ_BYTES):
            blob += piece
            if len(blob) > _MAX_BYTES:
                raise BadSpeech(f"espeak-ng returned more than {MAX_CLAUSE_S} s of audio", voice=self.name)
        return bytes(blob)
