"""What measured cues of sounds are worth: `python -m benchmarks.sound_cues [--model models/embedded] [--items 8]`.

Held-out questions about beeps, claps, a sweep, two tones and the background, about `--items` of each in every family of
synthetic voices, as many of every answer. Each is answered as the engine answers it, once with what was measured
written into the thought and once as the model guesses it. Printed: what the meter alone says; right answers, beside
what always saying the most frequent one would get; and those of the questions whose every word was heard.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.voice_cues import compare, drawn, measured, options
from realtime.mind.cues import LEAST_TONE_S
from streaming_encoder import AudioModel, Voice
from training.data.scenes import SOUND_KINDS
from training.data.spoken_form import number
from training.evaluation.trial import Trial

SEED = 8111
COUNTS = tuple(number(count) for count in range(1, 8))
LABELS: dict[str, tuple[str, ...]] = {
    "beeps": COUNTS,
    "claps": COUNTS,
    "sweep": ("rising", "falling"),
    "background": ("quiet", "noise", "music", "hum"),
    "tone_order": ("first", "second"),
    "tone_length": ("first", "second"),
}


def trials(items: int, families: Sequence[str], kinds: Sequence[str]) -> list[Trial]:
    """About `items` of each question in every family: as many of each answer as there are, once at least."""
    found = []
    for what in kinds:
        place = SOUND_KINDS.index(what)
        found += drawn(items, families, "sound", what, SOUND_KINDS, LABELS[what], lambda of: of.item.key, SEED + place)
    return found


def said(what: str, voice: Voice) -> str | None:
    """The meter's answer; None where it is not sure."""
    sounds = voice.sounds
    match what:
        case "beeps" | "claps":
            count = len(sounds.tones) if what == "beeps" else sounds.claps
            return number(count) if count else None
        case "sweep":
            glide = sounds.glide
            return None if glide is None else "rising" if glide.to_hz > glide.from_hz else "falling"
        case "background":
            return sounds.background
    both = [tone for tone in sounds.tones if tone.seconds >= LEAST_TONE_S]
    if len(both) != 2:
        return None
    first, second = ((tone.hz if what == "tone_order" else tone.seconds) for tone in both)
    return "first" if first > second else "second"


def print_meter(console: Console, model: AudioModel, asked: list[Trial]) -> None:
    """How often the meter alone is right, and how often it says nothing."""
    table = Table("the meter alone", "of", "right", "not sure", "wrong")
    for what in dict.fromkeys(trial.example.item.kind.partition("/")[2] for trial in asked):
        examples = [trial.example for trial in asked if trial.example.item.kind == f"sound/{what}"]
        voices = [(of.item.key, measured(model, of.clip)) for of in examples if of.clip is not None]
        found = [(key, None if voice is None else said(what, voice)) for key, voice in voices]
        right, unsure = sum(key == word for key, word in found), sum(word is None for _, word in found)
        table.add_row(what, str(len(found)), str(right), str(unsure), str(len(found) - right - unsure))
    console.print(table)


def main() -> None:
    parser = options("What measured cues of sounds are worth.")
    parser.add_argument("--kinds", nargs="+", choices=SOUND_KINDS, default=SOUND_KINDS)
    given = parser.parse_args()
    compare(given, trials(given.items, given.families, given.kinds), print_meter)


if __name__ == "__main__":
    main()
