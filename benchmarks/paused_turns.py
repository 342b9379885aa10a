"""Turns whose speaker pauses in the middle: recordings with 0.2 to 0.7 s of the room between two of their words.

Two sets. *Tuning*: questions spoken by the embedded voice, for choosing constants. *Test*: the seed samples (four
other synthetic voices) and Debian's pocketsphinx-testdata (people), for judging them. Where the words lie is in
data/word_times.json. Which gap is taken and how long it becomes is drawn from a seed that is the recording's name.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from realtime.transport import Resampler
from realtime.turns.decisions import SAMPLES_PER_MS
from tests.turns_material import HUMAN, POCKETSPHINX, SAMPLES, load, quiet
from tts_bridge import VoiceSettings, open_voice

Pcm16 = npt.NDArray[np.int16]

WORD_TIMES = Path(__file__).parent / "data" / "word_times.json"
SHORTEST_PAUSE_MS = 200
LONGEST_PAUSE_MS = 700
# A pause needs words on both sides; recordings of two words have one gap, others up to this many pauses.
PAUSES_PER_TURN = 2
VARIANTS = 3

TUNING_TEXTS = (
    "What is the capital of France?",
    "How many days are there in a leap year?",
    "If I have three pears and buy five more, how many pears do I have?",
    "Can you tell me which planet is the largest?",
    "Please count from seven to twelve.",
    "What is the difference between a lake and a sea?",
    "Who wrote the play about Romeo and Juliet?",
    "I would like to know what time it is in Tokyo.",
    "Is the number nineteen even or odd?",
    "Give me two reasons to drink more water.",
    "What do you get when you mix blue and yellow?",
    "Tell me the opposite of cold, please.",
    "How far is it from the earth to the moon?",
    "My favourite colour is green, what is yours?",
    "Which is heavier, a kilogram of iron or a kilogram of feathers?",
    "Could you explain how a rainbow is made?",
    "What is twelve divided by four?",
    "Where do penguins live?",
    "Spell the word garden for me.",
    "I was wondering whether bats are birds or mammals.",
    "How do I boil an egg so that it stays soft?",
    "What was the first thing I asked you?",
    "When is the best time to plant tomatoes?",
    "Name a fruit that is red on the outside and white on the inside.",
    "Why is the sky blue during the day and red in the evening?",
    "Tell me a short story about a dog and a ball.",
    "What is the next number after two, four, six and eight?",
    "Do you know any songs about the rain?",
    "Which month comes after September?",
    "Is it true that cats always land on their feet?",
    "How many legs do two spiders have together?",
    "Let us talk about the weather in the mountains.",
    "What should I cook for dinner tonight?",
    "Remind me why we need to sleep every night.",
    "How old would I be if I was born in nineteen ninety?",
    "What is the name of the tallest mountain in the world?",
    "Take ten and subtract six from it.",
    "Who was the first person to walk on the moon?",
    "Does a triangle have more corners than a square?",
    "The train leaves at nine and takes two hours, when does it arrive?",
)


@dataclass(frozen=True, slots=True, eq=False)
class PausedTurn:
    """One turn, 16 kHz int16 [n] without anything behind it; `pauses` are [begin, end) in samples, in order.

    `words` is the whole of what is said, `before` how many words were said before each pause.
    """

    name: str
    voices: str  # "tuning", "seed" or "human"
    pcm: Pcm16
    pauses: tuple[tuple[int, int], ...]
    before: tuple[int, ...]
    words: str
    speech_end: int


def human_transcripts() -> dict[str, str]:
    """What is said in the recordings of pocketsphinx-testdata that come with their words, by file stem."""
    said = {
        "goforward": "go forward ten meters",
        "something": "go somewhere and do something",
        "dhd.2934z": "two nine three four zero",
    }
    for listing in (POCKETSPHINX / "librivox" / "transcription", POCKETSPHINX / "cards" / "cards.transcription"):
        if listing.is_file():
            for words, stem in re.findall(r"<s>(.*)</s>\s*\((.*)\)", listing.read_text()):
                said[stem] = words.strip()
    return said


async def spoken(texts: Sequence[str]) -> list[Pcm16]:
    """Each text in the embedded voice, int16 [n] at 16 kHz."""
    voice = open_voice(VoiceSettings(kind="hibari", fallback=False))
    try:
        said = [await voice.synthesise(text, speed=0.95) for text in texts]
    finally:
        await voice.close()
    return [Resampler(each.sample_rate_hz).push(each.samples) for each in said]


def recordings(voices: str) -> Iterator[tuple[str, Pcm16]]:
    """(name in word_times.json, samples) of one set, whole and as they were recorded."""
    if voices == "tuning":
        pcm = asyncio.run(spoken(TUNING_TEXTS))
        yield from ((f"tuning/{i:02d}", each) for i, each in enumerate(pcm))
    else:
        paths = sorted(SAMPLES.glob("*.wav")) if voices == "seed" else HUMAN
        yield from ((f"{voices}/{path.stem}", load(path)) for path in paths)


def paused_turns(voices: str, variants: int = VARIANTS) -> list[PausedTurn]:
    """Every aligned recording of a set, `variants` times with other pauses. The same list every time."""
    times = json.loads(WORD_TIMES.read_text())
    turns: list[PausedTurn] = []
    for name, pcm in recordings(voices):
        if name in times and len(times[name]) > 1:
            turns += [_paused(name, voices, pcm, times[name], variant) for variant in range(variants)]
    return turns


def _paused(name: str, voices: str, pcm: Pcm16, times: list[tuple[str, int, int]], variant: int) -> PausedTurn:
    draw = random.Random(f"{name}/{variant}")
    gaps = draw.sample(range(1, len(times)), min(PAUSES_PER_TURN, (len(times) + 1) // 3, len(times) - 1))
    pieces, pauses, done, added = [], [], 0, 0
    for gap in sorted(gaps):
        at = (times[gap - 1][2] + times[gap][1]) // 2
        present = max(0, times[gap][1] - times[gap - 1][2])
        wanted = draw.randint(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS) * SAMPLES_PER_MS
        room = quiet(pcm, max(0, wanted - present) // SAMPLES_PER_MS)
        pieces += [_faded(pcm[done:at]), room]
        pauses.append((times[gap - 1][2] + added, times[gap][1] + added + len(room)))
        done, added = at, added + len(room)
    whole = np.concatenate([*pieces, pcm[done:]])
    words = " ".join(word for word, _, _ in times)
    return PausedTurn(
        f"{name}/{variant}", voices, whole, tuple(pauses), tuple(sorted(gaps)), words, times[-1][2] + added
    )


def _faded(pcm: Pcm16, fade_ms: int = 8) -> Pcm16:
    """`pcm` with its last `fade_ms` let down to nothing: a word that stops, not a tape that is cut."""
    fade = min(len(pcm), fade_ms * SAMPLES_PER_MS)
    faded = pcm.astype(np.float32)
    if fade:
        faded[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return faded.astype(np.int16)
