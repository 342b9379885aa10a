"""A dialect of one letter per token for the mind's tests, and a driver that runs a mind's work on a tiny decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from realtime.decoder.decoder import Decoder
from realtime.decoder.sequence import Row
from realtime.engine.memory import DecoderMemory
from realtime.engine.messages import FromEngine
from realtime.mind import Dialect, Mind, SpecialTokens
from realtime.mind.cues import Voice
from realtime.mind.ears import HeardLine, Standing
from realtime.mind.lanes import AnswerLane
from realtime.mind.memory import Symbol
from realtime.mind.work import Lane

SPECIAL = SpecialTokens(im_start=1, im_end=2, audio_start=3, audio_end=5, listen=8, wait=10, think=11, think_end=14)
NEWLINE = 20
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FIRST_LETTER = 30
OTHER = 60


def encode(text: str) -> list[int]:
    """One token per character: a newline, 26 letters, and one id for everything else."""
    return [
        NEWLINE if char == "\n" else FIRST_LETTER + LETTERS.index(char) if char in LETTERS else OTHER for char in text
    ]


class Letters:
    """The way back."""

    def push(self, token_id: int) -> str:
        if token_id == NEWLINE:
            return "\n"
        at = token_id - FIRST_LETTER
        return LETTERS[at] if 0 <= at < len(LETTERS) else " "

    def flush(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class TinyVoice:
    pitch_hz: float | None
    level_dbfs: float = -30.0
    speech_s: float = 1.0


class TinyDialect(Dialect):
    """Its thoughts come to a measured number wherever a line ends with a "v"; one z for every 100 Hz."""

    def cue(self, thought_line: str, voice: Voice | None, heard: str) -> list[Symbol]:
        if voice is None or voice.pitch_hz is None or not thought_line.endswith("v"):
            return []
        return encode("z" * int(voice.pitch_hz / 100))


def tiny_dialect() -> Dialect:
    return TinyDialect(encode, Letters, SPECIAL, "be brief")


def standing_line(words: Iterable[str]) -> HeardLine:
    """What a transcriber heard, where it is not to be contested."""
    return HeardLine(tuple(words), confidence=-0.5, doubt=0.0, finish=0.0, standing=Standing.STANDS)


def tiny_mind(decoder: Decoder, **options: Any) -> Mind:
    return Mind("session", tiny_dialect(), DecoderMemory(decoder), note_interval_frames=2, **options)


def step(decoder: Decoder, mind: Mind, choose: Callable[[Lane], int]) -> list[FromEngine]:
    """Run everything that waits in one batch, guesses included; `choose` gives the token at each lane's tip."""
    work = list(mind.work())
    if not work:
        return []
    rows = [
        Row(entry.seq, entry.seq.pending, entry.lane is not None, tuple(_guess(entry.lane)))  # type: ignore[arg-type]
        for entry in work
    ]
    decoder.step(rows)
    said: list[FromEngine] = []
    for entry in work:
        mind.ran(entry.lane)
    for entry in work:
        if entry.lane is not None:
            said += mind.accept(entry.lane, choose(entry.lane))
            while mind.goes_on(entry):
                said += mind.accept(entry.lane, choose(entry.lane))
    return said


def _guess(lane: Lane | None) -> list[int]:
    return lane.draft.guess(6) if isinstance(lane, AnswerLane) else []
