"""Measured cues of sounds and judgements: what is written stands so in the taught texts; where unsure, nothing is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.decoder.tokenizer import Tokenizer
from realtime.mind import cues
from realtime.mind.cues import cue, cue_tokens
from streaming_encoder.sounds import Glide, Tone
from tests import decoder_tiny
from training.data import scenes
from training.data.spoken_form import number
from training.data.texts import sound, voice

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Sounds:
    tones: tuple[Tone, ...] = ()
    glide: Glide | None = None
    claps: int = 0
    background: str | None = None


@dataclass(frozen=True)
class Measured:
    pitch_hz: float | None = None
    level_dbfs: float = -25.0
    speech_s: float = 4.0
    sounds: Sounds = field(default_factory=Sounds)


def beeps(count: int) -> Measured:
    return Measured(sounds=Sounds(tones=tuple(Tone(float(k), 0.2, 900.0) for k in range(count))))


def two(hz: tuple[float, float], seconds: tuple[float, float]) -> Measured:
    return Measured(sounds=Sounds(tones=tuple(Tone(float(k), seconds[k], hz[k]) for k in range(2))))


Taught = tuple[str, Measured, int, list[str]]  # a thought, what was measured, words heard, what the cues are to write
COUNTS = st.integers(1, 7)
HZ = st.floats(250, 3000)


def counted(count: int) -> Taught:
    row = ", beep ".join(number(k) for k in range(1, count + 1))
    return sound.counted(RNG, "beep", count).thought, beeps(count), 4, [f" {row}."]


def clapped(count: int) -> Taught:
    row = ", clap ".join(number(k) for k in range(1, count + 1))
    return sound.counted(RNG, "clap", count).thought, Measured(sounds=Sounds(claps=count)), 4, [f" {row}."]


def swept(ends: tuple[float, float]) -> Taught:
    said = [f" {round(ends[0], -2):.0f} to {round(ends[1], -2):.0f}", " rising" if ends[1] > ends[0] else " falling"]
    return sound.swept(RNG, *ends).thought, Measured(sounds=Sounds(glide=Glide(*ends))), 4, said


def ordered(hz: tuple[float, float]) -> Taught:
    said = [f" {round(hz[0], -2):.0f}", f" {round(hz[1], -2):.0f}", " first" if hz[0] > hz[1] else " second"]
    return sound.tone_order(RNG, *hz).thought, two(hz, (0.4, 0.4)), 4, said


def lengthened(s: tuple[float, float]) -> Taught:
    said = [f" {s[0]:.1f}", f" {s[1]:.1f}", " first" if s[0] > s[1] else " second"]
    return sound.tone_length(RNG, *s).thought, two((700.0, 700.0), s), 4, said


def behind(kind: str) -> Taught:
    thought = sound.background(RNG, kind).thought
    said = thought.removeprefix("It is quiet").removeprefix("There is")
    return thought, Measured(sounds=Sounds(background=kind)), 4, [said]


def judged(of: tuple[str, str, float]) -> Taught:
    what, word, value = of
    measured = Measured(pitch_hz=value) if what in ("pitch", "sex") else Measured(level_dbfs=value)
    words = round(4 * value) if what == "rate" else 4
    thought = voice.thought(what, word, words / 4 if what == "rate" else value)
    number_said = next(part for part in thought.split(" ") if part[:1] in "-0123456789")
    return thought, measured, words, [f" {number_said}", f" {word}"]


JUDGED = st.one_of(
    st.tuples(st.just("pitch"), st.just("high"), st.floats(scenes.HIGH_HZ, 400)),
    st.tuples(st.just("pitch"), st.just("low"), st.floats(65, scenes.LOW_HZ)),
    st.tuples(st.just("sex"), st.just("woman"), st.floats(scenes.WOMAN_HZ, 400)),
    st.tuples(st.just("sex"), st.just("man"), st.floats(65, scenes.MAN_HZ)),
    st.tuples(st.just("level"), st.just("loud"), st.floats(scenes.LOUD_DBFS, 0)),
    st.tuples(st.just("level"), st.just("quiet"), st.floats(-60, scenes.QUIET_DBFS)),
    st.tuples(st.just("rate"), st.just("fast"), st.integers(14, 24).map(lambda words: words / 4)),
    st.tuples(st.just("rate"), st.just("slow"), st.integers(4, 10).map(lambda words: words / 4)),
)
TAUGHT: st.SearchStrategy[Taught] = st.one_of(
    COUNTS.map(counted), COUNTS.map(clapped), st.tuples(HZ, HZ).map(swept), st.tuples(HZ, HZ).map(ordered),
    st.tuples(st.floats(0.1, 1.8), st.floats(0.1, 1.8)).map(lengthened),
    st.sampled_from(sorted(sound.BACKGROUNDS)).map(behind), JUDGED.map(judged),
)  # fmt: skip


def follow(thought: str, measured: Measured, words: int) -> list[str]:
    """What the cues write into a taught thought that a model writes token by token; held against that thought."""
    encode, decode = tokenizer().encode, tokenizer().decode
    whole, at, written = encode(thought), 0, []
    while at < len(whole):
        at += 1
        tokens = cue_tokens(encode, decode(whole[:at]), measured, " word" * words)
        assert whole[at : at + len(tokens)] == tokens, decode(whole[:at] + tokens)
        if tokens:
            written.append(decode(tokens))
            at += len(tokens)
    return written


@settings(deadline=None)
@given(TAUGHT)
def test_cues_write_what_the_lesson_says_in_its_tokens(taught: Taught) -> None:
    thought, measured, words, wanted = taught
    assert follow(thought, measured, words) == wanted


@settings(deadline=None)
@given(TAUGHT)
def test_where_nothing_is_sure_nothing_is_written(taught: Taught) -> None:
    unsure = Measured(pitch_hz=None, level_dbfs=-25.0, speech_s=0.0)
    if "decibels" not in taught[0]:  # there is always a level
        assert follow(taught[0], unsure, taught[2]) == []


def test_the_classes_are_those_of_the_lessons() -> None:
    for name in ("LOW_HZ", "HIGH_HZ", "MAN_HZ", "WOMAN_HZ", "SLOW_WPS", "FAST_WPS", "QUIET_DBFS", "LOUD_DBFS"):
        assert getattr(cues, name) == getattr(scenes, name), name
    assert tuple(number(k) for k in range(1, len(cues.COUNTED) + 1)) == cues.COUNTED
    assert set(cues.BEHIND) == set(sound.BACKGROUNDS)


@pytest.mark.parametrize(
    ("line", "measured", "written"),
    [
        ("The voice is about 170 hertz, which is", Measured(pitch_hz=170.0), ""),  # between two classes
        ("The voice is about 160 hertz and sounds like a", Measured(pitch_hz=160.0), ""),
        ("The voice is at about -25 decibels, which is", Measured(level_dbfs=-25.0), ""),
        ("The voice says about 3.0 words a second, which is", Measured(speech_s=2.0), ""),
        ("I heard: beep", beeps(30), ""),
        ("I heard: beep one, beep", beeps(3), ""),
        ("I heard: beep", Measured(sounds=Sounds(claps=3)), ""),
        ("The first tone is about", beeps(3), ""),  # which two?
        ("The first tone is about", two((400.0, 800.0), (0.4, 0.05)), ""),
        ("The first tongue lasts about", two((400.0, 800.0), (0.4, 0.8)), " 0.4"),  # misheard, and still asked
        ("The town moved from about", Measured(sounds=Sounds(glide=Glide(300.0, 900.0))), " 300 to 900"),
        ("There is", Measured(sounds=Sounds(background="quiet")), " quiet behind the voice."),
        ("It is quiet", Measured(sounds=Sounds(background="hum")), " no more.\nThere is a hum behind the voice."),
        ("There is no", Measured(sounds=Sounds(background="hum")), ""),
    ],
)
def test_single_lines(line: str, measured: Measured, written: str) -> None:
    assert cue(line, measured, "what is it that I hear") == written


def test_where_nobody_spoke_nothing_is_behind_a_voice() -> None:
    assert cue("There is", Measured(sounds=Sounds(background="noise")), "") == ""


def tokenizer() -> Tokenizer:
    """The published model's, whichever the other tests use."""
    of = getattr(decoder_tiny, "embedded_tokenizer", None) or decoder_tiny.seed_tokenizer
    return of()
