"""The checklist of small talk: what a person says to try out an agent, and what is a sensible answer to it.

An answer is sensible when it matches the line's pattern and is no longer than two sentences. It knows words only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.data.spoken_form import heard
from training.items import Item

MOST_SENTENCES = 2
_SENTENCE = re.compile(r"[^.!?]+[.!?]+(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Line:
    """spoken: as a voice gets it; accepts: a pattern, searched in lower case. before: said a turn earlier."""

    spoken: str
    accepts: str
    before: str = ""

    @property
    def item(self) -> Item:
        return Item("talk/checklist", self.spoken, heard(self.spoken))

    @property
    def item_before(self) -> Item:
        return Item("talk/checklist", self.before, heard(self.before))


LINES = (
    Line("Hello!", r"\b(hello|hi|hey|welcome)\b"),
    Line("Good morning.", r"\bmorning\b"),
    Line("How are you?", r"\b(well|fine|good|great|okay)\b"),
    Line("Who are you?", r"\b(assistant|forethought)\b"),
    Line("What is your name?", r"\bforethought\b"),
    Line("Can you hear me?", r"^(?!.*\b(can't|cannot|can not|not hear)\b).*\b(yes|hear you)\b"),
    Line("Are you still there?", r"\b(yes|here|listening)\b"),
    Line("Are you a human?", r"\b(no|not|assistant|program|machine|ai)\b"),
    Line("What can you do?", r"\b(answer|help|count|listen|talk|questions?|tell|think)\b"),
    Line("Can you help me?", r"\b(yes|course|sure|help|happy|glad)\b"),
    Line("Thank you very much.", r"\b(welcome|pleasure|glad|any ?time|happy)\b"),
    Line("Goodbye.", r"\b(goodbye|bye|see you|take care|later)\b"),
    Line("What did I just say?", r"\bbicycle\b.*\bgarden\b", before="The green bicycle is in the garden."),
)


def is_sensible(answer: str, accepts: str) -> bool:
    """Whether `answer` is one that the checklist takes."""
    sentences = sum(" " in each.strip() for each in _SENTENCE.findall(answer))  # "Hello!" is none
    return sentences <= MOST_SENTENCES and re.search(accepts, answer.lower(), re.DOTALL) is not None
