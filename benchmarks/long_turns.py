"""Is the answer to a minute of talk as quick as to three seconds, and as right? `python -m benchmarks.long_turns`.

Each question is heard by the engine, in this process, alone (about 3 s) and behind most of a minute of fluent talk in
the embedded voice, with folding (`realtime.mind.folding`) and without it. Times are the CPU's, as if the engine had a
core of its own (`benchmarks.cpu_rig`). Printed: ms from the tentative end to the first token of the answer and to its
first speakable clause, symbols on the trunk and laid behind it for the answer, and how many answers are those to the
question alone. Then, of facts told at the beginning of a turn of 45 s and asked for at its end, how many are known with
folding and without it.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.cpu_rig import RATE_HZ, Answered, CpuRig, Pcm16
from benchmarks.samples import LONG_QUESTION, LONG_TALK, fluent
from realtime.turns.policy import TENTATIVE_SILENCE_MS
from tts_bridge import VoiceSettings, open_voice, resample, trim_silence

SILENCE = np.zeros(TENTATIVE_SILENCE_MS * RATE_HZ // 1000, np.int16)
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


class Rig(CpuRig):
    """With the choice not to fold."""

    def talk(self, pcm: Pcm16, *, folds: bool = True) -> Answered:
        self.core.folds = folds
        return self.ask(np.concatenate([pcm, SILENCE]), rehearsed_s=REHEARSED_S)


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
    runs: dict[str, list[Answered]] = {"alone": [], "folded": [], "not folded": []}
    for question in track(QUESTIONS, "a minute …"):
        long = talk(said, LONG_S, "", question)
        runs["alone"].append(rig.talk(said[question]))
        runs["folded"].append(rig.talk(long))
        runs["not folded"].append(rig.talk(long, folds=False))
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
            "folded": rig.talk(whole),
            "not folded": rig.talk(whole, folds=False),
            "without talk": rig.talk(np.concatenate([said[fact], said[question]])),
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
