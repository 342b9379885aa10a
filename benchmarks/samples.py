"""The sample set "natural": people and synthetic voices, as recorded and with the pauses that speakers make.

    python -m benchmarks.samples OUT [--variants 3] [--seed 0] [--no-long]

Writes OUT/plain, OUT/paused, OUT/long and OUT/manifest.json (see `Sample`). The recordings are the seed samples
and the sentences of Debian's pocketsphinx-testdata (without the package: the seed samples alone, and a note saying so).

`paused`: in each variant one or two gaps between words, drawn by seed, are made 0.2 to 0.7 s long. A gap is cut where
it is quietest, its edges are faded over 10 ms, and room tone lies in it: noise at the recording's own background level,
at least -66 dBFS, beneath the whole recording where that is quieter. Same seed, same samples, to the bit.

`long`: the same question, of about 3 s, alone and behind most of a minute of fluent talk, both spoken by the embedded
voice, whose own pauses are shortened to 100 ms. Together 54 s: a turn is cut at 29 s (docs/turns.md), so this is the
longest talk of two turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import wave
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.turns_material import MISSING, POCKETSPHINX, SAMPLES, Pcm16, load
from tts_bridge import VoiceSettings, open_voice, resample, trim_silence

WORD_TIMES = Path(__file__).parent / "word_times.json"
RATE_HZ = 16_000
PER_MS = RATE_HZ // 1000

SHORTEST_PAUSE_MS = 200
LONGEST_PAUSE_MS = 700
# One pause in a short sentence, two in a longer one; never in neighbouring gaps.
WORDS_FOR_TWO_PAUSES = 6
# The aligner is right to about this much; within it the quietest place is the gap.
SEARCH_MS = 60
# A word fades out behind the place where the aligner ends it. What is heard later is a breath, a click or the room: the
# measurement's gate knows levels alone and takes the loudest of it for a voice.
ALIGNED_WITHIN_MS = 100
FADE_MS = 10
# The tone of a quiet room at the level at which people speak; digital silence is no room.
LEAST_TONE_DBFS = -66.0

LONG_QUESTION = "So tell me, how much is seventy three minus three?"
LONG_ANSWER = "Seventy three minus three is seventy."
# Talk without a question in it, in sentences such as seed model 1 knew: what is tried is the length, not the words.
LONG_TALK = (
    "Listen, I have six apples and get eight more.",
    "Here is a list: duck and cow and horse.",
    "Pakistan is in Asia and France is in Europe.",
    "Nine is lower than fifty five.",
    "Swimming is a sport and a duck is a bird.",
    "It is twelve o'clock, and five hours before that it was seven o'clock.",
    "The opposite of day is night.",
    "Twenty five, thirty, thirty five, forty, forty five.",
    "I have ten pens and give three away.",
    "Sixty eight comes after sixty seven.",
    "The word evening has seven letters.",
    "Castles are old and made of stone.",
)
LONG_S = 56.0
LONGEST_GAP_MS = 100
QUIET_DBFS = -45.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch without speech inside a sentence, `at_ms` into the recording, `ms` long, behind the word `after`."""

    at_ms: int
    ms: int
    after: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One recording of the manifest: `file` below OUT, what is said in it, and what a model should answer
    (None where there is no one answer). `group` is seed, cards, librivox or commands; `name` is that of the source."""

    file: str
    set: str  # plain | paused | long
    name: str
    group: str
    kind: str  # human | synthetic
    text: str
    expected: str | None
    seconds: float
    pauses: tuple[Pause, ...] = ()
    key: str | None = None  # the words that any right answer has in it
    speech_end_ms: int | None = None  # nothing behind it is speech


@dataclass(frozen=True, slots=True)
class Source:
    """A recording as it came: `words` are (word, begin ms, end ms)."""

    name: str
    text: str
    words: tuple[tuple[str, int, int], ...]
    expected: str | None
    key: str | None = None

    def speech_end_ms(self, grown_ms: float = 0.0) -> int | None:
        """Where the last word is over, with the aligner's error; `grown_ms`: by how much the pauses made it longer."""
        return int(self.words[-1][2] + grown_ms) + ALIGNED_WITHIN_MS if self.words else None

    @property
    def group(self) -> str:
        return self.name.split("/")[0]

    @property
    def stem(self) -> str:
        return Path(self.name).stem

    @property
    def kind(self) -> str:
        return "synthetic" if self.group == "seed" else "human"


def path_of(name: str) -> Path:
    """The recording that `name`, a key of word_times.json, stands for."""
    group, _, file = name.partition("/")
    if group == "seed":
        return SAMPLES / file
    return POCKETSPHINX / (file if group == "commands" else name)


def sources() -> list[Source]:
    """All recordings that are on this machine, seed samples first."""
    answers = {entry["file"]: entry for entry in json.loads((SAMPLES / "expected.json").read_text())}
    known: dict[str, dict[str, Any]] = json.loads(WORD_TIMES.read_text())
    return [
        Source(
            name,
            entry["text"],
            tuple((w, b, e) for w, b, e in entry["words"]),
            answers.get(Path(name).name, {}).get("expected_answer"),
            answers.get(Path(name).name, {}).get("key"),
        )
        for name, entry in known.items()
        if path_of(name).is_file()
    ]


