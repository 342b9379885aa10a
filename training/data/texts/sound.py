"""Questions about a sound: the words and the answer for a sound that is already known. Knows no signals.

The sound's own facts come in; `training.data.scenes` renders the sound first and passes what is true of it.
"""

from __future__ import annotations

import numpy as np

from training.data.spoken_form import heard, number
from training.data.texts.draft import begin, pick
from training.data.texts.grammar import expand
from training.items import Item

_COUNT = (
    "how many {0} (did you hear|were there|do you hear|can you count)", "count the {0}", "(can|could) you count the {0} [for me]",
    "tell me how many {0} (there were|you heard)", "what is the number of {0}", "how often did (it|something) {1}", "how many {0}",
)  # fmt: skip
_SWEEP = (
    "was the tone rising or falling", "did the (tone|sound) go up or down", "(is|was) the (tone|sound|pitch) going up or down", "which way did the tone (go|move)",
    "tell me if the tone was rising or falling", "does the tone rise or fall",
)  # fmt: skip
_BACKGROUND = (
    "what (is|do you hear) in the background", "what kind of background [sound|noise] (is there|do you hear)", "is there (noise|music|anything|something) in the background",
    "how is it around me", "what do you hear (around|behind) me", "is it quiet (here|around me)", "describe the background", "what is the background (like|sound)", "what sound is behind my voice",
)  # fmt: skip
_ORDER = (
    "which tone was higher, the first or the second", "was the second tone higher or lower [than the first]", "compare the two tones, which one was higher",
    "which of the two tones was higher", "which beep was higher, the first or the second one",
)  # fmt: skip
_LENGTH = (
    "which tone was longer, the first or the second", "was the second tone longer or shorter [than the first]", "which of the two tones (was|lasted) longer",
    "compare the two tones, which one was longer", "which beep was longer, the first or the second one",
)  # fmt: skip

BACKGROUNDS = {
    "quiet": ("It is quiet behind the voice.", "It is quiet in the background.", "quiet"),
    "noise": ("There is noise behind the voice.", "There is noise in the background.", "noise"),
    "music": ("There is music behind the voice.", "There is music in the background.", "music"),
    "hum": ("There is a hum behind the voice.", "There is a hum in the background.", "hum"),
}


def _item(kind: str, rng: np.random.Generator, question: str, thought: str, answer: str, key: str) -> Item:
    spoken = begin(rng, question, share=0.3)
    return Item(f"sound/{kind}", spoken, heard(spoken), thought, answer, key)


def counted(rng: np.random.Generator, thing: str, count: int) -> Item:
    """thing: `beep` or `clap`."""
    question = expand(rng, pick(rng, _COUNT).format(f"{thing}s", thing))
    row = ", ".join(f"{thing} {number(k)}" for k in range(1, count + 1))
    plural = "" if count == 1 else "s"
    return _item(
        f"{thing}s", rng, question, f"I heard: {row}.", f"I heard {number(count)} {thing}{plural}.", number(count)
    )


def swept(rng: np.random.Generator, first_hz: float, last_hz: float) -> Item:
    word = "rising" if last_hz > first_hz else "falling"
    thought = (
        f"The tone moved from about {round(first_hz, -2):.0f} to {round(last_hz, -2):.0f} hertz, so it was {word}."
    )
    return _item("sweep", rng, expand(rng, pick(rng, _SWEEP)), thought, f"The tone was {word}.", word)


def background(rng: np.random.Generator, kind: str) -> Item:
    thought, answer, key = BACKGROUNDS[kind]
    return _item("background", rng, expand(rng, pick(rng, _BACKGROUND)), thought, answer, key)


def tone_order(rng: np.random.Generator, first_hz: float, second_hz: float) -> Item:
    which = "first" if first_hz > second_hz else "second"
    thought = f"The first tone is about {round(first_hz, -2):.0f} hertz, the second about {round(second_hz, -2):.0f}: the {which} is higher."
    return _item(
        "tone_order", rng, expand(rng, pick(rng, _ORDER)), thought, f"The {which} tone was higher.", f"{which}"
    )


def tone_length(rng: np.random.Generator, first_s: float, second_s: float) -> Item:
    which = "first" if first_s > second_s else "second"
    thought = (
        f"The first tone lasts about {first_s:.1f} seconds, the second about {second_s:.1f}: the {which} is longer."
    )
    return _item(
        "tone_length", rng, expand(rng, pick(rng, _LENGTH)), thought, f"The {which} tone was longer.", f"{which}"
    )
