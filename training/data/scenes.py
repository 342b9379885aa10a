"""Examples whose question is about the signal itself: a sound or a voice is made, measured, and asked about.

What is true of the rendered signal becomes the thought, the answer and the labels. Knows voices, rooms and texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from training.data import measures, rooms, sounds
from training.data.split import is_evaluation
from training.data.texts import silence, sound, voice
from training.data.texts.draft import pick
from training.data.voices import Talker, Voices
from training.data.voices.cast import SpeechFailed
from training.items import SAMPLE_RATE_HZ, Clip, Example, Item

Samples = npt.NDArray[np.float32]

_GAP_S = (0.25, 0.6)
_TRIES = 12

# Classes have a band between them that is left out, so that a label is never a matter of taste.
LOW_HZ, HIGH_HZ = 150.0, 185.0
MAN_HZ, WOMAN_HZ = 155.0, 165.0
SLOW_WPS, FAST_WPS = 2.5, 3.5
QUIET_DBFS, LOUD_DBFS = -31.0, -20.0


def speak(
    item: Item, talker: Talker, voices: Voices, rng: np.random.Generator, room: rooms.Room, *,
    babble: Samples | None = None,
    before: Samples | None = None, after: Samples | None = None, labels: dict[str, str] | None = None,
) -> Example:  # fmt: skip
    """An item said in a room, with a sound before or after the words; measured."""
    speech = voices.speak(item.spoken, talker, rng)
    samples, ends, parts = speech.samples, speech.word_end_ms, []
    gain = rooms.rms(samples)
    lead = 0
    if before is not None:
        gap = np.zeros(int(rng.uniform(*_GAP_S) * SAMPLE_RATE_HZ), np.float32)
        parts += [before * (gain * 1.4), gap]
        lead = len(before) + len(gap)
    parts.append(samples)
    if after is not None:
        parts += [np.zeros(int(rng.uniform(*_GAP_S) * SAMPLE_RATE_HZ), np.float32), after * (gain * 1.4)]
    ends = tuple(end + lead * 1000 // SAMPLE_RATE_HZ for end in ends)
    placed, ends = rooms.place(np.concatenate(parts), ends, room, rng, babble)
    clip = Clip(rooms.to_int16(placed), ends, talker.voice, speech.source)
    return Example(item, clip, measured(placed, item, talker) | (labels or {}))


def measured(samples: Samples, item: Item, talker: Talker | None) -> dict[str, str]:
    """Labels that every spoken example has."""
    seconds = measures.speech_seconds(samples)
    labels = {"pitch_hz": f"{measures.pitch_hz(samples):.0f}", "level_dbfs": f"{measures.level_dbfs(samples):.1f}"}
    if seconds > 0 and item.words:
        labels["words_per_s"] = f"{len(item.words) / seconds:.2f}"
    if talker is not None and talker.sex:
        labels["sex"] = talker.sex
    return labels


# -- sounds --------------------------------------------------------------------------------------------------


def _beeps(rng: np.random.Generator, thing: str, count: int) -> Samples:
    hz, length, gap = float(rng.uniform(400, 2200)), float(rng.uniform(0.08, 0.25)), float(rng.uniform(0.12, 0.4))
    parts: list[Samples] = []
    for _ in range(count):
        one = sounds.clap(rng) * 1.5 if thing == "clap" else sounds.tone(hz, length, rng) * 0.8
        parts += [one, np.zeros(int((gap + rng.uniform(0, 0.08)) * SAMPLE_RATE_HZ), np.float32)]
    return np.concatenate(parts[:-1])


def sound_scene(
    rng: np.random.Generator, voices: Voices, kind: str, evaluation: bool, babble: Samples | None, talker: Talker
) -> Example:
    """One of SOUND_KINDS, before or after its question."""
    room = replace(rooms.draw(rng, noisy=0.3), pause_s=0.0, telephone=False)
    if room.snr_db is not None:
        room = replace(room, snr_db=max(room.snr_db, 15.0))
    made, labels = None, {"fixed": "1"}
    # What is asked about must be new in evaluation: not the numbers, of which there are few, but the wording.
    for _ in range(200):
        match kind:
            case "beeps" | "claps":
                count = int(rng.integers(1, 8))
                item, labels = sound.counted(rng, kind[:-1], count), {"fixed": "1", "count": str(count)}
            case "sweep":
                low, high = float(rng.uniform(200, 900)), float(rng.uniform(1200, 3000))
                first, last = (low, high) if rng.random() < 0.5 else (high, low)
                item, labels = (
                    sound.swept(rng, first, last),
                    {"fixed": "1", "direction": "rising" if last > first else "falling"},
                )
            case "background":
                behind = pick(rng, tuple(sound.BACKGROUNDS))
                item, labels = sound.background(rng, behind), {"fixed": "1", "background": behind}
            case "tone_order":
                low = float(rng.uniform(250, 1200))
                first, last = (low, low * float(rng.uniform(1.5, 2.5)))[:: 1 if rng.random() < 0.5 else -1]
                item, labels = (
                    sound.tone_order(rng, first, last),
                    {"fixed": "1", "higher": "first" if first > last else "second"},
                )
            case _:
                short = float(rng.uniform(0.15, 0.5))
                first, last = (short, short * float(rng.uniform(2.0, 3.5)))[:: 1 if rng.random() < 0.5 else -1]
                item, labels = (
                    sound.tone_length(rng, first, last),
                    {"fixed": "1", "longer": "first" if first > last else "second"},
                )
        if is_evaluation(f"{item.kind} {item.heard}") == evaluation:
            break
    match kind:
        case "beeps" | "claps":
            made = _beeps(rng, kind[:-1], count)
        case "sweep":
            made = sounds.sweep(first, last, float(rng.uniform(0.6, 2.0))) * np.float32(0.7)
        case "tone_order":
            seconds = float(rng.uniform(0.3, 0.7))
            made = _two(sounds.tone(first, seconds, rng, 2), sounds.tone(last, seconds, rng, 2), rng)
        case "tone_length":
            hz = float(rng.uniform(400, 1500))
            made = _two(sounds.tone(hz, first, rng, 2), sounds.tone(hz, last, rng, 2), rng)
        case _:
            noise = pick(rng, ("white", "pink", "brown", "fan", "keyboard")) if behind == "noise" else behind
            room = replace(
                room,
                snr_db=None if behind == "quiet" else float(rng.uniform(5, 18)),
                noise=noise,
                lead_s=float(rng.uniform(0.3, 1.2)),
            )
    first_place = rng.random() < 0.5
    before, after = (made, None) if first_place else (None, made)
    return speak(item, talker, voices, rng, room, babble=babble, before=before, after=after, labels=labels)


def _two(first: Samples, second: Samples, rng: np.random.Generator) -> Samples:
    gap = np.zeros(int(rng.uniform(0.2, 0.5) * SAMPLE_RATE_HZ), np.float32)
    return np.concatenate([first, gap, second]) * np.float32(0.7)


SOUND_KINDS = ("beeps", "claps", "sweep", "background", "tone_order", "tone_length")

# -- voices --------------------------------------------------------------------------------------------------


def _talker(rng: np.random.Generator, voices: Voices, what: str, word: str, family: str) -> Talker:
    """Somebody in whom `word` can be true."""
    if what == "sex":
        return voices.draw(rng, sex=word, family=family)
    if what == "pitch":
        talker = voices.draw(rng, sex="woman" if word == "high" else "man", family=family)
        if talker.family == "hibari" and rng.random() < 0.3:  # a high man, a low woman: pitch is not sex
            pitch, tract = (rng.uniform(0.9, 1.15), 0.88) if word == "high" else (rng.uniform(0.55, 0.68), 1.03)
            talker = replace(talker, pitch=float(pitch), tract=tract, sex="")
        return talker
    talker = voices.draw(rng, family=family)
    if what == "rate":
        rate = rng.uniform(1.2, 1.75) if word == "fast" else rng.uniform(0.55, 0.8)
        talker = replace(talker, rate=float(rate))
    return talker


def _value(what: str, samples: Samples, words: int) -> float:
    match what:
        case "pitch" | "sex":
            return measures.pitch_hz(samples)
        case "rate":
            return words / max(measures.speech_seconds(samples), 0.1)
        case _:
            return measures.level_dbfs(samples)


def _is_true(what: str, word: str, value: float) -> bool:
    return {
        "high": value >= HIGH_HZ, "low": 0 < value <= LOW_HZ, "woman": value >= WOMAN_HZ, "man": 0 < value <= MAN_HZ,
        "fast": value >= FAST_WPS, "slow": value <= SLOW_WPS, "loud": value >= LOUD_DBFS, "quiet": value <= QUIET_DBFS,
    }[word] and what != ""  # fmt: skip


VOICE_CLASSES = {
    "pitch": ("high", "low"),
    "rate": ("fast", "slow"),
    "level": ("loud", "quiet"),
    "sex": ("woman", "man"),
}


def voice_scene(
    rng: np.random.Generator,
    voices: Voices,
    what: str,
    evaluation: bool,
    text: Callable[[np.random.Generator], str],
    family: str = "",
) -> Example:
    """A question about the voice; the class is drawn first, so both are equally frequent, and must then be measured."""
    word = pick(rng, VOICE_CLASSES[what])
    for attempt in range(_TRIES):
        talker = _talker(rng, voices, what, word, family if attempt < _TRIES // 2 else "")
        asked = voice.question(rng, what)
        while is_evaluation(f"voice/{what} {asked.lower()}") != evaluation:
            asked = voice.question(rng, what)
        spoken = asked if rng.random() < 0.45 else voice.with_sentence(rng, asked, text(rng))
        room = rooms.draw(rng, noisy=0.4)
        level = float(
            rng.uniform(-18, -12)
            if word == "loud"
            else rng.uniform(-42, -32)
            if word == "quiet"
            else rng.uniform(-30, -16)
        )
        room = replace(room, level_dbfs=level, telephone=room.telephone and what == "rate", clip=0.0, pause_s=0.0,
        bits=16,
                       snr_db=max(room.snr_db, 14.0) if room.snr_db is not None else None)  # fmt: skip
        if room.noise in ("music", "hum", "babble"):
            room = replace(room, noise="pink")
        draft = voice.item(what, spoken, word, 0.0)
        try:
            example = speak(draft, talker, voices, rng, room)
        except SpeechFailed:
            continue
        assert example.clip is not None  # `speak` always makes one
        final = example.clip.samples.astype(np.float32) / np.float32(32_767)
        value = _value(what, final, len(draft.words))
        if _is_true(what, word, value):
            labels = example.labels | {"fixed": "1", what: word}
            return Example(voice.item(what, spoken, word, value), example.clip, labels)
    return voice_scene(rng, voices, "level", evaluation, text)


# -- nobody, and nobody to be understood ---------------------------------------------------------------------


def nothing(rng: np.random.Generator) -> Example:
    """No speech: silence, a noise, music, a hum, keys."""
    kind = str(
        rng.choice(
            ["silence", "white", "pink", "brown", "fan", "hum", "music", "keyboard"],
            p=[0.25, 0.08, 0.15, 0.12, 0.1, 0.1, 0.12, 0.08],
        )
    )
    length = int(rng.uniform(0.8, 6.0) * SAMPLE_RATE_HZ)
    level = float(rng.uniform(-75, -55) if kind == "silence" else rng.uniform(-50, -18))
    made = sounds.noise("pink" if kind == "silence" else kind, length, rng)
    samples = rooms.to_int16(made * np.float32(10 ** (level / 20) / rooms.rms(made)))
    return Example(
        silence.none(kind), Clip(samples, (), f"signal/{kind}", "signal"), {"fixed": "1", "background": kind}
    )


def drowned(rng: np.random.Generator, voices: Voices, spoken: str, talker: Talker, babble: Samples | None) -> Example:
    """Speech far below its noise."""
    noise = str(rng.choice(["white", "pink", "brown", "babble", "fan"]))
    low, high = (-24, -14) if noise == "brown" else (-18, -10)
    room = replace(
        rooms.draw(rng),
        snr_db=float(rng.uniform(low, high)),
        noise=noise,
        level_dbfs=float(rng.uniform(-42, -34)),
        pause_s=0.0,
    )
    example = speak(silence.unclear(spoken), talker, voices, rng, room, babble=babble)
    assert example.clip is not None  # `speak` always makes one
    return Example(example.item, replace(example.clip, word_end_ms=()), {"fixed": "1", "snr_db": f"{room.snr_db:.0f}"})
