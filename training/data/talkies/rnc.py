"""Rob Northen's compression, method 1, unpacked. It knows bytes and no game.

A block begins with "RNC\\1", the sizes unpacked and packed (uint32) and a CRC-16 of each, big-endian, and two bytes of
bookkeeping. Then chunks: bits are read from the low end of little-endian words; three Huffman tables (of literal runs,
distances and lengths; 5 bits of count, 4 bits for the length of each code, codes in order of length), a 16-bit count of
pairs, and as many runs of literal bytes, which stand between the words, each but the last followed by a copy from
before.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
from numba import njit

HEADER_BYTES = 18
_HEADER = struct.Struct(">4sIIHH2x")
_WORD_BITS = 16

# The reader's state, int64 [3]: the bits left of the current word, how many they are, where the next byte stands.
_WORD, _LEFT, _NEXT = 0, 1, 2


class RncDamaged(ValueError):
    """A block does not unpack to what its header promises."""


def unpack(block: bytes) -> bytes:
    """The bytes that were packed; raises RncDamaged where the header or a checksum does not fit."""
    if len(block) < HEADER_BYTES:
        raise RncDamaged(f"a block of {len(block)} bytes has no header")
    magic, unpacked_size, packed_size, unpacked_crc, packed_crc = _HEADER.unpack_from(block)
    if magic != b"RNC\x01":
        raise RncDamaged(f"a block of method 1 begins with RNC and 1, this one with {magic!r}")
    packed = np.frombuffer(block, np.uint8)[HEADER_BYTES : HEADER_BYTES + packed_size]
    if len(packed) != packed_size or _crc(packed) != packed_crc:
        raise RncDamaged("the packed bytes do not fit their checksum")
    unpacked = np.zeros(unpacked_size, np.uint8)
    if not _unpack(packed, unpacked) or _crc(unpacked) != unpacked_crc:
        raise RncDamaged("the unpacked bytes do not fit their checksum")
    return unpacked.tobytes()


def checksum(data: bytes) -> int:
    """CRC-16 with the reversed polynomial 0xA001, from 0."""
    return int(_crc(np.frombuffer(data, np.uint8)))


@njit(cache=True)
def _crc(data: npt.NDArray[np.uint8]) -> int:
    crc = 0
    for byte in data:
        crc ^= int(byte)
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


@njit(cache=True)
def _bits(data: npt.NDArray[np.uint8], state: npt.NDArray[np.int64], count: int) -> int:
    value, got = 0, 0
    while got < count:
        if state[_LEFT] == 0:
            at = state[_NEXT]
            low = int(data[at]) if at < len(data) else 0
            high = int(data[at + 1]) if at + 1 < len(data) else 0
            state[_WORD], state[_LEFT], state[_NEXT] = low | (high << 8), _WORD_BITS, at + 2
        take = min(count - got, state[_LEFT])
        value |= (state[_WORD] & ((1 << take) - 1)) << got
        state[_WORD] >>= take
        state[_LEFT] -= take
        got += take
    return value


@njit(cache=True)
def _read_table(data: npt.NDArray[np.uint8], state: npt.NDArray[np.int64], table: npt.NDArray[np.int64]) -> None:
    """Into table [2, 32]: the code of each symbol, its bits in the order in which they are read, and its length."""
    table[:] = 0
    count = _bits(data, state, 5)
    for symbol in range(count):
        table[1, symbol] = _bits(data, state, 4)
    code = 0
    for length in range(1, _WORD_BITS):
        for symbol in range(count):
            if table[1, symbol] == length:
                for bit in range(length):
                    table[0, symbol] |= ((code >> bit) & 1) << (length - 1 - bit)
                code += 1
        code <<= 1


@njit(cache=True)
def _value(data: npt.NDArray[np.uint8], state: npt.NDArray[np.int64], table: npt.NDArray[np.int64]) -> int:
    """The number that the next code stands for; −1 where there is no such code."""
    code = 0
    for length in range(1, _WORD_BITS):
        code |= _bits(data, state, 1) << (length - 1)
        for symbol in range(table.shape[1]):
            if table[1, symbol] == length and table[0, symbol] == code:
                # Symbols from 2 on stand for a power of two and as many bits as follow it.
                return symbol if symbol < 2 else (1 << (symbol - 1)) | _bits(data, state, symbol - 1)
    return -1


@njit(cache=True)
def _unpack(data: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8]) -> bool:
    """Fills `out`; False where the data do not make sense."""
    state = np.zeros(3, np.int64)
    tables = np.zeros((3, 2, 32), np.int64)
    _bits(data, state, 2)  # locked and keyed: neither occurs
    done = 0
    while done < len(out):
        for table in tables:
            _read_table(data, state, table)
        pairs = _bits(data, state, 16)
        if pairs == 0:
            return False
        for pair in range(pairs):
            run = _value(data, state, tables[0])
            start = state[_NEXT]
            if run < 0 or done + run > len(out):
                return False
            if run:  # without one the last word may already have reached past the end
                if start + run > len(data):
                    return False
                out[done : done + run] = data[start : start + run]
                state[_NEXT] += run
                done += run
            if pair < pairs - 1:
                distance = _value(data, state, tables[1]) + 1
                length = _value(data, state, tables[2]) + 2
                if distance < 1 or length < 2 or distance > done or done + length > len(out):
                    return False
                for _ in range(length):  # byte by byte: a copy may run into itself
                    out[done] = out[done - distance]
                    done += 1
    return True
