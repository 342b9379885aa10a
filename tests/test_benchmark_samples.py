"""The sample set "natural": the same every time, nothing lost, and as quiet in its pauses as the manifest says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.samples import (
    FADE_MS,
    LONGEST_GAP_MS,
    LONGEST_PAUSE_MS,
    PER_MS,
    RATE_HZ,
    SHORTEST_PAUSE_MS,
    Source,
    fluent,
    make,
    manifest,
    path_of,
    pause_plan,
    sources,
    with_natural_pauses,
)
from realtime.turns.decisions import level_dbfs
from realtime.turns.listener import as_float32
from tests.turns_material import load

SEED = [source for source in sources() if source.group == "seed"]


@given(st.sampled_from(sources()), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_pauses_lie_in_gaps_and_lose_nothing_of_the_recording(source: Source, seed: int) -> None:
    pcm = load(path_of(source.name))
    random = np.random.default_rng(seed)
    plan = pause_plan(source, random)
    paused, pauses = with_natural_pauses(pcm, source, plan, random)
    gaps = [gap for gap, _ in plan]
    assert gaps == sorted(gaps) and all(b - a > 1 for a, b in pairwise(gaps))
    assert all(SHORTEST_PAUSE_MS <= ms <= LONGEST_PAUSE_MS for _, ms in plan)
    added = (len(paused) - len(pcm)) // PER_MS
    assert 0 <= added <= sum(ms for _, ms in plan)
    assert [pause.after for pause in pauses] == [source.words[gap][0] for gap in gaps]
    # Up to the first pause it is the recording's own, but for the room tone beneath it.
    first = (pauses[0].at_ms - FADE_MS) * PER_MS if pauses else len(pcm)
    assert np.abs(paused[:first].astype(int) - pcm[:first]).max(initial=0) < 100


@pytest.mark.parametrize("source", SEED, ids=lambda source: source.stem)
def test_a_pause_is_quiet_for_as_long_as_it_says(source: Source) -> None:
    random = np.random.default_rng(7)
    plan = [(gap, 700) for gap, _ in pause_plan(source, random)]
    paused, pauses = with_natural_pauses(load(path_of(source.name)), source, plan, random)
    audio = as_float32(paused)
    for pause in pauses:
        # All of it but for 120 ms: where the words were spoken without a gap, the aligner is not exact at its edges.
        begin, end = (pause.at_ms + 60) * PER_MS, (pause.at_ms + pause.ms - 60) * PER_MS
        assert level_dbfs(audio[begin:end]) < level_dbfs(audio) - 20, pause


def test_fluent_talk_has_no_pause_and_loses_no_sound() -> None:
    sound = np.full(RATE_HZ // 2, 3000, np.int16)
    silence = np.zeros(RATE_HZ // 3, np.int16)
    short = np.zeros(80 * PER_MS, np.int16)
    talk = fluent(np.concatenate([sound, silence, sound, short, sound]))
    assert np.count_nonzero(talk) == 3 * len(sound)
    assert len(talk) == 3 * len(sound) + (LONGEST_GAP_MS + 80) * PER_MS + (len(silence) % (10 * PER_MS))


def test_the_set_is_the_same_every_time_and_says_what_it_holds(tmp_path: Path) -> None:
    first = make(tmp_path / "a", variants=1, long=False)
    second = make(tmp_path / "b", variants=1, long=False)
    assert first == second == manifest(tmp_path / "a")
    for sample in first:
        assert (tmp_path / "a" / sample.file).read_bytes() == (tmp_path / "b" / sample.file).read_bytes()
    assert {sample.set for sample in first} == {"plain", "paused"}
    assert all(sample.text and bool(sample.pauses) == (sample.set == "paused") for sample in first)
    assert sum(sample.expected is not None for sample in first if sample.set == "plain") == 14
