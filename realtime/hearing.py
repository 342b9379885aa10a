"""The input side of one session: PCM in, turn decisions out, models off the event loop (invariant I1).

A bounded queue takes audio as it arrives; one task judges it frame by frame in an executor and hands the decisions of
the `TurnMachine` on, in order, together with the position up to which the audio has been judged. It knows nothing of
the engine, the protocol or the answer.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.errors import LimitError
from realtime.turns import (
    AskEndpoint,
    BargeInWatch,
    Decision,
    Listener,
    State,
    Suspicion,
    TurnMachine,
    TurnPolicy,
    VoiceFrame,
)
from realtime.turns.decisions import SAMPLE_RATE_HZ, SAMPLES_PER_MS
from realtime.turns.detectors import EndpointDetector, FrameDetector, QuickDetector
from realtime.turns.hum import is_hum

# A client may send a recording faster than it was spoken (one append event may hold over five minutes), so the queue
# is long; beyond it the append is refused with a typed error and nothing of it is taken.
MAX_QUEUED_S = 360
# Audio judged in one trip to the executor: bounds how long a burst keeps the machine waiting for a decision, and keeps
# a recording that came in one piece from running past the ring before it was judged.
TRIP_SAMPLES = 16 * 512
# A client that sends more than this at once sends no live microphone: only the last of it is watched, in under 1 ms.
LIVE_SAMPLES = 200 * SAMPLES_PER_MS
# Arrival times are asked for positions up to a whole turn back: 8,192 packets of 20 ms are 164 s.
REMEMBERED_ARRIVALS = 8192

Pcm16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class _Audio:
    pcm: Pcm16
    arrival_ns: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a client asked for, kept in order with the audio around it."""

    act: Callable[[int], None]


class Arrivals:
    """When each sample of the input arrived: the server's half of the audio clock."""

    def __init__(self) -> None:
        self._ends: deque[int] = deque(maxlen=REMEMBERED_ARRIVALS)
        self._at_ns: deque[int] = deque(maxlen=REMEMBERED_ARRIVALS)

    def add(self, end_sample: int, arrival_ns: int) -> None:
        self._ends.append(end_sample)
        self._at_ns.append(arrival_ns)

    def of(self, sample: int) -> int:
        """Arrival (ns) of the packet that held the sample before position `sample`."""
        at = bisect_left(self._ends, sample)
        if not self._ends:
            return 0
        return self._at_ns[min(at, len(self._at_ns) - 1)]


