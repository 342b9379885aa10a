"""One trial of an evaluation: what is said to the model, and what it made of it. Values; they know no model."""

from __future__ import annotations

from dataclasses import dataclass

from training.items import Example


@dataclass(frozen=True, slots=True)
class Trial:
    """An exchange to be had.

    set: whose voice it is: `people`, or a family of synthetic voices. before: an exchange that stands in front, which
    the model answers itself. accepts: a pattern that a sensible answer matches, for talk whose answer has no key.
    """

    set: str
    example: Example
    before: Example | None = None
    accepts: str = ""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the model is run.

    chunk_frames: 50 Hz frames of a chunk, right_context_ms: both None for the checkpoint's own. listens: notes while
    the turn goes on, every `note_interval_ms`. think_tokens: after so many the thought is closed; None never closes it.
    cues: numbers that were measured are written into the thought (`realtime.mind.cues`); the product always does.
    """

    chunk_frames: int | None = None
    right_context_ms: int | None = None
    listens: bool = True
    note_interval_ms: int = 640
    think_tokens: int | None = None
    cues: bool = True


@dataclass(frozen=True, slots=True)
class Noted:
    """A word noted while the turn went on, and how much of the turn had been heard by then."""

    word: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote.

    heard: the line of what was heard. is_whole: it kept the format to the end. tokens_before: written behind the end of
    the turn before the answer; tokens_to_clause: before its first clause was whole, that clause included. Of both the
    share that was still to be written of the heard line counts, what had been noted does not.
    """

    heard: str
    noted: tuple[Noted, ...]
    thought: str
    answer: str
    is_whole: bool
    tokens_before: int
    tokens_to_clause: int

    @property
    def words(self) -> list[str]:
        return self.heard.split()
