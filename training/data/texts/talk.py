"""Small talk with a voice agent: what people say that is neither a question of knowledge nor a task, and what to answer.

Every answer is short, true of Forethought, and consistent with the others. Knows no voices.
"""

from __future__ import annotations

import numpy as np

from training.data.spoken_form import heard, sentence
from training.data.texts.draft import Draft, Maker, pick
from training.data.texts.grammar import expand
from training.data.texts.intents import INTENTS, Intent
from training.items import Item

_BEFORE = (
    "hey",
    "hi",
    "hello",
    "okay",
    "so",
    "well",
    "um",
    "oh",
    "alright",
    "uh",
    "Forethought",
    "hey Forethought",
    "right",
    "listen",
    "excuse me",
)
_NEVER_BEFORE = frozenset(
    {"greeting", "morning", "goodbye", "thanks", "filler", "yes", "no", "laugh", "microphone", "name_call"}
)


def _maker(name: str, intent: Intent) -> Maker:
    def make(rng: np.random.Generator) -> Draft:
        phrase = expand(rng, pick(rng, intent.phrases))
        argument = f"talk/{name} {heard(phrase)}"
        if name not in _NEVER_BEFORE and rng.random() < 0.25:
            phrase = f"{pick(rng, _BEFORE)}, {phrase}"
        spoken = sentence(phrase)
        answer = pick(rng, intent.answers)
        return Draft(Item(f"talk/{name}", spoken, heard(spoken), intent.thought, answer, intent.key), argument)

    return make


MAKERS: dict[str, Maker] = {name: _maker(name, intent) for name, intent in INTENTS.items()}
