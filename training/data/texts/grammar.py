"""Phrases with choices: `(hi|hello) [there], how are you [today|doing]` becomes one of its forms. Pure."""

from __future__ import annotations

import re

import numpy as np

_INNERMOST = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")
_SPACE = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+([,.?!])")

OPTIONAL_SHARE = 0.45


def expand(rng: np.random.Generator, pattern: str) -> str:
    """One form of a pattern: `(a|b)` is one of the two, `[a|b]` one of them or nothing. They may be nested."""
    while match := _INNERMOST.search(pattern):
        needed, optional = match.groups()
        if needed is not None:
            forms = needed.split("|")
            chosen = forms[int(rng.integers(len(forms)))]
        elif rng.random() < OPTIONAL_SHARE:
            forms = optional.split("|")
            chosen = forms[int(rng.integers(len(forms)))]
        else:
            chosen = ""
        pattern = pattern[: match.start()] + chosen + pattern[match.end() :]
    return _BEFORE_MARK.sub(r"\1", _SPACE.sub(" ", pattern)).strip(" ,")


def count(pattern: str) -> int:
    """How many forms a pattern has (equal ones counted twice)."""
    token = re.compile(r"[()\[\]|]|[^()\[\]|]+")
    parts = token.findall(pattern)

    def sequence(at: int) -> tuple[int, int]:
        total, product = 0, 1
        while at < len(parts):
            match parts[at]:
                case "(" | "[":
                    inner, after = sequence(at + 1)
                    product *= inner + (parts[at] == "[")
                    at = after
                case ")" | "]":
                    return total + product, at + 1
                case "|":
                    total, product, at = total + product, 1, at + 1
                case _:
                    at += 1
        return total + product, at

    return sequence(0)[0]
