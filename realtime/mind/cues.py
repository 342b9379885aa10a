"""Cues: where a thought comes to what was measured in the turn's sound, or follows from itself, it is written for it.

The model was trained to consult a measurement before it judges ("The voice is about 210 hertz, which is high.", "I
heard: beep one, beep two."). When to do so is the model's, and what to answer; what was measured the encoder's meters
know better, and where a lesson's text follows from it by a rule (`training.data.texts.voice` and `.sound`), so does the
rest of the line. What a thought has begun to calculate is calculated (`realtime.mind.working`), and of a sum that was
said it is the numbers that were said. It knows words and numbers as those texts have them; no lane, no signal and no
weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from realtime.mind.memory import Symbol
from realtime.mind.working import said_sum, worked


class Tone(Protocol):
    """A sound of one pitch."""

    @property
    def seconds(self) -> float: ...

    @property
    def hz(self) -> float: ...


class Glide(Protocol):
    """A tone that rises or falls."""

    @property
    def from_hz(self) -> float: ...

    @property
    def to_hz(self) -> float: ...


class Sounds(Protocol):
    """What is heard besides words (`streaming_encoder.Sounds` is one). None, 0 or empty: nothing of it for certain."""

    @property
    def tones(self) -> Sequence[Tone]: ...

    @property
    def glide(self) -> Glide | None: ...

    @property
    def claps(self) -> int: ...

    @property
    def background(self) -> str | None: ...


class Voice(Protocol):
    """What the mind asks of a meter (`streaming_encoder.Voice` is one): of the turn that is being answered.

    pitch_hz: None where too little is voiced. level_dbfs: of what is speech; speech_s: how much of it there is.
    """

    @property
    def pitch_hz(self) -> float | None: ...

    @property
    def level_dbfs(self) -> float: ...

    @property
    def speech_s(self) -> float: ...

    @property
    def sounds(self) -> Sounds: ...


# The classes of the lessons (`training.data.scenes`). Between the two nothing was taught: there the model says.
LOW_HZ, HIGH_HZ = 150.0, 185.0
MAN_HZ, WOMAN_HZ = 155.0, 165.0
SLOW_WPS, FAST_WPS = 2.5, 3.5
QUIET_DBFS, LOUD_DBFS = -31.0, -20.0
# As far as the lessons count is seven; a row may be somewhat longer, but it is not the place to count for minutes.
COUNTED = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
BEHIND = {"quiet": "quiet", "noise": "noise", "music": "music", "hum": "a hum"}
# Two tones are compared that last at least as long; the lessons' shortest is 0.15 s.
LEAST_TONE_S = 0.1

_VOICE_IS = re.compile(
    r"The voice (?:is about \d+ hertz(, which is| and sounds like a)"
    r"|(is at about) -?\d+ decibels, which is"
    r"|says about [\d.]+ words a second, which is)"
)
# A question about tones that was heard as one about a town is thought about as one.
_FIRST_TONE = re.compile(
    r"The first \w+ (is|lasts) about(?: [\d.]+ (?:hertz|seconds), the second about( [\d.]+: the)?)?"
)
_GLIDED = re.compile(r"The \w+ moved from about(?: \d+ to \d+ hertz, so it was)?")


def cue(line: str, voice: Voice | None, heard: str) -> str:
    """What `line`, the thought's last line so far, must go on with; "" where nothing known belongs there.

    voice: measured in the turn's sound; None for a typed turn. heard: the line of what was heard.
    """
    words = heard.split()
    if follows := worked(line, words):
        return follows
    return "" if voice is None else measured(line, voice, len(words))


def measured(line: str, voice: Voice, words: int) -> str:
    """Of `cue`, what was measured. words: of the turn, as heard; for the rate."""
    match line:
        case "The voice is about" if voice.pitch_hz is not None:
            return f" {round(voice.pitch_hz, -1):.0f}"
        case "The voice is at about":
            return f" {5 * round(voice.level_dbfs / 5)}"
        case "The voice says about" if words and voice.speech_s > 0:
            return f" {words / voice.speech_s:.1f}"
        case "I heard: beep":
            return _row("beep", len(voice.sounds.tones))
        case "I heard: clap":
            return _row("clap", voice.sounds.claps)
        case "It is quiet" | "There is" if words:
            return _behind(line, voice.sounds.background)
    if judged := _VOICE_IS.fullmatch(line):
        return _judgement(judged, voice, words)
    if compared := _FIRST_TONE.fullmatch(line):
        return _comparison(compared, voice.sounds.tones)
    if _GLIDED.fullmatch(line):
        return _direction(line.endswith("was"), voice.sounds.glide)
    return ""


def cue_tokens(encode: Callable[[str], list[Symbol]], line: str, voice: Voice | None, heard: str) -> list[Symbol]:
    """As `cue`, in the tokens that the whole line would have in training; none where a tokenizer joins across them."""
    known = cue(line, voice, heard)
    if not known:
        return []
    before, whole = encode(line), encode(line + known)
    return whole[len(before) :] if whole[: len(before)] == before else []


def opening_tokens(encode: Callable[[str], list[Symbol]], begun: str, heard: str) -> list[Symbol]:
    """What a thought must begin with in place of its first token; none where that token stands.

    A token can be wrong before there is a line to go on with, as the first digit of a sum is. That the thought
    calculates is the model's decision all the same: `begun`, the text of the token that it chose, is a digit.
    """
    return encode(said_sum(heard.split())) if begun.isascii() and begun.isdigit() else []


def last_line(line: str, text: str) -> str:
    """The last line of a thought whose last line was `line` and that goes on with `text`."""
    return (line + text).rpartition("\n")[2]


# --- the voice ----------------------------------------------------------------------------------------


def _judgement(judged: re.Match[str], voice: Voice, words: int) -> str:
    """The class that the lessons put a measured voice in."""
    match judged.groups():
        case (", which is", _):
            return _class(voice.pitch_hz, (LOW_HZ, " low"), (HIGH_HZ, " high"))
        case (str(), _):
            return _class(voice.pitch_hz, (MAN_HZ, " man"), (WOMAN_HZ, " woman"))
        case (_, str()):
            return _class(voice.level_dbfs, (QUIET_DBFS, " quiet"), (LOUD_DBFS, " loud"))
    rate = words / voice.speech_s if words and voice.speech_s > 0 else None
    return _class(rate, (SLOW_WPS, " slow"), (FAST_WPS, " fast"))


def _class(value: float | None, low: tuple[float, str], high: tuple[float, str]) -> str:
    if value is None or low[0] < value < high[0]:
        return ""
    return low[1] if value <= low[0] else high[1]


# --- sounds -------------------------------------------------------------------------------------------


def _row(thing: str, count: int) -> str:
    """Behind the first `thing`: all of them, counted."""
    if not 0 < count <= len(COUNTED):
        return ""
    return f" {f', {thing} '.join(COUNTED[:count])}."


def _behind(line: str, background: str | None) -> str:
    """What is behind the voice, whichever way the sentence was begun."""
    if background is None:
        return ""
    if line == "There is":
        return f" {BEHIND[background]} behind the voice."
    if background == "quiet":
        return " behind the voice."
    # What is written stays; the line that the answer follows from is then the next, as it is taught.
    return f" no more.\nThere is {BEHIND[background]} behind the voice."


def _comparison(compared: re.Match[str], tones: Iterable[Tone]) -> str:
    """Of two tones the one, the other, or which of them is higher or longer."""
    both = [tone for tone in tones if tone.seconds >= LEAST_TONE_S]
    if len(both) != 2:
        return ""
    is_pitch = compared[1] == "is"
    values = [tone.hz if is_pitch else tone.seconds for tone in both]
    if compared[2] is not None:
        return " first" if values[0] > values[1] else " second"
    value = values["second about" in compared[0]]
    return f" {round(value, -2):.0f}" if is_pitch else f" {value:.1f}"


def _direction(is_asked: bool, glide: Glide | None) -> str:
    if glide is None:
        return ""
    if is_asked:
        return " rising" if glide.to_hz > glide.from_hz else " falling"
    return f" {round(glide.from_hz, -2):.0f} to {round(glide.to_hz, -2):.0f}"