def pause_plan(source: Source, random: np.random.Generator) -> list[tuple[int, int]]:
    """Drawn pauses as (gap, ms), by gap: gap i is between word i and word i + 1; one word has none."""
    gaps = len(source.words) - 1
    if gaps < 1:
        return []
    wanted = 2 if len(source.words) >= WORDS_FOR_TWO_PAUSES else 1
    chosen: list[int] = []
    for gap in random.permutation(gaps):
        if len(chosen) < wanted and all(abs(int(gap) - other) > 1 for other in chosen):
            chosen.append(int(gap))
    # On a 10 ms grid, both ends included.
    return [
        (gap, 10 * int(random.integers(SHORTEST_PAUSE_MS // 10, LONGEST_PAUSE_MS // 10 + 1))) for gap in sorted(chosen)
    ]


def with_natural_pauses(
    pcm: Pcm16, source: Source, plan: Sequence[tuple[int, int]], random: np.random.Generator
) -> tuple[Pcm16, tuple[Pause, ...]]:
    """`pcm` (int16 [n], 16 kHz) with the gaps of `plan` made as long as it says; a gap that is longer stays."""
    tone_dbfs = max(LEAST_TONE_DBFS, background_dbfs(pcm))
    own_room = tone_dbfs > LEAST_TONE_DBFS
    pieces: list[np.ndarray[Any, Any]] = []
    pauses: list[Pause] = []
    done = 0
    length = 0
    for gap, wanted_ms in plan:
        (word, _, end_ms), (_, begin_ms, _) = source.words[gap], source.words[gap + 1]
        have_ms = max(0, begin_ms - end_ms)
        cut = quietest_ms(pcm, end_ms - SEARCH_MS * (not have_ms), begin_ms + SEARCH_MS * (not have_ms)) * PER_MS
        missing_ms = max(0, wanted_ms - have_ms)
        before = faded(pcm[done:cut], head=bool(pieces), tail=True)
        pieces += [before, room_tone(missing_ms * PER_MS, tone_dbfs, random)]
        # Where the gap is a pause already, silence begins with it and not at the cut.
        at_ms = (length + len(before)) // PER_MS - max(0, cut // PER_MS - end_ms) * bool(have_ms)
        pauses.append(Pause(at_ms, max(wanted_ms, have_ms), word))
        length += len(before) + missing_ms * PER_MS
        done = cut
    pieces.append(faded(pcm[done:], head=bool(pieces), tail=False))
    whole = np.concatenate(pieces).astype(np.float64)
    if not own_room:
        whole += room_tone(len(whole), LEAST_TONE_DBFS, random)
    return np.clip(np.rint(whole), -32768, 32767).astype(np.int16), tuple(pauses)


def background_dbfs(pcm: Pcm16) -> float:
    """Level of the quietest twentieth of the recording's 20 ms frames."""
    frames = pcm[: len(pcm) // 320 * 320].astype(np.float64).reshape(-1, 320)
    levels = 20 * np.log10(np.sqrt(np.square(frames).mean(axis=1)) / 32768 + 1e-6)
    return float(np.percentile(levels, 5))


def quietest_ms(pcm: Pcm16, from_ms: int, to_ms: int) -> int:
    """Middle of the quietest 20 ms between the two, ms; the middle of the stretch where it is shorter."""
    begins = range(max(0, from_ms), max(from_ms, to_ms - 20) + 1, 5)
    energy = [float(np.square(pcm[b * PER_MS : (b + 20) * PER_MS].astype(np.float64)).mean()) for b in begins]
    return begins[int(np.argmin(energy))] + 10


def faded(pcm: Pcm16, *, head: bool, tail: bool) -> np.ndarray[Any, Any]:
    """float64 copy whose ends fall to nothing over `FADE_MS`, so that a cut in a sounding voice does not click."""
    out = pcm.astype(np.float64)
    size = min(FADE_MS * PER_MS, len(out))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(size) + 0.5) / max(1, size))
    if head:
        out[:size] *= ramp
    if tail:
        out[len(out) - size :] *= ramp[::-1]
    return out


def room_tone(samples: int, level_dbfs: float, random: np.random.Generator) -> np.ndarray[Any, Any]:
    """Noise that falls by 6 dB per octave above 500 Hz, as a room's does: float64 [samples] at `level_dbfs` RMS."""
    if samples == 0:
        return np.zeros(0)
    pole = np.exp(-2 * np.pi * 500 / RATE_HZ)
    # The pole's impulse response is below -80 dB after 64 samples.
    noise = np.convolve(random.standard_normal(samples + 63), pole ** np.arange(64), mode="valid")
    level = 32768 * 10 ** (level_dbfs / 20)
    return np.asarray(noise * level / np.sqrt(np.square(noise).mean()))


def write(path: Path, pcm: Pcm16) -> float:
    """A mono 16 kHz WAV; returns its seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(pcm.astype("<i2").tobytes())
    return round(len(pcm) / RATE_HZ, 3)


def make(to: Path, variants: int = 3, seed: int = 0, *, long: bool = True) -> list[Sample]:
    """Write the whole set below `to`, with its manifest; `variants` recordings with pauses for each plain one."""
    samples: list[Sample] = []
    for source in sources():
        pcm = load(path_of(source.name))
        about: dict[str, Any] = {
            "name": source.name, "group": source.group, "kind": source.kind, "text": source.text,
            "expected": source.expected, "key": source.key,
        }  # fmt: skip
        file = f"plain/{source.stem}.wav"
        seconds = write(to / file, pcm)
        samples.append(Sample(file, "plain", **about, seconds=seconds, speech_end_ms=source.speech_end_ms()))
        for variant in range(variants):
            random = np.random.default_rng([seed, zlib.crc32(source.name.encode()), variant])
            plan = pause_plan(source, random)
            if not plan:
                continue
            paused, pauses = with_natural_pauses(pcm, source, plan, random)
            file = f"paused/{source.stem}.{variant}.wav"
            seconds = write(to / file, paused)
            end_ms = source.speech_end_ms((len(paused) - len(pcm)) / PER_MS)
            samples.append(Sample(file, "paused", **about, seconds=seconds, pauses=pauses, speech_end_ms=end_ms))
    if long:
        samples += asyncio.run(make_long(to))
    rows = ",\n".join(json.dumps(asdict(sample)) for sample in samples)
    (to / "manifest.json").write_text(f"[\n{rows}\n]\n")
    return samples


async def make_long(to: Path) -> list[Sample]:
    """The question alone, and behind `LONG_S` of talk; the question is the same samples in both."""
    voice = open_voice(VoiceSettings())
    await voice.warm_up()

    async def said(text: str) -> Pcm16:
        speech = await voice.synthesise(text)
        samples = resample(trim_silence(speech.samples, speech.sample_rate_hz), speech.sample_rate_hz, RATE_HZ)
        return fluent(np.asarray(samples, dtype=np.int16))

    try:
        question = await said(LONG_QUESTION)
        talk: list[Pcm16] = []
        clauses = [await said(clause) for clause in LONG_TALK]
        while sum(map(len, talk)) + len(clauses[len(talk) % len(clauses)]) < LONG_S * RATE_HZ:
            talk.append(clauses[len(talk) % len(clauses)])
    finally:
        await voice.close()
    whole = fluent(np.concatenate([*talk, question]))
    spoken = " ".join(LONG_TALK[index % len(LONG_TALK)] for index in range(len(talk)))
    return [
        Sample(file, "long", "hibari", "hibari", "synthetic", words(text), LONG_ANSWER, write(to / file, pcm))
        for file, text, pcm in (
            ("long/question.wav", LONG_QUESTION, question),
            ("long/question_after_talk.wav", f"{spoken} {LONG_QUESTION}", whole),
        )
    ]


def fluent(pcm: Pcm16) -> Pcm16:
    """`pcm` (int16 [n], 16 kHz) with every inner silence of more than `LONGEST_GAP_MS` cut down to that."""
    hop = 10 * PER_MS
    frames = pcm[: len(pcm) // hop * hop].reshape(-1, hop).astype(np.float64)
    loud = 20 * np.log10(np.sqrt(np.square(frames).mean(axis=1)) / 32768 + 1e-6) > QUIET_DBFS
    keep = np.ones(len(pcm), dtype=bool)
    places = np.flatnonzero(loud)
    for before, after in pairwise(places.tolist()):
        if (after - before - 1) * 10 > LONGEST_GAP_MS:
            half = LONGEST_GAP_MS // 2 * PER_MS
            keep[(before + 1) * hop + half : after * hop - half] = False
    return pcm[keep]


def words(text: str) -> str:
    return " ".join(text.lower().replace(",", "").replace("?", "").split())


def manifest(of: Path) -> list[Sample]:
    """The manifest that `make` wrote below `of`."""
    return [
        Sample(**{**entry, "pauses": tuple(Pause(**pause) for pause in entry["pauses"])})
        for entry in json.loads((of / "manifest.json").read_text())
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--variants", type=int, default=3, help="recordings with pauses for each sentence")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-long", action="store_true", help="leave out the minute of talk")
    arguments = parser.parse_args()
    samples = make(arguments.out, arguments.variants, arguments.seed, long=not arguments.no_long)
    if not POCKETSPHINX.is_dir():
        print(MISSING)
    for name in ("plain", "paused", "long"):
        of = [sample for sample in samples if sample.set == name]
        human = sum(sample.kind == "human" for sample in of)
        pauses = sum(len(sample.pauses) for sample in of)
        seconds = sum(sample.seconds for sample in of)
        print(f"{name}: {len(of)} recordings ({human} of people), {pauses} pauses, {seconds:.0f} s")


if __name__ == "__main__":
    main()
