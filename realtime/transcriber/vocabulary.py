"""Token ids of the transcriber to text, over its own tokenizer file. It knows no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend

from realtime.errors import CheckpointError

_SPACE = "Ġ"  # how byte-level BPE (GPT-2) writes a space


class Vocabulary:
    """Byte-level BPE. Raises CheckpointError where `path` is no tokenizer file."""

    def __init__(self, path: Path) -> None:
        try:
            self._backend: Any = Backend.from_file(str(path))
        except Exception as error:  # the library raises the bare class
            raise CheckpointError(f"{path} cannot be read as a tokenizer: {error}") from error

    def text(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens."""
        text: str = self._backend.decode(list(ids), skip_special_tokens=True)
        return text

    def begins_word(self, token: int) -> bool:
        """Whether the token begins with a space."""
        return self._piece(token).startswith(_SPACE)

    def letters(self, token: int) -> str:
        """Letters and digits of the token, in lower case. A part of a letter counts as one."""
        return "".join(character for character in self._piece(token).replace(_SPACE, "").lower() if character.isalnum())

    def sentence_ends(self) -> list[int]:
        """Ids of the marks that end a sentence, alone or with a quotation mark behind them."""
        marks = (piece + quote for piece in ".?!" for quote in ("", '"', "'"))
        return [int(id_) for mark in marks if (id_ := self._backend.token_to_id(mark)) is not None]

    def _piece(self, token: int) -> str:
        return self._backend.id_to_token(token) or ""
