"""Small game files made by the tests: RNC blocks, a resource file of the Amazon Queen, a disk of Steel Sky."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from training.data.talkies import rnc

# Every symbol has a code of five bits, so the code of a symbol is the symbol itself, highest bit first.
_SYMBOLS, _CODE_BITS = 31, 5


class _Bits:
    """Bits in little-endian words; a word's place is taken when its first bit is written, as the reader loads it."""

    def __init__(self) -> None:
        self.out = bytearray()
        self._at, self._used = -2, 16

    def put(self, value: int, count: int) -> None:
        for bit in range(count):
            if self._used == 16:
                self._at, self._used = len(self.out), 0
                self.out += b"\0\0"
            word = int.from_bytes(self.out[self._at : self._at + 2], "little") | ((value >> bit) & 1) << self._used
            self.out[self._at : self._at + 2] = word.to_bytes(2, "little")
            self._used += 1

    def number(self, value: int) -> None:
        symbol = value if value < 2 else value.bit_length()
        self.put(int(f"{symbol:05b}"[::-1], 2), _CODE_BITS)
        if symbol >= 2:
            self.put(value & ((1 << (symbol - 1)) - 1), symbol - 1)


def pack(chunks: Sequence[Sequence[tuple[bytes, tuple[int, int] | None]]]) -> tuple[bytes, bytes]:
    """An RNC block of chunks of (literals, (distance, length) or None at a chunk's end), and what it unpacks to."""
    bits, plain = _Bits(), bytearray()
    bits.put(0, 2)
    for chunk in chunks:
        for _ in range(3):
            bits.put(_SYMBOLS, 5)
            for _ in range(_SYMBOLS):
                bits.put(_CODE_BITS, 4)
        bits.put(len(chunk), 16)
        for literals, copy in chunk:
            bits.number(len(literals))
            bits.out += literals
            plain += literals
            if copy:
                distance, length = copy
                bits.number(distance - 1)
                bits.number(length - 2)
                for _ in range(length):
                    plain.append(plain[-distance])
    packed, whole = bytes(bits.out), bytes(plain)
    header = struct.pack(
        ">4sIIHHBB", b"RNC\x01", len(whole), len(packed), rnc.checksum(whole), rnc.checksum(packed), 0, len(chunks)
    )
    return header + packed, whole


def mp3(samples: npt.NDArray[np.int16]) -> bytes:
    """int16 [n] at 11,025 Hz → MP3."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=11_025, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16p", layout="mono")
        frame.sample_rate = 11_025
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _text(text: str, at: int, align: int = 2) -> bytes:
    raw = bytes([len(text)]) + text.encode("latin-1")
    return raw + b"\0" * (-(at + len(raw)) % align) if text else raw


def dialogue(key: int, joe: dict[int, str], person: dict[int, str], again: tuple[str, str]) -> bytes:
    """A .DOG entry without levels: line number → text, of Joe and of whom he talks to; `again` is (person, Joe)."""
    body = bytearray(32)
    for number, text in joe.items():
        body += struct.pack(">hh", 0, number) + _text(text, len(body) + 4, align=4)
    struct.pack_into(">H", body, 22, len(body))
    for number, text in person.items():
        body += struct.pack(">hh", 0, number) + _text(text, len(body) + 4, align=4)
    struct.pack_into(">H", body, 26, len(body))
    for text in again:
        body += _text(text, len(body))
    struct.pack_into(">5h", body, 0, 0, 0, key, len(joe), len(person))
    return bytes(20) + bytes(body)


def scene(texts: Sequence[str]) -> bytes:
    """A .CUT entry with a text for each object."""
    body = bytearray(12)
    struct.pack_into(">hhhhh", body, 0, 0, -len(texts), 0, 0, len(body))
    for text in ("*FL", *texts):
        body += _text(text, len(body))
    return bytes(20) + bytes(body)


def write_queen(folder: Path, entries: dict[str, bytes], compression: int = 1) -> None:
    head = b"QTBLCEM10\0\0\0" + bytes([compression]) + struct.pack(">H", len(entries))
    offset = len(head) + 21 * len(entries)
    table, data = b"", b""
    for name, content in entries.items():
        table += struct.pack(">12sBII", name.encode(), 1, offset + len(data), len(content))
        data += content
    (folder / "queen.1c").write_bytes(head + table + data)


def write_sky(folder: Path, recordings: dict[int, bytes]) -> None:
    """number → what stands on the disk; every second one lies beyond a marked offset in units of 16 bytes."""
    disk, index = bytearray(16), struct.pack("<I", len(recordings))
    for place, (number, content) in enumerate(recordings.items()):
        disk += bytes(-len(disk) % 16)
        offset = len(disk) // 16 | 1 << 23 if place % 2 else len(disk)
        index += number.to_bytes(2, "little") + offset.to_bytes(3, "little") + len(content).to_bytes(3, "little")
        disk += content
    (folder / "sky.dnr").write_bytes(index)
    (folder / "sky.dsk").write_bytes(bytes(disk))
