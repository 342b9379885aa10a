"""What the model is taught: an exchange, and how it sounds. Frozen values; they know no files, voices or tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Item:
    """One exchange, before anybody has spoken it.

    kind: a path of two parts, e.g. `skill/add`, `talk/greeting`, `transcribe/wordnet`, `sound/beeps`, `voice/pitch`,
        `speech/none`, `speech/unclear`; the first part groups it in reports.
    spoken: what a voice is given, with punctuation; empty where there are no words.
    heard: what the model writes down of it: lower case, numbers in words, no punctuation but the apostrophe. Also
        `[no speech]` and `[unclear]`.
    thought: one line of reasoning; empty where there is nothing to reason.
    answer: what is said; empty for an item that is only written down (no loss behind the line of what was heard).
    key: the words that a right answer must contain, in the form of `heard`; empty where nothing can be verified.
    is_text: the user typed it: `spoken` is the text, there is no clip.
    """

    kind: str
    spoken: str
    heard: str
    thought: str = ""
    answer: str = ""
    key: str = ""
    is_text: bool = False

    @property
    def group(self) -> str:
        return self.kind.partition("/")[0]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.heard.split())


@dataclass(frozen=True, slots=True)
class Clip:
    """An item as it sounds: int16 [n], 16 kHz mono, with everything done to it that a room or a line does.

    word_end_ms: where each word of `heard` ends, in ms from the first sample; as the voice or the aligner says, or
        estimated from the lengths of the words.
    voice: family and name, e.g. `hibari/heart`.
    source: whose licence it is under; a key of `training.data.licences`.
    """

    samples: npt.NDArray[np.int16]
    word_end_ms: tuple[int, ...]
    voice: str
    source: str

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Example:
    """What one step of training learns from: an exchange and, unless it was typed, its sound."""

    item: Item
    clip: Clip | None
    labels: dict[str, str] = field(default_factory=dict)  # what was measured in the signal: pitch, rate, level, count …
