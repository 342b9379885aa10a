"""Is the answer to a minute of talk as quick as to three seconds, and as right? `python -m benchmarks.long_turns`.

Each question is heard by the engine, in this process, alone (about 3 s) and behind most of a minute of fluent talk in
the embedded voice, with folding (`realtime.mind.folding`) and without it. The clock moves by the CPU time of every step
and by the audio in between, as in `benchmarks.rehearsal`: what it would take on a core of its own. Printed: ms from the
tentative end to the first token of the answer and to its first speakable clause, symbols on the trunk and laid behind
it for the answer, and how many answers are those to the question alone. Then, of facts told at the beginning of a turn
of 45 s and asked for at its end, how many are known with folding and without it.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.samples import LONG_QUESTION, LONG_TALK, Pcm16, fluent
from realtime.clock import FakeClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.loader import load_engine
from realtime.settings import EMBEDDED_MODEL, EngineSettings
from realtime.turns.policy import TENTATIVE_SILENCE_MS
from tts_bridge import Segmenter, VoiceSettings, open_voice, resample, trim_silence

RATE_HZ = m.INPUT_SAMPLE_RATE_HZ
HOP = 512
THINK_MS = 3_000
# What was rehearsed before is no draft any more; leaving it out saves minutes.
REHEARSED_S = 8
LONG_S, RECALL_S = 60.0, 45.0
QUESTIONS = (
    LONG_QUESTION,
    "So tell me, what is the capital of France?",
    "And now I ask you, what is the opposite of hot?",
    "So tell me, what number comes after forty one?",
)
# What is said first, the question behind the talk, and the word that is right.
FACTS = (
    ("Hello, my name is Ada.", "So tell me, what is my name?", "ada"),
    ("My favourite colour is green.", "So tell me, what is my favourite colour?", "green"),
    ("I live in London.", "So tell me, where do I live?", "london"),
    ("My dog is called Max.", "So tell me, what is my dog called?", "max"),
    ("I am going to buy bread.", "So tell me, what am I going to buy?", "bread"),
    ("My birthday is in June.", "So tell me, when is my birthday?", "june"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One turn: ms of CPU, symbols on the trunk at its end, and laid for the answer."""

    transcript: str
    answer: str
    first_token_ms: float
    first_clause_ms: float
    trunk: int
    laid: int