class Hearing:
    """See the module's docstring.

    Args:
        detector: voice activity of this stream.
        endpoint: the end-of-turn model, shared by all sessions; None goes without its vote.
        executor: where both run.
        background: where the end-of-turn model runs instead, if given: it is one voter, and must not delay the answer.
        decided: called on the event loop with the decisions of one frame, in order.
        judged: called after every trip with the position up to which audio may go to the engine.
        suspected: called, before the audio is judged, with what the playout should do about a sound over the answer.
        machine: makes the turn machine.
    """

    def __init__(
        self,
        detector: FrameDetector,
        endpoint: EndpointDetector | None,
        executor: Executor,
        policy: TurnPolicy,
        *,
        decided: Callable[[list[Decision]], None],
        judged: Callable[[int], None],
        suspected: Callable[[list[Suspicion]], None],
        background: Executor | None = None,
        machine: Callable[[TurnPolicy], TurnMachine] = TurnMachine,
    ) -> None:
        self._detector = detector
        self._endpoint = endpoint
        self._executor = executor
        self._background = background or executor
        self._decided = decided
        self._judged = judged
        self._suspected = suspected
        self._watch = BargeInWatch()
        self._quick = QuickDetector()
        self._listener = Listener()
        self._machine = machine(policy)
        self._queue: deque[_Audio | _Mark] = deque()
        self._queued_samples = 0
        self._received_samples = 0
        self._wake = asyncio.Event()
        self.arrivals = Arrivals()

    # --- from the event loop ------------------------------------------------------------------------

    @property
    def received_ms(self) -> int:
        """Input that has arrived, judged or not."""
        return self._received_samples // SAMPLES_PER_MS

    @property
    def queued_ms(self) -> float:
        return self._queued_samples / SAMPLES_PER_MS

    def push(self, pcm: Pcm16, arrival_ns: int) -> None:
        """Take 16 kHz mono int16 samples. Raises `LimitError`, with nothing taken, when the queue is full."""
        if (self._queued_samples + len(pcm)) > MAX_QUEUED_S * SAMPLE_RATE_HZ:
            raise LimitError(
                f"more than {MAX_QUEUED_S} s of audio wait to be heard; send it no faster than it is taken",
                code="audio_rate_exceeded",
            )
        self._received_samples += len(pcm)
        self._queued_samples += len(pcm)
        self.arrivals.add(self._received_samples, arrival_ns)
        self._watch_over(pcm)
        self._queue.append(_Audio(pcm, arrival_ns))
        self._wake.set()

    def commit(self, done: Callable[[], None]) -> None:
        """The client ends its turn here, behind all audio pushed so far."""

        def act(at_sample: int) -> None:
            self._decided(self._machine.commit(at_sample))
            done()

        self._mark(act)

    def clear(self, done: Callable[[], None]) -> None:
        """The client throws away what it has pushed so far."""

        def act(at_sample: int) -> None:
            self._decided(self._machine.clear(at_sample))
            done()

        self._mark(act)

    def after_audio(self, act: Callable[[], None]) -> None:
        """Call `act` once everything pushed and committed so far has been judged."""
        self._mark(lambda _: act())

    def configure(self, policy: TurnPolicy) -> None:
        self._machine.configure(policy)

    def agent_speaking(self, speaks: bool) -> None:
        self._machine.agent_speaking(speaks)
        self._watch.agent_speaking(speaks)

    def played(self, level_dbfs: float) -> None:
        """The next 20 ms of the playout leave with this level; the microphone may hear them."""
        self._watch.echo.played(level_dbfs)

    def mind_vote(self, turn: int, attempt: int, ready: float) -> None:
        self._decided(self._machine.mind_vote(turn, attempt, ready))

    def audio(self, from_sample: int, to_sample: int) -> Pcm16:
        """Recent input, int16 [to - from]; what the ring has lost is left out at the front."""
        oldest = self._listener.oldest_sample
        return self._listener.audio(min(max(from_sample, oldest), to_sample), to_sample)

    # --- tasks --------------------------------------------------------------------------------------

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Judge audio until cancelled; asks for the end-of-turn model's votes as children of `group`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                entry = self._queue.popleft()
                if isinstance(entry, _Mark):
                    entry.act(self._listener.samples)
                    self._judged(self._listener.samples)
                    continue
                for begin in range(0, len(entry.pcm), TRIP_SAMPLES):
                    await self._hear(entry.pcm[begin : begin + TRIP_SAMPLES], group)

    async def _hear(self, pcm: Pcm16, group: asyncio.TaskGroup) -> None:
        self._queued_samples -= len(pcm)
        at_sample = self._listener.frame_sample
        frames = self._listener.push(pcm)
        if frames:
            loop = asyncio.get_running_loop()
            voice = await loop.run_in_executor(self._executor, self._judge, frames)
            for frame, voice_p in zip(frames, voice, strict=True):
                self._take(self._voice_frame(frame, at_sample, voice_p), group)
                at_sample += len(frame)
        self._judged(self._listener.samples)

    def _judge(self, frames: list[npt.NDArray[np.float32]]) -> list[float]:
        return [self._detector.probability(frame) for frame in frames]

    def _watch_over(self, pcm: Pcm16) -> None:
        """Ten milliseconds at a time, at once: some 10 µs a block, so it need not leave the event loop."""
        if (late := len(pcm) - LIVE_SAMPLES) > 0:
            self._quick.skip(late)
            pcm = pcm[late:]
        suspicions: list[Suspicion] = []
        for at_sample, level_dbfs, is_voice in self._quick.blocks(pcm):
            suspicions += self._watch.push(at_sample, level_dbfs, is_voice)
        if suspicions:
            self._suspected(suspicions)

    def _voice_frame(self, pcm: npt.NDArray[np.float32], at_sample: int, voice_p: float) -> VoiceFrame:
        """The frame as the turn machine sees it: the answer's echo and a listener's hum over it begin no turn."""
        frame = VoiceFrame.heard(pcm, at_sample, voice_p)
        may_begin = self._watch.is_on and self._machine.state is State.IDLE
        if may_begin and (self._watch.echo.explains(frame.level_dbfs) or is_hum(pcm)):
            return replace(frame, voice_p=0.0)
        return frame

    def _take(self, frame: VoiceFrame, group: asyncio.TaskGroup) -> None:
        decisions = self._machine.push(frame)
        if decisions:
            # What the engine is told about a moment must come behind the audio up to that moment.
            self._decided(decisions)
        for decision in decisions:
            if isinstance(decision, AskEndpoint) and self._endpoint is not None:
                group.create_task(self._ask(decision, self._endpoint), name=f"endpoint/{decision.turn}")

    async def _ask(self, question: AskEndpoint, endpoint: EndpointDetector) -> None:
        pcm: npt.NDArray[Any] = self.audio(question.from_sample, question.to_sample)
        loop = asyncio.get_running_loop()
        p = await loop.run_in_executor(self._background, endpoint.probability, pcm)
        self._decided(self._machine.endpoint_vote(question.turn, question.attempt, p))

    def _mark(self, act: Callable[[int], None]) -> None:
        self._queue.append(_Mark(act))
        self._wake.set()
