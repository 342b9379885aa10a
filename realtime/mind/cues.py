"""Measured cues: where a thought comes to a number that was measured in the turn's sound, the number is written for it.

The model was trained to consult a measurement before it judges a voice ("The voice is about 210 hertz, which is
high."). When to do so, and what follows, is the model's; the number itself the encoder's meter knows better. It knows
words and numbers as the training texts have them (`training.data.texts.voice`); no lane, no signal and no weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from realtime.mind.memory import Symbol


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


def cue(line: str, voice: Voice | None, words: int) -> str:
    """What `line`, the thought's last line so far, must go on with; "" where no measured number belongs there.

    words: of the turn, as heard; for the rate.
    """
    if voice is None:
        return ""
    match line:
        case "The voice is about" if voice.pitch_hz is not None:
            return f" {round(voice.pitch_hz, -1):.0f}"
        case "The voice is at about":
            return f" {5 * round(voice.level_dbfs / 5)}"
        case "The voice says about" if words and voice.speech_s > 0:
            return f" {words / voice.speech_s:.1f}"
        case _:
            return ""


def cue_tokens(encode: Callable[[str], list[Symbol]], line: str, voice: Voice | None, words: int) -> list[Symbol]:
    """As `cue`, in the tokens that the whole line would have in training; none where a tokenizer joins across them."""
    number = cue(line, voice, words)
    if not number:
        return []
    before, whole = encode(line), encode(line + number)
    return whole[len(before) :] if whole[: len(before)] == before else []


def last_line(line: str, text: str) -> str:
    """The last line of a thought whose last line was `line` and that goes on with `text`."""
    return (line + text).rpartition("\n")[2]
