"""Whether a chain of thought rests on what can be heard: it names an acoustic cue that is true, and its answer follows.

Pure: words and numbers of a thought against what was measured in the rendered signal. It knows the questions of
`training.data.texts.sound` and `.voice`, and no signals. Criteria 1 and 2 of MGRD (Step-Audio-R1 report, section 4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.data.spoken_form import heard, number
from training.items import Example

PERCEIVED = ("sound", "voice")  # groups of questions whose answer needs the sound itself


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A cited number is true within `share` of the measured one, or within `most` of its unit, whichever is wider."""

    share: float
    most: float

    def holds(self, cited: float, measured: float) -> bool:
        return abs(cited - measured) <= max(self.share * abs(measured), self.most) + 1e-9


# A semitone is 6 %: pitch is called true within two or so. Rates and lengths are rounded to 0.1, levels to 5 dB.
_TOLERANCES = {
    "voice/pitch": Tolerance(0.15, 15.0),
    "voice/sex": Tolerance(0.15, 15.0),
    "voice/rate": Tolerance(0.2, 0.4),
    "voice/level": Tolerance(0.0, 6.0),
    "sound/sweep": Tolerance(0.2, 150.0),
    "sound/tone_order": Tolerance(0.2, 100.0),
    "sound/tone_length": Tolerance(0.25, 0.2),
}
_UNITS = {
    "voice/pitch": "hertz",
    "voice/sex": "hertz",
    "voice/rate": "words a second",
    "voice/level": "decibels",
    "sound/sweep": "hertz",
    "sound/tone_order": "hertz",
    "sound/tone_length": "seconds",
}
_LABELS = {
    "voice/pitch": "pitch_hz",
    "voice/sex": "pitch_hz",
    "voice/rate": "words_per_s",
    "voice/level": "level_dbfs",
}
# An answer names one of these; who names two has not answered.
CHOICES: dict[str, tuple[str, ...]] = {
    "voice/pitch": ("high", "low"),
    "voice/rate": ("fast", "slowly"),
    "voice/level": ("loud", "quiet"),
    "voice/sex": ("man", "woman"),
    "sound/sweep": ("rising", "falling"),
    "sound/background": ("quiet", "noise", "music", "hum"),
    "sound/tone_order": ("first", "second"),
    "sound/tone_length": ("first", "second"),
}
_COUNTED = {"sound/beeps": "beep", "sound/claps": "clap"}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# How a thought says what its answer says in another form.
_SAME = {"slow": "slowly"}


@dataclass(frozen=True, slots=True)
class Grounding:
    """cites: names a cue of the kind that was asked for. is_true: and it is so. follows: and so is the conclusion."""

    cites: bool
    is_true: bool
    follows: bool

    @property
    def holds(self) -> bool:
        return self.cites and self.is_true and self.follows


NONE = Grounding(False, False, False)


def grounding(example: Example, thought: str, answer: str) -> Grounding:
    """Of a thought and an answer to a question of `PERCEIVED`; of other questions there is none."""
    kind = example.item.kind
    if kind in _COUNTED:
        return _counted(_COUNTED[kind], example, thought, answer)
    if kind == "sound/background":
        return _background(example, thought, answer)
    if kind in _TOLERANCES:
        return _measured(example, thought, answer)
    return NONE


def cited(kind: str, thought: str) -> tuple[float, ...]:
    """The numbers that a thought gives, if it gives them in the unit of its kind of question."""
    if _UNITS.get(kind, "hertz") not in thought:
        return ()
    return tuple(float(text) for text in _NUMBER.findall(thought))


def measured(example: Example) -> tuple[float, ...]:
    """What the cues are: the label, or where that only names the class, the thought that was written of the signal."""
    label = example.labels.get(_LABELS.get(example.item.kind, ""))
    return (float(label),) if label else cited(example.item.kind, example.item.thought)


def _measured(example: Example, thought: str, answer: str) -> Grounding:
    kind = example.item.kind
    said, true = cited(kind, thought), measured(example)
    cites = bool(said)
    is_true = cites and len(said) == len(true)
    is_true = is_true and all(_TOLERANCES[kind].holds(a, b) for a, b in zip(said, true, strict=True))
    return Grounding(cites, is_true, is_true and _follows(kind, said, thought, answer))


def _follows(kind: str, said: tuple[float, ...], thought: str, answer: str) -> bool:
    """The thought concludes what the answer says, and where two numbers are compared, as they compare."""
    concluded = choices(kind, _conclusion(kind, thought))
    if concluded != choices(kind, answer) or len(concluded) != 1:
        return False
    if len(said) != 2:
        return True
    names = ("falling", "rising") if kind == "sound/sweep" else ("first", "second")
    return concluded == {names[said[1] > said[0]]}


def _conclusion(kind: str, thought: str) -> str:
    """Where a thought compares the first with the second it names both; what it concludes stands behind the colon."""
    return thought.rpartition(":")[2] if kind in ("sound/tone_order", "sound/tone_length") else thought


def choices(kind: str, text: str) -> set[str]:
    """Which of the answers that a question of this kind can have a text names."""
    words = [_SAME.get(word, word) for word in heard(text).split()]
    return set(words) & set(CHOICES.get(kind, ()))


def _counted(thing: str, example: Example, thought: str, answer: str) -> Grounding:
    """ "beep one, beep two": the count is as long as the row, and no number is left out."""
    row = re.findall(rf"\b{thing} ([a-z]+(?: [a-z]+)?)(?=[,.]|$)", thought)
    cites = bool(row)
    is_true = cites and row == [number(k) for k in range(1, len(row) + 1)] and number(len(row)) == example.item.key
    return Grounding(cites, is_true, is_true and number(len(row)) in heard(answer))


def _background(example: Example, thought: str, answer: str) -> Grounding:
    kind = example.item.kind
    named = choices(kind, thought)
    is_true = named == {example.item.key}
    return Grounding(bool(named), is_true, is_true and choices(kind, answer) == named)
