"""What several speakers at once wait for each other: `python -m benchmarks.speakers [--sessions 1 2 4] [--turns 6]`.

Every speaker asks one seed sample after the other and listens to a second of each answer. Detectors, turn machine and
engine are the real ones, in this process; the engine's clock moves by the CPU time of its calls and by the audio in
between, as in `benchmarks.rehearsal`: a core of its own for the engine, everything else for nothing. Printed for every
number of sessions: from the last voiced sample to the first speakable clause of a committed answer, the part of it
behind the commit, and the share of the core that the engine was busy.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.cpu_rig import open_core
from benchmarks.samples import RATE_HZ, path_of, sources
from client_demo.speech_gate import voiced_ends
from realtime.clock import NS_PER_MS, FakeClock
from realtime.engine import messages as m
from realtime.turns import (
    FRAME_SAMPLES,
    AskEndpoint,
    Committed,
    Decision,
    Discarded,
    Listener,
    Revoked,
    TentativeEnd,
    TurnMachine,
    TurnPolicy,
    TurnStarted,
    VoiceFrame,
)
from realtime.turns.detectors import EndpointDetector, VoiceDetector
from tests.turns_material import MODELS, Pcm16, load
from tts_bridge import Segmenter

FRAME_NS = FRAME_SAMPLES * 1_000_000_000 // RATE_HZ
ENDPOINT_NS = 64 * NS_PER_MS
LISTENS_S = 1.0  # to an answer, before the next question
STAGGER_NS = 150 * NS_PER_MS
GIVES_UP_S = 4.0
THINK_MS = 600


@dataclass
class Asked:
    """A committed turn. wait_ms: last voiced sample to first clause; behind_ms: commit to first clause, 0 at best."""

    file: str
    transcript: str
    wait_ms: float
    behind_ms: float


@dataclass
class Hand:
    """The turn in hand of one speaker, as its server keeps it."""

    turn: int = 0
    attempt: int = 0
    sent: int = 0
    committed_ns: int | None = None
    clause_ns: int | None = None
    transcript: str = ""
    segmenter: Segmenter = field(default_factory=Segmenter)

    def begin_attempt(self, attempt: int) -> None:
        self.attempt, self.clause_ns, self.segmenter = attempt, None, Segmenter()


class Rig:
    """The engine on a clock that its own CPU time moves."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._core = open_core(self.clock)
        self.busy_ns = 0
        self.said: deque[m.FromEngine] = deque()

    @property
    def has_work(self) -> bool:
        return self._core.has_work

    def tell(self, message: m.ToEngine) -> None:
        self._spend(partial(self._core.handle, message))

    def step(self) -> None:
        self._spend(self._core.step)

    def _spend(self, call: Callable[[], list[m.FromEngine]]) -> None:
        began_ns = time.process_time_ns()
        self.said += call()
        spent_ns = time.process_time_ns() - began_ns
        self.busy_ns += spent_ns
        self.clock.advance_ms(spent_ns / NS_PER_MS)


