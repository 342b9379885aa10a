"""G.711 against its own definition and, where Python still ships it, against the standard library."""

from __future__ import annotations

import importlib
import sys
import warnings

import numpy as np
import pytest

from realtime.protocol.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32_768, 32_768, dtype=np.int16)


def test_every_alaw_code_survives_a_round_trip() -> None:
    assert encode_alaw(decode_alaw(ALL_CODES)) == ALL_CODES


def test_every_mulaw_code_survives_a_round_trip_except_the_second_zero() -> None:
    again = encode_mulaw(decode_mulaw(ALL_CODES))
    # 0x7F is "minus zero": it sounds the same as 0xFF and has no sample of its own.
    assert again == ALL_CODES.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize(("encode", "decode"), [(encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)])
def test_the_error_stays_below_half_a_step(encode, decode) -> None:
    error = np.abs(decode(encode(ALL_SAMPLES)).astype(np.int64) - ALL_SAMPLES)
    # A segment at magnitude m has steps of at most m / 16, and the quietest steps are 8 (μ) and 16 (A) wide.
    within = np.abs(ALL_SAMPLES.astype(np.int64)) <= 32_635
    assert np.all(error[within] <= np.maximum(np.abs(ALL_SAMPLES.astype(np.int64))[within] // 32 + 5, 8))
    assert error.max() < 700


def test_order_of_the_samples_is_kept() -> None:
    for encode, decode in ((encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)):
        assert np.all(np.diff(decode(encode(ALL_SAMPLES)).astype(np.int64)) >= 0)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library")
def test_decoding_equals_the_standard_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = importlib.import_module("audioop")

    assert decode_mulaw(ALL_CODES).tobytes() == audioop.ulaw2lin(ALL_CODES, 2)
    assert decode_alaw(ALL_CODES).tobytes() == audioop.alaw2lin(ALL_CODES, 2)
    assert encode_alaw(ALL_SAMPLES) == audioop.lin2alaw(ALL_SAMPLES.tobytes(), 2)
    rising = ALL_SAMPLES[ALL_SAMPLES >= 0]  # negatives: audioop rounds down before it mirrors, the table mirrors first
    assert encode_mulaw(rising) == audioop.lin2ulaw(rising.tobytes(), 2)


def test_empty_audio_is_empty() -> None:
    assert decode_mulaw(b"").size == 0
    assert encode_alaw(np.zeros(0, np.int16)) == b""
