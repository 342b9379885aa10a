"""Token ids of the transcriber to text and back, from its own tokenizer file. It knows no network.

The pieces are all that is kept of the file; the merges and tables of a whole tokenizer would be ten times as much. In
GPT-2's vocabulary, which is Whisper's, they are not needed: a piece's id is the rank of the merge that makes it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Backend

from realtime.decoder.tokenizer import byte_level_alphabet
from realtime.errors import CheckpointError

_SPACE = "Ġ"  # how byte-level BPE (GPT-2) writes a space
# GPT-2 merges nothing across these borders: a contraction's end, a word or a number with the space before it.
_UNMERGED = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[a-zA-Z]+| ?[0-9]+| ?[^\sa-zA-Z0-9]+|\s+")


class Vocabulary:
    """Byte-level BPE. Raises CheckpointError where `path` is no tokenizer file."""

    def __init__(self, path: Path) -> None:
        try:
            backend: Any = Backend.from_file(str(path))
        except Exception as error:  # the library raises the bare class
            raise CheckpointError(f"{path} cannot be read as a tokenizer: {error}") from error
        pieces = [(backend.id_to_token(token) or "").encode() for token in range(backend.get_vocab_size())]
        self._pieces = b"".join(pieces)
        self._ends = np.array([0, *accumulate(map(len, pieces))], np.int32)
        self._sorted = np.array(sorted(range(len(pieces)), key=pieces.__getitem__), np.int32)
        added = backend.get_added_tokens_decoder()
        self._special = frozenset(token for token, entry in added.items() if entry.special)
        self._added = {token: entry.content.encode() for token, entry in added.items() if not entry.special}
        self._byte_of = byte_level_alphabet()
        marks = (piece + quote for piece in ".?!" for quote in ("", '"', "'"))
        self._sentence_ends = [int(id_) for mark in marks if (id_ := backend.token_to_id(mark)) is not None]

    def text(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens."""
        return b"".join(self._bytes(ids)).decode("utf-8", errors="replace")

    def ids(self, text: str) -> list[int]:
        """The token ids of plain words, as training had them: letters, digits, apostrophes, and spaces before words."""
        return [id_ for part in _UNMERGED.findall(text) for id_ in self._merged(part)]

    @lru_cache(maxsize=1024)  # noqa: B019 - there is one vocabulary, and it stays
    def _merged(self, part: str) -> tuple[int, ...]:
        """Byte-pair encoding: again and again the two neighbours whose piece has the lowest id become one."""
        pieces = list(part.replace(" ", _SPACE))
        while len(pieces) > 1:
            ranks = [self._id_of(left + right) for left, right in pairwise(pieces)]
            best = min((rank, at) for at, rank in enumerate(ranks))
            if best[0] == len(self._sorted):
                break
            pieces[best[1] : best[1] + 2] = [pieces[best[1]] + pieces[best[1] + 1]]
        return tuple(self._id_of(piece) for piece in pieces)

    def _id_of(self, piece: str) -> int:
        """The vocabulary's size where there is none."""
        sought = piece.encode()
        at = bisect_left(self._sorted, sought, key=self._piece_bytes)
        if at < len(self._sorted) and self._piece_bytes(int(self._sorted[at])) == sought:
            return int(self._sorted[at])
        return len(self._sorted)

    def begins_word(self, token: int) -> bool:
        """Whether the token begins with a space."""
        return self._piece(token).startswith(_SPACE)

    def letters(self, token: int) -> str:
        """Letters and digits of the token, in lower case. A part of a letter counts as one."""
        return "".join(character for character in self._piece(token).replace(_SPACE, "").lower() if character.isalnum())

    def sentence_ends(self) -> list[int]:
        """Ids of the marks that end a sentence, alone or with a quotation mark behind them."""
        return self._sentence_ends

    def _bytes(self, ids: Sequence[int]) -> Iterator[bytes]:
        for token in ids:
            if token in self._added:
                yield self._added[token]
            elif token not in self._special:
                yield bytes(self._byte_of[character] for character in self._piece(token))

    def _piece(self, token: int) -> str:
        """Empty for an id that the file does not have."""
        if not 0 <= token < len(self._ends) - 1:
            return ""
        return self._piece_bytes(token).decode()

    def _piece_bytes(self, token: int) -> bytes:
        return self._pieces[self._ends[token] : self._ends[token + 1]]
