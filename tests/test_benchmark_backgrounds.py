"""Pauses and ends over the same background: what silence is made of must not tell which of the two it is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import backgrounds
from benchmarks.samples import Pcm16

RATE = 16_000
# Speech, a pause of 0.4 s, speech, the end; a room's tone under everything.
PAUSE, TAIL = (RATE, RATE + 6_400), (2 * RATE, 3 * RATE)


def spoken() -> Pcm16:
    random = np.random.default_rng(0)
    loud = np.ones(3 * RATE)
    for begin, end in (PAUSE, TAIL):
        loud[begin:end] = 0.001
    return np.rint(6_000 * loud * random.standard_normal(3 * RATE)).clip(-32768, 32767).astype(np.int16)


def level(pcm: Pcm16, span: tuple[int, int]) -> float:
    begin, end = span
    return float(np.abs(pcm[begin + 2_400 : end - 2_400].astype(np.int64)).mean())


@pytest.mark.parametrize("kind", backgrounds.SHARES)
def test_a_pause_sounds_like_the_silence_behind_the_end(kind: str) -> None:
    for seed in range(8):  # every noise of its own
        pcm = backgrounds.laid(kind, spoken(), [PAUSE, TAIL], np.random.default_rng(seed))
        assert pcm.shape == (3 * RATE,) and pcm.dtype == np.int16
        pause, tail = level(pcm, PAUSE), level(pcm, TAIL)
        if kind == "own":
            assert np.array_equal(pcm, spoken())
        elif kind == "noise":
            was = spoken()
            assert level(pcm - was, PAUSE) > level(was, PAUSE) and level(pcm - was, TAIL) > level(was, TAIL)
        else:
            assert pause == tail == 0


def test_what_was_said_stays() -> None:
    was = spoken()
    for kind in ("own", "cut", "gated"):
        pcm = backgrounds.laid(kind, was, [PAUSE, TAIL], np.random.default_rng(1))
        assert np.abs(pcm[1_600:14_400].astype(int) - was[1_600:14_400]).max() <= 1
    noisy = backgrounds.laid("noise", was, [PAUSE, TAIL], np.random.default_rng(1))
    added = noisy.astype(float) - was
    assert 0 < np.sqrt(np.square(added).mean()) < 6_000 * 10 ** (-backgrounds.SNR_DB[0] / 20)


def test_the_same_seed_lays_the_same() -> None:
    first, again = (backgrounds.laid("noise", spoken(), [TAIL], np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
