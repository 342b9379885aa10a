"""The output side of one attempt at an answer: text deltas in, spoken clauses on the playout.

It knows a voice, a segmenter and a playout; not turns, the engine or the wire. One task per attempt, cancelled when
the attempt is revoked or the user barges in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import numpy as np
import structlog

from realtime.errors import VoiceError
from tts_bridge import Clause, Pcm, Playout, PlayoutFull, Segmenter, VoiceFailure, ready_for_playout

log = structlog.get_logger("speaking")

# Clauses that may wait for the voice; one is some 2 s of speech, so this is minutes.
MAX_WAITING_CLAUSES = 64
PLAYOUT_FULL_WAIT_S = 0.1


class Says(Protocol):
    """What is asked of a voice here: see `tts_bridge.Voice`."""

    async def synthesise(self, text: str, *, speed: float = 1.0) -> Pcm: ...


class Speaking:
    """Synthesises the clauses of one attempt, in order, ahead of the playout.

    Args:
        clause_ready: called once, when the first clause is speakable.
        audio_ready: called once, when the first clause's audio is on the playout.
        audio_queued: called for every clause whose audio is on the playout.
        failed: called for every clause that no voice could say; the next clause is tried all the same.
    """

    def __init__(
        self,
        turn: int,
        attempt: int,
        *,
        voice: Says,
        speed: float,
        playout: Playout,
        executor: Executor,
        clause_ready: Callable[[], None],
        audio_ready: Callable[[], None],
        audio_queued: Callable[[], None],
        failed: Callable[[VoiceError], None],
    ) -> None:
        self._turn = turn
        self._attempt = attempt
        self._voice = voice
        self._speed = speed
        self._playout = playout
        self._executor = executor
        self._clause_ready = clause_ready
        self._audio_ready = audio_ready
        self._audio_queued = audio_queued
        self._failed = failed
        self._segmenter = Segmenter()
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue(MAX_WAITING_CLAUSES)
        self._spoken = 0
        self._seen = 0
        self.any_audio = False

    def push(self, delta: str) -> None:
        """More of the answer's text."""
        self._queue(self._segmenter.push(delta))

    def finish(self) -> None:
        """The answer's text is complete."""
        self._queue(self._segmenter.finish())
        self._clauses.put_nowait(None)

    async def run(self) -> None:
        """Speak until the text is complete or the task is cancelled."""
        while (clause := await self._clauses.get()) is not None:
            try:
                await self._speak(clause)
            except VoiceFailure as error:
                log.warning("clause_not_spoken", turn=self._turn, clause=clause.index, error=type(error).__name__)
                self._failed(VoiceError(f"a part of the answer could not be spoken: {type(error).__name__}"))
        self._playout.finish(self._turn, self._attempt)

    def _queue(self, clauses: list[Clause]) -> None:
        for clause in clauses:
            if not self._seen:
                self._clause_ready()
            self._seen += 1
            self._clauses.put_nowait(clause)

    async def _speak(self, clause: Clause) -> None:
        if not clause.spoken.strip():
            # Nothing to say, but the text counts as heard once it is reached.
            self._playout.enqueue(self._turn, self._attempt, clause.text, np.zeros(0, np.int16))
            return
        speech = await self._voice.synthesise(clause.spoken, speed=self._speed)
        pcm = await asyncio.get_running_loop().run_in_executor(
            self._executor,
            ready_for_playout,
            speech.samples,
            speech.sample_rate_hz,
            self._playout.sample_rate_hz,
            clause.pause_ms,
        )
        while True:
            try:
                self._playout.enqueue(self._turn, self._attempt, clause.text, pcm)
                break
            except PlayoutFull:
                await asyncio.sleep(PLAYOUT_FULL_WAIT_S)
        if not self.any_audio:
            self.any_audio = True
            self._audio_ready()
        self._audio_queued()