class Rig:
    """An engine whose clock is the CPU's. A session for each turn."""

    def __init__(self) -> None:
        settings = EngineSettings()
        self._clock = FakeClock()
        config = EngineConfig(
            str(EMBEDDED_MODEL),
            1,
            settings.kv_tokens,
            exact=False,
            chunk_frames=settings.chunk_frames,
            right_context_ms=None,
            note_interval_ms=settings.note_interval_ms,
            nice=0,
            rehearsal_interval_ms=settings.rehearsal_interval_ms,
        )
        self._core: EngineCore = load_engine(config, self._clock)[0]
        self._rehearsal_samples = self._core._rehearsal_samples

    def ask(self, pcm: Pcm16, *, folds: bool = True) -> Asked:
        self._core.folds = folds
        pcm = np.concatenate([pcm, np.zeros(TENTATIVE_SILENCE_MS * RATE_HZ // 1000, np.int16)])
        self._core.handle(m.OpenSession(session="s"))
        self._core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
        for begin in range(0, len(pcm), HOP):
            is_near_end = begin > len(pcm) - REHEARSED_S * RATE_HZ
            self._core._rehearsal_samples = self._rehearsal_samples if is_near_end else 0
            arrives_ns = self._clock.now_ns() + HOP * 1_000_000_000 // RATE_HZ
            audio = pcm[begin : begin + HOP].astype("<i2").tobytes()
            self._spend(m.Audio(session="s", turn=1, at_sample=begin, pcm=audio))
            while self._clock.now_ns() < arrives_ns:
                self._spend(None)  # may begin a rehearsal
                if not self._core.has_work:
                    break
            self._clock.advance_ms(max(0.0, (arrives_ns - self._clock.now_ns()) / 1e6))
        asked = self._answer(len(pcm))
        self._core.handle(m.CloseSession(session="s"))
        return asked

    def _answer(self, until: int) -> Asked:
        began_ns, segmenter = self._clock.now_ns(), Segmenter()
        trunk = len(self._core._sessions["s"].mind.trunk.seq.symbols)
        answer = transcript = ""
        token_ms = clause_ms = None
        laid = 0
        self._spend(m.EndTurn(session="s", turn=1, attempt=1, at_sample=until, think_ms=THINK_MS, max_tokens=64))
        while self._core.has_work:
            self._spend(None)
            for message in self._said:
                spoken = isinstance(message, m.Done)
                if isinstance(message, m.Transcript):
                    transcript = message.text
                if isinstance(message, m.Answer):
                    answer += message.text
                    token_ms = token_ms or (self._clock.now_ns() - began_ns) / 1e6
                    spoken = bool(segmenter.push(message.text))
                if isinstance(message, m.Done):
                    laid = message.input_tokens - trunk
                if spoken and clause_ms is None:
                    clause_ms = (self._clock.now_ns() - began_ns) / 1e6
        assert clause_ms is not None, "an attempt ends with Done"
        return Asked(transcript, answer, token_ms or clause_ms, clause_ms, trunk, laid)

    def _spend(self, message: m.ToEngine | None) -> None:
        """One message or one step; the clock moves by what it took."""
        began_ns = time.process_time_ns()
        if message is None:
            self._said = self._core.step()
        else:
            self._core.handle(message)
        self._clock.advance_ms((time.process_time_ns() - began_ns) / 1e6)


async def spoken(texts: Sequence[str]) -> dict[str, Pcm16]:
    """Each text in the embedded voice, int16 [n] at 16 kHz, its inner silences cut down."""
    voice = open_voice(VoiceSettings(kind="hibari", fallback=False))
    try:
        said = {text: await voice.synthesise(text) for text in texts}
    finally:
        await voice.close()
    trimmed = {text: (trim_silence(s.samples, s.sample_rate_hz), s.sample_rate_hz) for text, s in said.items()}
    return {text: fluent(np.asarray(resample(pcm, rate, RATE_HZ), np.int16)) for text, (pcm, rate) in trimmed.items()}


def talk(said: dict[str, Pcm16], seconds: float, first: str, question: str) -> Pcm16:
    """`first` (may be empty), talk, and the question, together at most `seconds` long."""
    parts = [said[first]] if first else []
    left = int(seconds * RATE_HZ) - len(said[question]) - sum(map(len, parts))
    for number in range(10_000):
        clause = said[LONG_TALK[number % len(LONG_TALK)]]
        if len(clause) > left:
            break
        parts.append(clause)
        left -= len(clause)
    return fluent(np.concatenate([*parts, said[question]]))


def speed(rig: Rig, said: dict[str, Pcm16], console: Console) -> None:
    runs: dict[str, list[Asked]] = {"alone": [], "folded": [], "not folded": []}
    for question in track(QUESTIONS, "a minute …"):
        long = talk(said, LONG_S, "", question)
        runs["alone"].append(rig.ask(said[question]))
        runs["folded"].append(rig.ask(long))
        runs["not folded"].append(rig.ask(long, folds=False))
    table = Table("turn", "first token ms", "later", "first clause ms", "later", "trunk", "laid", "same answer")
    alone = runs["alone"]
    for name, asked in runs.items():
        token, clause = median(a.first_token_ms for a in asked), median(a.first_clause_ms for a in asked)
        token_later = token - median(a.first_token_ms for a in alone)
        clause_later = clause - median(a.first_clause_ms for a in alone)
        trunk, laid = median(a.trunk for a in asked), median(a.laid for a in asked)
        same = sum(a.answer == b.answer for a, b in zip(asked, alone, strict=True))
        table.add_row(name, f"{token:.0f}", f"{token_later:+.0f}", f"{clause:.0f}", f"{clause_later:+.0f}",
                      f"{trunk:.0f}", f"{laid:.0f}", f"{same} of {len(asked)}")  # fmt: skip
    console.print(table)
    same = sum(a.transcript == b.transcript for a, b in zip(runs["folded"], runs["not folded"], strict=True))
    console.print(f"the same transcript with folding and without: {same} of {len(QUESTIONS)}")
    for number, question in enumerate(QUESTIONS):
        console.print(question, *(f"\n  {name}: {asked[number].answer}" for name, asked in runs.items()), markup=False)


def recall(rig: Rig, said: dict[str, Pcm16], console: Console) -> None:
    known = {"folded": 0, "not folded": 0, "without talk": 0}
    for fact, question, word in track(FACTS, "facts …"):
        whole = talk(said, RECALL_S, fact, question)
        answers = {
            "folded": rig.ask(whole),
            "not folded": rig.ask(whole, folds=False),
            "without talk": rig.ask(np.concatenate([said[fact], said[question]])),
        }
        for name, asked in answers.items():
            known[name] += word in asked.answer.lower()
        console.print(fact, *(f"\n  {name}: {asked.answer}" for name, asked in answers.items()), markup=False)
    console.print(f"known of {len(FACTS)} facts: {known}", markup=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("speed", "recall"))
    arguments = parser.parse_args()
    told = [text for fact, question, _ in FACTS for text in (fact, question)]
    said = asyncio.run(spoken([*QUESTIONS, *LONG_TALK, *told]))
    rig, console = Rig(), Console(width=120)
    if arguments.only != "recall":
        speed(rig, said, console)
    if arguments.only != "speed":
        recall(rig, said, console)


if __name__ == "__main__":
    main()
