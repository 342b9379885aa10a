"""When each word of a clause has been spoken, estimated from its text and its sound. Knows no voice and no playout."""

from __future__ import annotations

import re

from tts_bridge.levels import Samples, voiced_span

_WORD = re.compile(r"\S+")


def word_ends(text: str, pcm: Samples) -> list[tuple[int, int]]:
    """For each word of `text`: (its end in the text, the sample of `pcm` by which it has been spoken).

    Speech inside a clause is taken to run at an even pace of spoken characters over the clause's voiced span.
    """
    matches = list(_WORD.finditer(text))
    start, end = voiced_span(pcm)
    total = sum(_spoken_length(match.group()) for match in matches)
    ends, so_far = [], 0.0
    for match in matches:
        so_far += _spoken_length(match.group())
        at_sample = start + round((end - start) * so_far / total) if total else end
        ends.append((match.end(), at_sample))
    return ends


def _spoken_length(word: str) -> float:
    """About how many letters are pronounced: "1999" is said in eighteen, "%" in seven, a full stop is a pause."""
    length = 0.0
    for char in word:
        if char.isdigit():
            length += 4.5
        elif char.isalpha():
            length += 1.0
        elif char in "$€£¥₹%°&@=+×÷":
            length += 6.0
        elif char in ",.;:!?…—":
            length += 1.5
    return length
