"""What is heard in a turn besides words: right on rendered scenes, nothing in plain speech, however audio was cut."""

from __future__ import annotations

import functools
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming_encoder.sound_meter import SoundMeter, Sounds
from training.data import rooms, sounds

SAMPLES = sorted(Path(__file__).parents[1].glob("models/*/samples/*.wav"))
SPEECH = tuple(path for path in SAMPLES if not path.stem.endswith(("beeps_piper", "sweep_piper")))
FRAME = 1280
SCENES = 40
# What is unsure is not said; what is said is right. On these scenes both were seen to hold far more often.
LEAST_RIGHT, MOST_WRONG = 0.85, 0.05


@functools.cache
def recording(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert file.getframerate() == 16_000
        return np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32_768


def heard(samples: np.ndarray, cuts: list[int] | None = None, tail: int = 5 * FRAME, tried: bool = False) -> Sounds:
    """The sounds of a turn whose last `tail` samples are behind a tentative end."""
    samples = np.concatenate([samples, np.zeros(-len(samples) % FRAME, np.float32)])
    power = (samples.reshape(-1, 160).astype(np.float64) ** 2).mean(1)
    meter, end = SoundMeter(), len(samples) - tail
    for part in np.split(samples[:end], sorted(cuts or [])):
        meter.push(part)
        if tried:
            meter.measure(power, samples[end:])
    return meter.measure(power, samples[end:])


def facts(of: Sounds) -> tuple[object, ...]:
    return of.tones, of.glide, of.claps, of.background


def scene(made: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A recorded question with a sound before or behind it, in a room; every third with noise."""
    speech = recording(SPEECH[int(rng.integers(len(SPEECH)))])
    made = made * (rooms.rms(speech) * 1.4)
    gap = np.zeros(int(rng.uniform(0.25, 0.6) * 16_000), np.float32)
    parts = [made, gap, speech] if rng.random() < 0.5 else [speech, gap, made]
    noise = str(rng.choice(["white", "pink", "brown", "fan"]))
    room = rooms.Room(
        level_dbfs=float(rng.uniform(-30, -16)), reverb_s=float(rng.choice([0.0, 0.3, 0.6])), wet=0.4,
        snr_db=float(rng.uniform(16, 30)) if rng.random() < 0.33 else None, noise=noise,
    )  # fmt: skip
    placed, _ = rooms.place(np.concatenate(parts).astype(np.float32), (), room, rng)
    return placed


def row(rng: np.random.Generator, count: int, one: Callable[[], np.ndarray]) -> np.ndarray:
    gap_s, parts = float(rng.uniform(0.14, 0.4)), []
    for _ in range(count):
        parts += [one(), np.zeros(int((gap_s + rng.uniform(0, 0.08)) * 16_000), np.float32)]
    return np.concatenate(parts[:-1])


def beeps(rng: np.random.Generator) -> tuple[np.ndarray, object]:
    count, hz, seconds = int(rng.integers(1, 8)), float(rng.uniform(400, 2200)), float(rng.uniform(0.08, 0.25))
    return row(rng, count, lambda: sounds.tone(hz, seconds, rng) * 0.8), count


def claps(rng: np.random.Generator) -> tuple[np.ndarray, object]:
    count = int(rng.integers(1, 8))
    return row(rng, count, lambda: sounds.clap(rng) * 1.5), count


def sweep(rng: np.random.Generator) -> tuple[np.ndarray, object]:
    ends = [float(rng.uniform(250, 900)), float(rng.uniform(1200, 3000))]
    first, last = ends if rng.random() < 0.5 else ends[::-1]
    return sounds.sweep(first, last, float(rng.uniform(0.6, 2.0))) * 0.7, last > first


def two_tones(rng: np.random.Generator) -> tuple[np.ndarray, object]:
    hz, short = float(rng.uniform(400, 1200)), float(rng.uniform(0.2, 0.5))
    pitches, lengths = rng.permutation([hz, 1.7 * hz]), rng.permutation([short, 2.2 * short])
    parts = [sounds.tone(float(p), float(s), rng, 2) for p, s in zip(pitches, lengths, strict=True)]
    gap = np.zeros(int(rng.uniform(0.2, 0.5) * 16_000), np.float32)
    return np.concatenate([parts[0], gap, parts[1]]) * 0.7, (pitches[0] > pitches[1], lengths[0] > lengths[1])


def of_two(found: Sounds) -> object:
    if len(found.tones) != 2:
        return None
    first, second = found.tones
    return first.hz > second.hz, first.seconds > second.seconds


MADE: dict[str, tuple[Callable[[np.random.Generator], tuple[np.ndarray, object]], Callable[[Sounds], object]]] = {
    "beeps": (beeps, lambda found: len(found.tones) or None),
    "claps": (claps, lambda found: found.claps or None),
    "sweep": (sweep, lambda found: found.glide and found.glide.to_hz > found.glide.from_hz),
    "two tones": (two_tones, of_two),
}


@pytest.mark.parametrize("what", MADE)
def test_it_says_what_was_rendered_or_nothing(what: str) -> None:
    make, said_of = MADE[what]
    right = wrong = 0
    for seed in range(SCENES):
        rng = np.random.default_rng((77, seed))
        made, true = make(rng)
        said = said_of(heard(scene(made, rng)))
        right += said == true
        wrong += said is not None and said != true
    assert right >= LEAST_RIGHT * SCENES and wrong <= MOST_WRONG * SCENES, f"{right} right, {wrong} wrong"


@pytest.mark.parametrize("behind", ["quiet", "white", "pink", "brown", "fan", "music", "hum"])
def test_it_says_what_is_behind_a_voice(behind: str) -> None:
    wanted = behind if behind in ("quiet", "music", "hum") else "noise"
    for seed in range(6):
        rng = np.random.default_rng((5, seed))
        room = rooms.Room(
            reverb_s=0.4, wet=0.3, snr_db=None if behind == "quiet" else float(rng.uniform(5, 18)),
            noise="pink" if behind == "quiet" else behind, lead_s=float(rng.uniform(0.3, 1.2)),
        )  # fmt: skip
        placed, _ = rooms.place(recording(SPEECH[seed]), (), room, rng)
        assert heard(placed).background == wanted, seed


@pytest.mark.parametrize("path", SPEECH, ids=lambda path: path.stem)
def test_plain_speech_is_no_sound(path: Path) -> None:
    found = heard(recording(path))
    assert (found.tones, found.glide, found.claps) == ((), None, 0)


def test_nor_is_silence() -> None:
    for samples in (np.zeros(40_000, np.float32), np.zeros(0, np.float32)):
        found = heard(samples, tail=0)
        assert facts(found) == ((), None, 0, None if len(samples) == 0 else found.background)


def test_it_hears_the_sounds_of_the_published_samples() -> None:
    of = {path.stem.partition("_")[2]: heard(recording(path)) for path in SAMPLES}
    assert len(SPEECH) >= 10
    assert len(of["beeps_piper"].tones) > 0 and of["beeps_piper"].glide is None
    assert of["sweep_piper"].glide is not None and of["sweep_piper"].claps == 0


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(MADE)), st.lists(st.integers(0, 50_000), max_size=8), st.booleans())
def test_neither_cuts_nor_tentative_ends_change_what_is_heard(what: str, cuts: list[int], tried: bool) -> None:
    rng = np.random.default_rng(3)
    samples = scene(MADE[what][0](rng)[0], rng)
    whole = facts(heard(samples))
    assert any(whole[:3])
    assert facts(heard(samples, [min(cut, len(samples) - 5 * FRAME) for cut in cuts], tried=tried)) == whole


def test_what_comes_later_changes_no_slot() -> None:
    rng = np.random.default_rng(4)
    samples = scene(beeps(rng)[0], rng)
    early = heard(samples[: 30 * FRAME], tail=0)
    late = heard(samples, tail=0)
    size = len(early._slots)
    assert size > 200
    for name in early._slots.__slots__:
        assert np.array_equal(getattr(early._slots, name), getattr(late._slots, name)[:size]), name


def test_a_new_turn_begins_with_nothing() -> None:
    meter, quiet = SoundMeter(), np.full(16_000, 1e-4, np.float32)
    meter.push(sounds.tone(900, 1.0, np.random.default_rng(0)).astype(np.float32))
    meter.reset()
    meter.push(quiet)
    assert meter.measure((quiet.reshape(-1, 160).astype(np.float64) ** 2).mean(1), quiet[:0]).tones == ()


def test_a_tone_is_measured() -> None:
    rng = np.random.default_rng(1)
    silence = np.zeros(8000, np.float32)
    found = heard(np.concatenate([silence, sounds.tone(733, 0.42, rng) * 0.3, silence, silence]).astype(np.float32))
    assert len(found.tones) == 1
    assert found.tones[0].hz == pytest.approx(733, rel=0.003)
    assert found.tones[0].seconds == pytest.approx(0.42, abs=0.03)
    assert found.tones[0].start_s == pytest.approx(0.5, abs=0.03)


def test_what_stands_out_is_surely_no_speech() -> None:
    assert all(heard(recording(path)).stand_out == (path not in SPEECH) for path in SAMPLES)
    rng = np.random.default_rng(2)
    assert not heard(scene(sounds.clap(rng) * 1.5, rng)).stand_out, "one clap may be a key"


def test_of_a_long_turn_the_last_half_minute_counts() -> None:
    rng = np.random.default_rng(6)
    beep = sounds.tone(900, 0.3, rng).astype(np.float32)
    rest = np.zeros(40 * 16_000, np.float32)
    assert len(heard(np.concatenate([beep, rest, beep, rest[:16_000]]), list(range(0, 600_000, 10_240))).tones) == 1
