"""An engine in this process whose clock is the CPU's: what a turn would take on a core of its own, whatever else runs.

The clock moves by the CPU time of every message and every step, and by the audio in between. One session for each turn.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from realtime.clock import Clock, FakeClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.loader import load_engine
from realtime.settings import EMBEDDED_MODEL, EngineSettings
from tts_bridge import Segmenter

RATE_HZ = m.INPUT_SAMPLE_RATE_HZ
HOP = 512
THINK_MS = 3_000
MOST_TOKENS = 64

Pcm16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Answered:
    """One turn. Times in ms of CPU from its tentative end; a clause is the first that could be spoken.

    steps: of the engine, up to that clause. load: share of the core while the user spoke. trunk: symbols on it at the
    end; laid: symbols laid behind them for the answer.
    """

    transcript: str
    answer: str
    first_token_ms: float
    first_clause_ms: float
    steps: int
    load: float
    trunk: int
    laid: int


def open_core(clock: Clock, rehearsal_interval_ms: int | None = None) -> EngineCore:
    """The embedded model as it is served. rehearsal_interval_ms: None is the engine's own; 0 rehearses nothing."""
    settings = EngineSettings()
    config = EngineConfig(
        str(EMBEDDED_MODEL),
        settings.threads or 1,
        settings.kv_tokens,
        exact=False,
        chunk_frames=settings.chunk_frames,
        right_context_ms=None,
        note_interval_ms=settings.note_interval_ms,
        nice=0,
        assisted=False,  # CPU time of two threads at once is no time that anybody waits
        rehearsal_interval_ms=(
            settings.rehearsal_interval_ms if rehearsal_interval_ms is None else rehearsal_interval_ms
        ),
    )
    return load_engine(config, clock)[0]


class CpuRig:
    """See the module's docstring. rehearsal_interval_ms: as in `open_core`."""

    def __init__(self, *, rehearsal_interval_ms: int | None = None) -> None:
        self._clock = FakeClock()
        self.core: EngineCore = open_core(self._clock, rehearsal_interval_ms)
        self._rehearsal_samples = self.core._rehearsal_samples
        self._said: list[m.FromEngine] = []

    def ask(self, pcm: Pcm16, *, rehearsed_s: float | None = None) -> Answered:
        """A turn that ends tentatively behind `pcm`, int16 [n] at 16 kHz.

        rehearsed_s: rehearse only in the last so many seconds; older rehearsals are no drafts any more.
        """
        self.core.handle(m.OpenSession(session="s"))
        self.core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
        busy_ms = 0.0
        for begin in range(0, len(pcm), HOP):
            is_rehearsed = rehearsed_s is None or begin > len(pcm) - rehearsed_s * RATE_HZ
            self.core._rehearsal_samples = self._rehearsal_samples if is_rehearsed else 0
            busy_ms += self._hear(pcm[begin : begin + HOP], begin)
        answered = self._answer(len(pcm), busy_ms / (len(pcm) * 1000 / RATE_HZ))
        self.core.handle(m.CloseSession(session="s"))
        return answered

    def _hear(self, pcm: Pcm16, at_sample: int) -> float:
        """Audio, and all that is done until the next is there. Returns the ms that the engine worked."""
        arrives_ns = self._clock.now_ns() + HOP * 1_000_000_000 // RATE_HZ
        audio = pcm.astype("<i2").tobytes()
        busy_ms = self._spend(m.Audio(session="s", turn=1, at_sample=at_sample, pcm=audio))
        while self._clock.now_ns() < arrives_ns:
            busy_ms += self._spend(None)  # may begin a rehearsal
            if not self.core.has_work:
                break
        self._clock.advance_ms(max(0.0, (arrives_ns - self._clock.now_ns()) / 1e6))
        return busy_ms

    def _answer(self, until: int, load: float) -> Answered:
        began_ns, segmenter = self._clock.now_ns(), Segmenter()
        trunk = len(self.core._sessions["s"].mind.trunk.seq.symbols)
        answer = transcript = ""
        token_ms = clause_ms = None
        steps = steps_to_clause = laid = 0
        end = m.EndTurn(session="s", turn=1, attempt=1, at_sample=until, think_ms=THINK_MS, max_tokens=MOST_TOKENS)
        self._spend(end)
        while self.core.has_work:
            self._spend(None)
            steps += 1
            since_ms = (self._clock.now_ns() - began_ns) / 1e6
            for message in self._said:
                spoken = isinstance(message, m.Done)
                if isinstance(message, m.Transcript):
                    transcript = message.text
                if isinstance(message, m.Answer):
                    answer += message.text
                    token_ms = since_ms if token_ms is None else token_ms
                    spoken = bool(segmenter.push(message.text))
                if isinstance(message, m.Done):
                    laid = message.input_tokens - trunk
                if spoken and clause_ms is None:
                    clause_ms, steps_to_clause = since_ms, steps
        assert clause_ms is not None, "an attempt ends with Done"
        token_ms = clause_ms if token_ms is None else token_ms
        return Answered(transcript, answer, token_ms, clause_ms, steps_to_clause, load, trunk, laid)

    def _spend(self, message: m.ToEngine | None) -> float:
        """One message or one step; the clock moves by what it took. Returns that, in ms."""
        began_ns = time.process_time_ns()
        if message is None:
            self._said = self.core.step()
        else:
            self.core.handle(message)
        spent_ms = (time.process_time_ns() - began_ns) / 1e6
        self._clock.advance_ms(spent_ms)
        return spent_ms
