"""Text to token ids and back, over a checkpoint's tokenizer.json. It knows no prompts (see the mind's dialect)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend

from realtime.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """Ids that structure a prompt, from the `tokens` section of config.json."""

    pad: int
    im_start: int
    im_end: int
    eos: int
    audio_start: int
    audio_end: int
    listen: int
    wait: int
    think: int
    think_end: int

    @classmethod
    def from_config(cls, section: Mapping[str, Any]) -> SpecialTokens:
        """Raises CheckpointError where an id is missing."""
        try:
            return cls(**{field.name: int(section[field.name]) for field in fields(cls)})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json, section tokens: {error!r} is missing or not a number") from error


class Tokenizer:
    """Byte-level BPE. `encode` takes text as text: a marker such as <|im_end|> in it does not become that token."""

    def __init__(self, path: Path, special: SpecialTokens) -> None:
        try:
            self._backend: Any = Backend.from_file(str(path))
        except Exception as error:  # the library raises the bare class
            raise CheckpointError(f"{path} cannot be read as a tokenizer: {error}") from error
        self._backend.encode_special_tokens = True  # "encode them as text", in the library's words
        self.special = special

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text; no special token is recognised in it or added to it."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens by their names; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.token_bytes(token) for token in ids).decode("utf-8", errors="replace")

    def token_bytes(self, token: int) -> bytes:
        """The bytes one token stands for (perhaps half a character). Raises ValueError for an unknown id."""
        if not 0 <= token < len(self._bytes):
            raise ValueError(f"token id {token} is not in the vocabulary of {len(self._bytes)}")
        return self._bytes[token]

    @cached_property
    def _bytes(self) -> list[bytes]:
        added = {token: entry.content for token, entry in self._backend.get_added_tokens_decoder().items()}
        size = self._backend.get_vocab_size(with_added_tokens=True)
        byte_of = byte_level_alphabet()
        table = []
        for token in range(size):
            piece = added.get(token)
            if piece is not None:
                table.append(piece.encode())
            else:
                table.append(bytes(byte_of[character] for character in self._backend.id_to_token(token) or ""))
        return table


def byte_level_alphabet() -> dict[str, int]:
    """The printable character that byte-level BPE (GPT-2) writes for each byte, reversed."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}
