"""The corpus file: sentences, definitions, words and names, one a line with its source, gzip. Read once, kept as bytes.

Written by `corpus_build` from packages; small enough to carry to a machine that has none of them. Knows no voices.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np

FORMAT = "forethought-texts 1"


class BadCorpus(Exception):
    """A corpus file that cannot be read. Says which, and how to make one."""


class Lines:
    """Many short texts in one block of bytes: a list of a million `str` would be ten times as large in each worker."""

    def __init__(self, texts: Iterable[str]) -> None:
        encoded = [text.encode() for text in texts]
        self._block = b"".join(encoded)
        self._ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        start = int(self._ends[index - 1]) if index else 0
        return self._block[start : int(self._ends[index])].decode()

    def draw(self, rng: np.random.Generator) -> str:
        return self[int(rng.integers(len(self)))]


class Corpus:
    """Texts by section: `wordnet`, `gcide`, `fortunes`, `words`, `names`, `cities`, `define` (word, tab, gloss) …"""

    def __init__(self, sections: dict[str, Lines]) -> None:
        self.sections = sections

    @classmethod
    def load(cls, path: Path) -> Corpus:
        try:
            text = gzip.decompress(path.read_bytes()).decode()
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise BadCorpus(f"{path} is no corpus file: make one with the data stage's texts step") from error
        head, *lines = text.split("\n")
        if head != FORMAT:
            raise BadCorpus(f"{path} begins with {head[:40]!r}, not with {FORMAT!r}: make it anew")
        found: dict[str, list[str]] = {}
        for line in lines:
            section, _, rest = line.partition("\t")
            if rest:
                found.setdefault(section, []).append(rest)
        return cls({name: Lines(texts) for name, texts in found.items()})

    def has(self, section: str) -> bool:
        return section in self.sections

    def draw(self, rng: np.random.Generator, section: str) -> str:
        return self.sections[section].draw(rng)


def save(path: Path, sections: dict[str, list[str]]) -> None:
    """Deterministic: the same texts give the same file."""
    lines = [FORMAT]
    for name in sorted(sections):
        lines += [f"{name}\t{text}" for text in sections[name]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))
