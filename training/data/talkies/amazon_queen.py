"""Flight of the Amazon Queen: its resource file, its recordings and who says what. It knows no other game and no model.

`queen.1c` as rebuilt for ScummVM, big-endian: "QTBL", six characters of version, two bytes, one byte of compression
(1: MP3), uint16 count, then that many entries of name[12], uint8, uint32 offset, uint32 size. A recording is `NAME.SB`.

The script stands in three kinds of entry. A text is one byte of length and its characters; `*` and two characters
(or `*XYnn(xxx,yyy)`) are a stage direction that ends a part, and each part has its recording, numbered from 1 in hex.
  .DOG   a dialogue: after 20 bytes its header; the recording of part p is key(2 digits) line(4, hex) J or P, p:
         J is Joe, P whom he talks to, SSSS the opening and XXXX the greeting of a second visit.
  .CUT   a scene: a text for each of its objects; the recording is the scene's name, padded with `_` to five
         characters, the object's number (2 digits), p. Who speaks is not read here.
  QUEEN2.JAS  what Joe says of the things he looks at: line n of it is JOE, n + 40 (4 digits), p.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from training.data.talkies.utterance import TalkieUnreadable, Utterance
from training.items import SAMPLE_RATE_HZ

RESOURCES = "queen.1c"
SOURCE = "flight-of-the-amazon-queen"

_COMPRESSION_OFFSET, _MP3 = 12, 1
_TABLE_OFFSET = 13
_ENTRY = struct.Struct(">12sxII")
_BANK_HEADER = 20
_DIALOGUE_HEADER, _LEVEL_BYTES = 32, 96
_FIRST_DESCRIPTION = 40  # Joe's numbers up to here are general answers, whose texts are elsewhere
_DESCRIPTIONS = 724  # lines of QUEEN2.JAS after these are names of things
_DIRECTION = re.compile(r"\*(?:XY.{2}\(.{3},.{3}\)|.{2})", re.DOTALL)
_EFFECT = re.compile(r"\d+[A-Z]?S+$")
_PREFIX = "queen/"


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    person: str


class AmazonQueen:
    """The opened game.

    Args:
        folder: where queen.1c lies.

    Raises:
        TalkieUnreadable: no such file, or one that is not compressed with MP3.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / RESOURCES
        try:
            self._data = path.read_bytes()
            self._entries = _table(self._data)
        except (OSError, struct.error) as error:
            raise TalkieUnreadable(f"{path}: not the game's resource file: {error}") from error
        if self._data[_COMPRESSION_OFFSET] != _MP3:
            raise TalkieUnreadable(f"{path}: its recordings are not MP3: take the talkie with compressed speech")
        self._lines = dict(self._script())

    def speech(self) -> list[Utterance]:
        """Every recorded line, by key; a few dozen come without script."""
        names = [name for name in self._recordings() if not _EFFECT.match(name)]
        return [self._utterance(name, self._lines.get(name, _Line("", _person(name)))) for name in names]

    def effects(self) -> list[Utterance]:
        """Recordings of sounds, by key."""
        return [self._utterance(name, _Line("", "effects")) for name in self._recordings() if _EFFECT.match(name)]

    def _recordings(self) -> list[str]:
        return sorted(name[:-3] for name in self._entries if name.endswith(".SB"))

    def _utterance(self, name: str, line: _Line) -> Utterance:
        return Utterance(name, self._entry(name + ".SB"), decode_mp3, line.text, _PREFIX + line.person, SOURCE)

    def _entry(self, name: str) -> bytes:
        offset, size = self._entries[name]
        return self._data[offset : offset + size]

    def _script(self) -> Iterator[tuple[str, _Line]]:
        for name in sorted(self._entries):
            stem, _, kind = name.partition(".")
            try:
                if kind == "DOG":
                    yield from _dialogue(stem.lower(), self._entry(name)[_BANK_HEADER:])
                elif kind == "CUT":
                    yield from _scene(stem.lower(), self._entry(name)[_BANK_HEADER:])
            except (IndexError, struct.error) as error:
                raise TalkieUnreadable(f"{RESOURCES}: script {name} is cut short: {error}") from error
        if "QUEEN2.JAS" in self._entries:
            texts = self._entry("QUEEN2.JAS").decode("latin-1").split("\r\n")[:_DESCRIPTIONS]
            for number, text in enumerate(texts, _FIRST_DESCRIPTION + 1):
                yield from _parts(f"JOE{number:04}", text, "joe")


def decode_mp3(encoded: bytes) -> npt.NDArray[np.int16]:
    """MP3 frames → int16 [n], 16 kHz mono."""
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
    with av.open(io.BytesIO(encoded), "r", format="mp3") as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.int16)


def _table(data: bytes) -> dict[str, tuple[int, int]]:
    """Name → offset and size, in bytes."""
    if data[:4] != b"QTBL":
        raise struct.error("it does not begin with QTBL")
    (count,) = struct.unpack_from(">H", data, _TABLE_OFFSET)
    table = {}
    for index in range(count):
        name, offset, size = _ENTRY.unpack_from(data, _TABLE_OFFSET + 2 + index * _ENTRY.size)
        table[name.rstrip(b"\0").decode("ascii", "replace")] = (offset, size)
    return table


def _person(name: str) -> str:
    return "joe" if name.startswith("JOE") else "other"


def _int16(data: bytes, offset: int) -> int:
    value: int = struct.unpack_from(">h", data, offset)[0]
    return value


def _text(data: bytes, offset: int, align: int = 2) -> tuple[str, int]:
    """The text at `offset`, and where the next thing stands."""
    length = data[offset]
    end = offset + 1 + length
    text = data[offset + 1 : end].decode("latin-1")
    return text, -(-end // align) * align if length else end


def _parts(prefix: str, text: str, person: str) -> Iterator[tuple[str, _Line]]:
    for number, part in enumerate(_DIRECTION.split(text), 1):
        if any(character.isalpha() for character in part):
            yield f"{prefix}{number:x}".replace(" ", "0").upper(), _Line(part.strip(), person)


def _dialogue(stem: str, data: bytes) -> Iterator[tuple[str, _Line]]:
    levels, key, of_joe, of_person = (abs(_int16(data, offset)) for offset in (0, 4, 6, 8))
    person_offset, greeting_offset = _int16(data, 22), _int16(data, 26)
    joe_offset = _DIALOGUE_HEADER + levels * _LEVEL_BYTES
    person = stem.rstrip("0123456789")
    if _int16(data, joe_offset + 2) == 0:
        yield from _parts(f"{key:2}SSSSJ", _text(data, joe_offset + 4)[0], "joe")
    greeting, after = _text(data, greeting_offset)
    yield from _parts(f"{key:2}XXXXP", greeting, person)
    yield from _parts(f"{key:2}XXXXJ", _text(data, after)[0], "joe")
    for offset, count, letter, who in ((joe_offset, of_joe, "J", "joe"), (person_offset, of_person, "P", person)):
        for _ in range(count):
            line = _int16(data, offset + 2)
            text, offset = _text(data, offset + 4, align=4)  # noqa: PLW2901 — the next text stands where this one ends
            yield from _parts(f"{key:2}{line:4x}{letter}", text, who)


def _scene(stem: str, data: bytes) -> Iterator[tuple[str, _Line]]:
    objects, offset = abs(_int16(data, 2)), _int16(data, 8)
    _, offset = _text(data, offset)  # which way Joe looks
    for number in range(1, objects + 1):
        text, offset = _text(data, offset)
        if text and text[0] != "#":  # credits
            yield from _parts(f"{stem:_<5}{number:02}", text, f"scene-{stem}")
