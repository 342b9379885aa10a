"""PCM out of a WAV file that was made for a pipe or by a stranger: mono or stereo, 16 bit, sizes not to be trusted.

Knows nothing of who sent it. Format: Microsoft Multimedia Programming Interface and Data Specifications 1.0, "WAVE".
"""

from __future__ import annotations

import struct

import numpy as np

from tts_bridge.levels import Samples

_FORMAT_PCM = 1
_FORMAT_EXTENSIBLE = 0xFFFE
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000


def read_wav(blob: bytes) -> tuple[Samples, int]:
    """(int16 [n], sample rate in Hz). Channels are averaged. Raises ValueError for anything else than 16-bit PCM.

    A data chunk whose size is 0, −1 or beyond the end (a writer that streamed) reaches to the end of the file.
    """
    if len(blob) < 12 or blob[:4] != b"RIFF" or blob[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    at, channels, rate_hz = 12, 0, 0
    while at + 8 <= len(blob):
        tag, size = blob[at : at + 4], int(struct.unpack_from("<I", blob, at + 4)[0])
        at += 8
        if tag == b"fmt ":
            channels, rate_hz = _read_format(blob[at : at + size])
        elif tag == b"data":
            if not channels:
                raise ValueError("the WAV file's data comes before its format")
            end = len(blob) if size in (0, 0xFFFFFFFF) else min(len(blob), at + size)
            frames = (end - at) // (2 * channels)
            samples = np.frombuffer(blob, "<i2", frames * channels, at)
            return _mono(samples, channels), rate_hz
        at += size + size % 2
    raise ValueError("the WAV file has no data")


def _read_format(chunk: bytes) -> tuple[int, int]:
    if len(chunk) < 16:
        raise ValueError("the WAV file's format chunk is cut off")
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag not in (_FORMAT_PCM, _FORMAT_EXTENSIBLE) or bits != 16 or channels not in (1, 2):
        raise ValueError(f"a WAV file of format {tag}, {bits} bit, {channels} channels: want 16-bit PCM")
    if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
        raise ValueError(f"a WAV file at {rate_hz} Hz")
    return channels, rate_hz


def _mono(samples: Samples, channels: int) -> Samples:
    if channels == 1:
        return samples.astype(np.int16)
    pairs = samples.reshape(-1, channels).astype(np.int32)
    mono: Samples = (pairs.sum(axis=1) // channels).astype(np.int16)
    return mono