class Speaker:
    """One session: its questions, its detectors, and what its server does with decisions and messages."""

    def __init__(self, name: str, files: list[tuple[str, Pcm16]], engine: Rig, begins_ns: int) -> None:
        self.name = name
        self._engine = engine
        self._files = deque(files)
        self._voice = VoiceDetector.load(MODELS / "vad")
        self._endpoint = EndpointDetector.load(MODELS / "endpoint")
        self._machine, self._listener = TurnMachine(TurnPolicy.semantic_vad()), Listener()
        self._votes: deque[tuple[int, int, int, float]] = deque()
        self.next_ns = begins_ns
        self.asked: list[Asked] = []
        self.hand = Hand()
        engine.tell(m.OpenSession(session=name))
        self._take_question()

    @property
    def is_done(self) -> bool:
        return not self._files

    def _take_question(self) -> None:
        self._at = 0
        self._file, self._pcm = self._files[0]
        end = int(voiced_ends(self._pcm, RATE_HZ)[-1])
        self._end_ns = self.next_ns + end * 1_000_000_000 // RATE_HZ

    def tick(self, now_ns: int) -> None:
        """The next 32 ms of this speaker's audio have come in."""
        while self._votes and self._votes[0][0] <= now_ns:
            _, turn, attempt, p = self._votes.popleft()
            self._follow(self._machine.endpoint_vote(turn, attempt, p), now_ns)
        pcm = self._pcm[self._at : self._at + FRAME_SAMPLES]
        pcm = np.concatenate([pcm, np.zeros(FRAME_SAMPLES - len(pcm), np.int16)])
        self._at += FRAME_SAMPLES
        at_sample = self._listener.frame_sample
        (frame,) = self._listener.push(pcm)
        heard = VoiceFrame.heard(frame, at_sample, self._voice.probability(frame))
        self._follow(self._machine.push(heard), now_ns)
        self._send_audio()
        self.next_ns += FRAME_NS
        self._go_on(now_ns)

    def _go_on(self, now_ns: int) -> None:
        """The next question, when the answer to this one was heard; or nobody answers it."""
        hand = self.hand
        is_answered = hand.committed_ns is not None and hand.clause_ns is not None
        since_ns = max(hand.committed_ns or 0, hand.clause_ns or 0) if is_answered else self._end_ns
        if now_ns - since_ns < (LISTENS_S if is_answered else GIVES_UP_S) * 1e9 or now_ns < self._end_ns:
            return
        if is_answered:
            assert hand.committed_ns is not None and hand.clause_ns is not None
            behind_ms = max(0, hand.clause_ns - hand.committed_ns) / NS_PER_MS
            wait_ms = (max(hand.clause_ns, hand.committed_ns) - self._end_ns) / NS_PER_MS
            self.asked.append(Asked(self._file, hand.transcript, wait_ms, behind_ms))
            self._engine.tell(m.AnswerHeard(session=self.name, turn=hand.turn, item=f"answer_{hand.turn}"))
            self.hand = Hand(turn=hand.turn)
        self._files.popleft()
        if self._files:
            self._take_question()

    def _follow(self, decisions: list[Decision], now_ns: int) -> None:
        hand = self.hand
        for decision in decisions:
            match decision:
                case TurnStarted():
                    if hand.committed_ns is not None:
                        self._engine.tell(m.Cancel(session=self.name, turn=hand.turn, item="cut", heard=""))
                    hand = self.hand = Hand(turn=decision.turn, sent=decision.from_sample)
                    at = decision.from_sample
                    self._engine.tell(m.StartTurn(session=self.name, turn=decision.turn, at_sample=at))
                case TentativeEnd():
                    self._send_audio(decision.at_sample)
                    hand.begin_attempt(decision.attempt)
                    self._engine.tell(
                        m.EndTurn(session=self.name, turn=hand.turn, attempt=hand.attempt,
                                  at_sample=decision.at_sample, think_ms=THINK_MS, max_tokens=64)
                    )  # fmt: skip
                case AskEndpoint():
                    p = self._endpoint.probability(self._listener.audio(decision.from_sample, decision.to_sample))
                    self._votes.append((now_ns + ENDPOINT_NS, decision.turn, decision.attempt, p))
                case Revoked():
                    hand.begin_attempt(0)
                    self._engine.tell(m.Revoke(session=self.name, turn=decision.turn, attempt=decision.attempt))
                case Committed():
                    hand.committed_ns = now_ns
                    item = f"user_{hand.turn}"
                    self._engine.tell(m.Commit(session=self.name, turn=hand.turn, attempt=decision.attempt, item=item))
                case Discarded():
                    self._engine.tell(m.DiscardTurn(session=self.name, turn=decision.turn))
                    hand = self.hand = Hand(turn=hand.turn)

    def _send_audio(self, until: int | None = None) -> None:
        hand, until = self.hand, self._listener.samples if until is None else until
        if hand.turn and hand.committed_ns is None and hand.sent < until and self._machine.state != "idle":
            pcm = self._listener.audio(hand.sent, until)
            at = hand.sent
            self._engine.tell(m.Audio(session=self.name, turn=hand.turn, at_sample=at, pcm=pcm.tobytes()))
            hand.sent = until

    def said(self, message: m.FromEngine, now_ns: int) -> None:
        hand = self.hand
        if isinstance(message, m.Transcript) and (message.turn, message.attempt) == (hand.turn, hand.attempt):
            hand.transcript = message.text
            self._follow(self._machine.mind_vote(message.turn, message.attempt, message.ready), now_ns)
        if not isinstance(message, m.Answer | m.Done) or hand.clause_ns is not None:
            return
        if (message.turn, message.attempt) == (hand.turn, hand.attempt):
            spoken = isinstance(message, m.Done) or bool(hand.segmenter.push(message.text))
            hand.clause_ns = now_ns if spoken else None


def simulate(engine: Rig, sessions: int, turns: int) -> tuple[list[Asked], float]:
    """Every answered turn of all speakers, and the share of the core."""
    began_ns, engine.busy_ns = engine.clock.now_ns(), 0
    known = [(source.stem, load(path_of(source.name))) for source in sources() if source.kind == "synthetic"]
    speakers = {
        f"s{k}": Speaker(
            f"s{k}", [known[(k * 5 + turn) % len(known)] for turn in range(turns)], engine, began_ns + k * STAGGER_NS
        )
        for k in range(sessions)
    }
    while not all(speaker.is_done for speaker in speakers.values()):
        now_ns = engine.clock.now_ns()
        due = [speaker for speaker in speakers.values() if not speaker.is_done and speaker.next_ns <= now_ns]
        for speaker in due:
            speaker.tick(speaker.next_ns)
        engine.step()
        while engine.said:
            message = engine.said.popleft()
            if not isinstance(message, m.Ready | m.Pong) and message.session is not None:
                speakers[message.session].said(message, engine.clock.now_ns())
        if not due and not engine.has_work:
            next_ns = min(speaker.next_ns for speaker in speakers.values() if not speaker.is_done)
            engine.clock.advance_ms(max(0, next_ns - engine.clock.now_ns()) / NS_PER_MS)
    asked = [each for speaker in speakers.values() for each in speaker.asked]
    for name in speakers:
        engine.tell(m.CloseSession(session=name))
    return asked, engine.busy_ns / (engine.clock.now_ns() - began_ns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--turns", type=int, default=6, help="questions of each speaker")
    parser.add_argument("--each", action="store_true", help="print every turn")
    arguments = parser.parse_args()
    engine = Rig()
    table = Table("sessions", "turns", "first clause ms p50 / p95", "behind the commit p50 / p95", "core")
    for sessions in arguments.sessions:
        asked, load = simulate(engine, sessions, arguments.turns)
        waits, behind = [each.wait_ms for each in asked], [each.behind_ms for each in asked]
        table.add_row(
            str(sessions), str(len(asked)),
            f"{median(waits):.0f} / {float(np.percentile(waits, 95)):.0f}",
            f"{median(behind):.0f} / {float(np.percentile(behind, 95)):.0f}", f"{load:.0%}",
        )  # fmt: skip
        for each in asked if arguments.each else []:
            print(f"{sessions} {each.file:24} {each.wait_ms:6.0f} {each.behind_ms:6.0f} {each.transcript}")
    Console().print(table)


if __name__ == "__main__":
    main()
