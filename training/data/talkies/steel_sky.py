"""Beneath a Steel Sky, the CD talkie: its index, its packed recordings. It knows no other game, script or model.

`sky.dnr`, little-endian: uint32 count, then entries of uint16 number, uint24 offset into sky.dsk (in units of 16 bytes
where bit 23 is set) and uint24 size with flags above bit 21. Recordings are the numbers from 50,000 to 59,999. Each is
a header of 22 bytes and one RNC block, 8 bit unsigned samples at 11,025 Hz behind 42 bytes more of header.

The texts are packed with tables inside the game's program, so what a line says is not known here, nor who says it:
speakers are named by their hundred of lines, which mostly belong to one conversation.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from training.data.talkies import rnc
from training.data.talkies.utterance import TalkieUnreadable, Utterance
from training.items import SAMPLE_RATE_HZ

INDEX, DISK = "sky.dnr", "sky.dsk"
SOURCE = "beneath-a-steel-sky"

_ENTRY_BYTES = 8
_SPEECH = range(50_000, 60_000)
_FAR, _UNIT_BYTES = 1 << 23, 16
_SIZE_MASK = (1 << 22) - 1
_HEADER_BYTES, _WAVE_HEADER_BYTES = 22, 64
_RATE_HZ = 11_025


class SteelSky:
    """The opened game.

    Args:
        folder: where sky.dnr and sky.dsk lie.

    Raises:
        TalkieUnreadable: a file is missing or the index is cut short.
    """

    def __init__(self, folder: Path) -> None:
        try:
            index, self._disk = (folder / INDEX).read_bytes(), (folder / DISK).read_bytes()
            (count,) = struct.unpack_from("<I", index)
        except (OSError, struct.error) as error:
            raise TalkieUnreadable(f"{folder}: {error}") from error
        if len(index) < 4 + count * _ENTRY_BYTES:
            raise TalkieUnreadable(f"{folder / INDEX} promises {count} entries and is {len(index)} bytes long")
        self._entries = dict(_entry(index, 4 + at * _ENTRY_BYTES) for at in range(count))

    def speech(self) -> list[Utterance]:
        """Every recorded line, by number; the few that are damaged on the disk itself are left out."""
        found = []
        for number in sorted(set(self._entries) & set(_SPEECH)):
            unpacked = self._unpacked(number)
            if unpacked is not None:
                speaker = f"sky/{number // 100}"
                found.append(Utterance(str(number), unpacked, decode_pcm, "", speaker, SOURCE))
        return found

    def effects(self) -> list[Utterance]:
        return []

    def _unpacked(self, number: int) -> bytes | None:
        offset, size = self._entries[number]
        try:
            return rnc.unpack(self._disk[offset + _HEADER_BYTES : offset + size])[_WAVE_HEADER_BYTES - _HEADER_BYTES :]
        except rnc.RncDamaged:
            return None


def decode_pcm(encoded: bytes) -> npt.NDArray[np.int16]:
    """8 bit unsigned at 11,025 Hz → int16 [n], 16 kHz mono."""
    centred = (np.frombuffer(encoded, np.uint8).astype(np.float32) - 128) / 128
    at_16_khz = soxr.resample(centred, _RATE_HZ, SAMPLE_RATE_HZ)
    clipped: npt.NDArray[np.int16] = np.clip(at_16_khz * 32768, -32768, 32767).astype(np.int16)
    return clipped


def _entry(index: bytes, at: int) -> tuple[int, tuple[int, int]]:
    """An entry's number, and its offset and size in bytes."""
    number = int.from_bytes(index[at : at + 2], "little")
    offset = int.from_bytes(index[at + 2 : at + 5], "little")
    size = int.from_bytes(index[at + 5 : at + 8], "little") & _SIZE_MASK
    return number, ((offset & (_FAR - 1)) * _UNIT_BYTES if offset & _FAR else offset, size)
