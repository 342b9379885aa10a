"""G.711 μ-law and A-law, as lookup tables in numpy. It knows nothing of formats, rates or events.

ITU-T G.711 (11/88). Decoding is one gather over 256 entries, encoding one gather over 65,536; both tables are
computed once at import from the segment arithmetic of the recommendation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MULAW_BIAS = 132  # 33 on the 14-bit scale of the recommendation, 4 × 33 on 16 bits
_MULAW_CLIP = 32_635  # the largest magnitude that still fits after the bias: 32,767 − 132
_ALAW_TOGGLE = 0x55  # every second bit is inverted on the line


def _mulaw_decode_table() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + _MULAW_BIAS) << ((code >> 4) & 7)) - _MULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode_table() -> NDArray[np.int16]:
    code = np.arange(256) ^ _ALAW_TOGGLE
    segment, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _linear() -> NDArray[np.int64]:
    """Every int16 value, at the index of its unsigned 16-bit pattern. [65536]"""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int64)


def _mulaw_encode_table() -> NDArray[np.uint8]:
    value = _linear()
    magnitude = np.minimum(np.abs(value), _MULAW_CLIP) + _MULAW_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = np.where(value < 0, 0x80, 0)
    codes: NDArray[np.int64] = ~(sign | (segment << 4) | mantissa) & 0xFF
    return codes.astype(np.uint8)


def _alaw_encode_table() -> NDArray[np.uint8]:
    value = _linear()
    # The negative side is mirrored with −x − 1, so that both sides have the same number of steps.
    magnitude = np.where(value >= 0, value, -value - 1) >> 3  # 13-bit scale
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 4, 0)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 0x0F
    sign = np.where(value >= 0, 0x80, 0)
    codes: NDArray[np.int64] = (sign | (segment << 4) | mantissa) ^ _ALAW_TOGGLE
    return codes.astype(np.uint8)


_MULAW_DECODE = _mulaw_decode_table()
_ALAW_DECODE = _alaw_decode_table()
_MULAW_ENCODE = _mulaw_encode_table()
_ALAW_ENCODE = _alaw_encode_table()


def decode_mulaw(codes: bytes) -> NDArray[np.int16]:
    """One int16 sample per byte. [n]"""
    return _MULAW_DECODE[np.frombuffer(codes, dtype=np.uint8)]


def decode_alaw(codes: bytes) -> NDArray[np.int16]:
    """One int16 sample per byte. [n]"""
    return _ALAW_DECODE[np.frombuffer(codes, dtype=np.uint8)]


def encode_mulaw(samples: NDArray[np.int16]) -> bytes:
    """One byte per int16 sample; magnitudes above 32,635 are clipped."""
    return _gather(_MULAW_ENCODE, samples)


def encode_alaw(samples: NDArray[np.int16]) -> bytes:
    """One byte per int16 sample."""
    return _gather(_ALAW_ENCODE, samples)


def _gather(table: NDArray[np.uint8], samples: NDArray[np.int16]) -> bytes:
    codes: NDArray[np.uint8] = table[np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)]
    return codes.tobytes()
