"""What the order of thinking and speaking costs and buys: `python -m benchmarks.thinking [--spoken N] [--typed N]`.

Asks the embedded model the seed samples, N questions spoken by espeak-ng and N typed ones, of the skills it was trained
for, once with each `thinking.order`, in this process and through the engine's core. Playout is simulated on the
engine's own clock, which moves by the CPU time of each step: a clause's voice is ready 200 ms after its text and lasts
as long as it takes to say it. Prints, for each order: how many answers were right, how many reasoned aloud (a trained
answer is one line, without digits), tokens and CPU milliseconds from the end of the turn to the first speakable
clause, and what was thought while speaking.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import re
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from realtime.clock import NS_PER_S, FakeClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.loader import load_engine
from realtime.mind import Order
from realtime.settings import EMBEDDED_MODEL, EngineSettings, ThinkingSettings
from tts_bridge import Segmenter, ready_for_playout
from tts_bridge.numerals import cardinal
from tts_bridge.voices.espeak import EspeakVoice

RATE_HZ = m.INPUT_SAMPLE_RATE_HZ
SILENCE = np.zeros(RATE_HZ * 160 // 1000, "<i2")
VOICE_MS = 200
LETTER_MS = 65  # about 15 letters a second
REPORT_MS = 200
IDLE_MS = 20
LIMIT_MS = 60_000
WORDS = ("evening", "table", "window", "garden", "paper", "orange", "river", "summer")
THINGS = ("apples", "books", "pens", "cups")
NOUNS = ("duck", "house", "lamp", "tree", "shoe", "river", "chair")


@dataclass(frozen=True)
class Question:
    """`key` must stand in the last line of the answer. With `pcm` int16 [samples at 16 kHz] it is spoken."""

    text: str
    key: str
    pcm: np.ndarray | None = None


@dataclass
class Outcome:
    answer: str = ""
    first_clause_tokens: int = 0
    first_clause_ms: float = 0.0
    waited_tokens: int = 0
    speaking_tokens: int = 0

    def is_right(self, question: Question) -> bool:
        lines = [line for line in self.answer.splitlines() if line.strip()]
        return question.key in _plain(lines[-1]) if lines else False

    @property
    def is_aloud(self) -> bool:
        return len(self.answer.strip().splitlines()) > 1 or bool(re.search(r"\d", self.answer))


@dataclass
class SimulatedPlayout:
    """Clauses in, how much speech is bought out."""

    segmenter: Segmenter = field(default_factory=Segmenter)
    waiting: list[tuple[float, float]] = field(default_factory=list)  # (when its voice is ready, ms of speech)
    heard_until_ms: float = 0.0
    clauses: int = 0

    def push(self, text: str, now_ms: float) -> None:
        for clause in self.segmenter.push(text):
            self.clauses += 1
            self.waiting.append((now_ms + VOICE_MS, LETTER_MS * len(clause.spoken) + clause.pause_ms))

    def bought_ms(self, now_ms: float) -> float:
        while self.waiting and self.waiting[0][0] <= now_ms:
            ready_ms, length_ms = self.waiting.pop(0)
            self.heard_until_ms = max(self.heard_until_ms, ready_ms) + length_ms
        return max(0.0, self.heard_until_ms - now_ms)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z' ]+", " ", text.lower().replace("-", " ")).replace("  ", " ")


def number(value: int) -> str:
    return cardinal(str(value)).replace("-", " ")


def questions(seed: int) -> Iterator[tuple[str, str]]:
    """(question, key) of the skills that the embedded model was taught, without end."""
    dice = random.Random(seed)
    while True:
        a, b = sorted((dice.randint(2, 40), dice.randint(2, 40)))
        small, other = dice.randint(2, 9), dice.randint(2, 9)
        word, (first, *more) = dice.choice(WORDS), dice.sample(NOUNS, 3)
        hours, hour = dice.randint(1, 4), dice.randint(6, 8)
        yield f"what is {number(a)} plus {number(b)}", number(a + b)
        yield f"how much is {number(a + b)} minus {number(a)}", number(b)
        yield f"what is {number(small)} multiplied by {number(other)}", number(small * other)
        if a != b:
            yield f"which number is lower {number(b)} or {number(a)}", f"{number(a)} is smaller"
            yield f"which number is bigger {number(a)} or {number(b)}", f"{number(b)} is "
        yield f"which number is right following {number(a + b)}", number(a + b + 1)
        yield f"what time is {number(hours)} hours after {number(hour)} o'clock", f"{number(hours + hour)} o'clock"
        steps = range(5 * small, 5 * small + 21, 5)
        yield f"count by fives from {number(steps[0])} to {number(steps[-1])}", " ".join(map(number, steps))
        yield f"count the letters in {word}", number(len(word))
        yield f"here is a list {first} and {' and '.join(more)} what was the first word", first
        things = dice.choice(THINGS)
        yield (
            f"if i have {number(small)} {things} and get {number(other)} more how many {things} do i have",
            number(small + other),
        )


def samples() -> list[Question]:
    """The seed samples that have one right answer."""
    folder = EMBEDDED_MODEL / "samples"
    expected = json.loads((folder / "expected.json").read_text())
    return [
        Question(entry["transcript"], _plain(entry["key"]).strip(), _read(folder / entry["file"]))
        for entry in expected
        if entry["key"]
    ]


async def spoken(texts: list[str]) -> list[np.ndarray]:
    """The texts as espeak-ng says them, each int16 [samples at 16 kHz]."""
    voice = EspeakVoice(timeout_s=30.0)
    said = [await voice.synthesise(text) for text in texts]
    return [ready_for_playout(pcm.samples, pcm.sample_rate_hz, RATE_HZ, 0) for pcm in said]


def _read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


class Asker:
    """One engine with one order."""

    def __init__(self, order: Order, think_ms: int) -> None:
        engine, thinking = EngineSettings(), ThinkingSettings()
        self._think_ms = think_ms
        self._clock = FakeClock()
        config = EngineConfig(
            model=str(EMBEDDED_MODEL), threads=1, kv_tokens=engine.kv_tokens, exact=False,
            chunk_frames=engine.chunk_frames,
            right_context_ms=None, note_interval_ms=engine.note_interval_ms, nice=0, thinking_order=order,
            thinking_segment_tokens=thinking.segment_tokens, thinking_cover_ms=thinking.cover_ms,
        )  # fmt: skip
        self._core: EngineCore = load_engine(config, self._clock)[0]

    def ask(self, question: Question) -> Outcome:
        core = self._core
        core.handle(m.OpenSession(session="s"))
        if question.pcm is None:
            core.handle(m.PutText(session="s", item="q", role="user", text=question.text))
            core.handle(m.Respond(session="s", turn=1, attempt=1, think_ms=self._think_ms))
        else:
            self._speak(question.pcm)
        outcome = self._answer()
        core.handle(m.CloseSession(session="s"))
        return outcome

    def _speak(self, pcm: np.ndarray) -> None:
        core = self._core
        core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
        core.handle(m.Audio(session="s", turn=1, at_sample=0, pcm=pcm.tobytes()))
        while core.has_work:
            self._step()
        core.handle(m.Audio(session="s", turn=1, at_sample=len(pcm), pcm=SILENCE.tobytes()))
        core.handle(
            m.EndTurn(session="s", turn=1, attempt=1, at_sample=len(pcm) + len(SILENCE), think_ms=self._think_ms)
        )
        core.handle(m.Commit(session="s", turn=1, attempt=1, item="q"))

    def _step(self) -> list[m.FromEngine]:
        began_ns = time.process_time_ns()
        said = self._core.step()
        self._clock.advance_ms(max(0.01, (time.process_time_ns() - began_ns) / 1e6))
        return said

    @property
    def _now_ms(self) -> float:
        return 1000 * self._clock.now_ns() / NS_PER_S

    def _answer(self) -> Outcome:
        playout, outcome = SimulatedPlayout(), Outcome()
        began_ms = told_ms = self._now_ms
        while self._now_ms - began_ms < LIMIT_MS:
            if not self._core.has_work:
                self._clock.advance_ms(IDLE_MS)
            clauses = len(playout.waiting)
            for message in self._step():
                if isinstance(message, m.Done):
                    if not playout.clauses:
                        self._first_clause(outcome, began_ms)
                    return outcome
                if isinstance(message, m.Thought):
                    outcome.speaking_tokens += message.tokens * message.while_speaking
                    outcome.waited_tokens += message.tokens * (not message.while_speaking)
                    outcome.first_clause_tokens += message.tokens * (not playout.clauses)
                elif isinstance(message, m.Answer):
                    outcome.answer += message.text
                    outcome.first_clause_tokens += not playout.clauses
                    had_none = not playout.clauses
                    playout.push(message.text, self._now_ms)
                    if had_none and playout.clauses:
                        self._first_clause(outcome, began_ms)
            bought_ms = playout.bought_ms(self._now_ms)
            if len(playout.waiting) < clauses or self._now_ms - told_ms >= REPORT_MS:
                told_ms = self._now_ms
                self._core.handle(m.Played(session="s", turn=1, attempt=1, bought_ms=round(bought_ms)))
        raise SystemExit("an answer never ended")

    def _first_clause(self, outcome: Outcome, began_ms: float) -> None:
        outcome.first_clause_ms = self._now_ms - began_ms


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--spoken", type=int, default=60, help="questions said by espeak-ng (default 60)")
    parser.add_argument("--typed", type=int, default=100, help="typed questions (default 100)")
    parser.add_argument("--think-ms", type=int, default=ThinkingSettings().budget_ms(None))
    parser.add_argument("--answers", action="store_true", help="print every answer that is not right")
    given = parser.parse_args()
    console = Console(width=160)
    said = list(islice(questions(1), given.spoken))
    voiced = asyncio.run(spoken([text for text, _ in said]))
    sets = {
        "seed samples": samples(),
        "spoken": [Question(*asked, pcm) for asked, pcm in zip(said, voiced, strict=True)],
        "typed": [Question(text, key) for text, key in islice(questions(2), given.typed)],
    }
    table = Table("questions", "order", "right", "aloud", "first clause, tokens p50", "CPU ms p50", "thought before",
                  "while speaking", title=f"{platform.machine()}, 1 thread, think_ms {given.think_ms}")  # fmt: skip
    for order in Order:
        asker = Asker(order, given.think_ms)
        for name, asked in sets.items():
            if not asked:
                continue
            got = [(question, asker.ask(question)) for question in track(asked, f"{order} {name}", console=console)]
            for question, outcome in got if given.answers else ():
                if not outcome.is_right(question):
                    console.print(f"{order} | {question.text} | {outcome.answer!r}", markup=False)
            outcomes = [outcome for _, outcome in got]
            right = sum(outcome.is_right(question) for question, outcome in got)
            table.add_row(
                name, order, f"{right} of {len(got)}", str(sum(o.is_aloud for o in outcomes)),
                f"{median(o.first_clause_tokens for o in outcomes):.0f}",
                f"{median(o.first_clause_ms for o in outcomes):.0f}",
                f"{median(o.waited_tokens for o in outcomes):.0f}",
                f"{sum(o.speaking_tokens for o in outcomes)} in all",
            )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
