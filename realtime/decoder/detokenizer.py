"""Token ids to text deltas, never half a character. It knows one lane's undecoded tail of bytes and nothing else."""

from __future__ import annotations

import codecs
from typing import Protocol


class TokenBytes(Protocol):
    """The part of a tokenizer that a detokenizer needs."""

    def token_bytes(self, token: int) -> bytes: ...


class Detokenizer:
    """The concatenation of all `push` results and `flush` equals `Tokenizer.decode` of the ids pushed."""

    def __init__(self, tokenizer: TokenBytes) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that is complete now; "" while a character is still open."""
        return self._decoder.decode(self._tokenizer.token_bytes(token_id))

    def flush(self) -> str:
        """What is left at the end: "", or U+FFFD for a character that was never completed. Ready for new ids then."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
