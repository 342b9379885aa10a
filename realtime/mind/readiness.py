"""The mind's vote on the end of a turn: how surely does what was heard end here? Numbers in, a number out.

Who has read the words knows better than a model of melody whether a question is complete. Two things the decoder says
anyway while it writes the line of what was heard:

    closing   log-probability of the line's end after its last word: low while the sentence asks for another word
    hearing   mean log-probability of the words written since the last notes: low where a word was cut in two

On the seed samples cut every 500 ms, complete questions have both above -0.015; `benchmarks/readiness.py` prints them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

# Below this probability the line's end itself is unlikely: an objection to ending the turn.
LEAST_CLOSING = 0.5
OBJECTION = 0.1
# A voice the model hears badly makes it unsure of every word: that says nothing about the end.
NEUTRAL = 0.5
# "Quick question", "okay", "hello": with so few words the end of the line is likely and says nothing about the turn.
# A yes to such openers began answers that were cut off at once (11 of 112 turns); silence decides about them.
LEAST_WORDS = 3
# Sharpens the sum: -0.036 becomes the 0.7 from which the turn machine takes it as a yes.
SHARPNESS = 10.0


def readiness(closing: float, hearing: Sequence[float], words: int) -> float:
    """A vote in 0..1 from log-probabilities (natural, <= 0) and the number of words of the whole line.

    `hearing` may be empty (all words were noted before).
    """
    if math.exp(closing) < LEAST_CLOSING:
        return OBJECTION
    if words < LEAST_WORDS:
        return NEUTRAL
    mean = sum(hearing) / len(hearing) if hearing else 0.0
    return max(NEUTRAL, math.exp(SHARPNESS * (closing + mean)))
