"""Makes the turn tapes in tests/data/turns from the seed samples. `python -m tests.turn_tapes --update` after a change.

Each scene is a recording with commands at positions of it, heard by the real detectors. The mind's vote is scripted:
it objects to every tentative end but those in the last half second of speech. Without `--update` nothing is written,
and what would change is named. Then `git diff` shows which decisions are new.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from realtime.replay.records import Judged
from realtime.replay.turns import turn_tape, watched
from realtime.turns import (
    FRAME_SAMPLES,
    AskEndpoint,
    Decision,
    Listener,
    TentativeEnd,
    TurnMachine,
    TurnPolicy,
    VoiceFrame,
)
from realtime.turns.detectors import EndpointDetector, VoiceDetector
from realtime.turns.offline import VOTE_DELAY_MS
from tests.turns_material import MODELS, SAMPLES, Pcm16, load, natural_pauses, quiet, with_pauses

TAPES = Path(__file__).parent / "data" / "turns"
MS = 16
Command = Callable[[TurnMachine], list[Decision] | None]


@dataclass(frozen=True)
class Scene:
    """`pcm`, 16 kHz; `commands` by the sample behind which they come."""

    about: str
    pcm: Pcm16
    policy: TurnPolicy = field(default_factory=TurnPolicy.semantic_vad)
    commands: dict[int, Command] = field(default_factory=dict)


def sample(name: str) -> Pcm16:
    return load(SAMPLES / name)


def paused(name: str, pause_ms: int) -> Pcm16:
    pcm = sample(name)
    return with_pauses(pcm, natural_pauses(pcm, 250 * MS, len(pcm) - 500 * MS), pause_ms)


def ended(pcm: Pcm16, quiet_ms: int = 1_200) -> Pcm16:
    return np.concatenate([pcm, quiet(pcm, quiet_ms)])


def silence(duration_ms: int) -> Pcm16:
    return np.zeros(duration_ms * MS, np.int16)


def scenes() -> dict[str, Scene]:
    question, other = ended(sample("00_add_piper.wav")), sample("10_opposite_kokoro.wav")
    beeps = ended(sample("14_beeps_piper.wav"))
    cough = np.concatenate([silence(500), other[len(other) // 2 : len(other) // 2 + 90 * MS], silence(700)])
    held = len(other) + 300 * MS

    def agent(speaks: bool) -> Command:
        return lambda machine: machine.agent_speaking(speaks)

    return {
        "question": Scene("a fluent question", question),
        "impatient": Scene("the same, eagerness high", question, TurnPolicy.semantic_vad("high")),
        "silence_alone": Scene("the same, server_vad", question, TurnPolicy.server_vad()),
        "paused_300_ms": Scene("inner pauses of 300 ms", ended(paused("03_compare_piper.wav", 300))),
        "paused_700_ms": Scene("inner pauses of 700 ms", ended(paused("03_compare_piper.wav", 700))),
        "beeps": Scene("a question about the beeps before it", beeps),
        "two_questions": Scene("two questions, one behind the other", np.concatenate([question, ended(other)])),
        "too_short": Scene("90 ms of voice", cough),
        "barge_in": Scene("the agent is talked over", ended(other), commands={0: agent(True), held: agent(False)}),
        "cough_over_agent": Scene("90 ms of voice while the agent speaks", cough, commands={0: agent(True)}),
        "push_to_talk": Scene(
            "two commits, the second without a sound",
            np.concatenate([other, silence(1_000)]),
            TurnPolicy.push_to_talk(),
            {held: lambda machine: machine.commit(held), held + 500 * MS: lambda machine: machine.commit(held)},
        ),
        "cleared": Scene(
            "thrown away in mid-turn", other, commands={len(other) // 2: lambda machine: machine.clear(0)}
        ),
    }


def record(scene: Scene, voice: VoiceDetector, endpoint: EndpointDetector) -> str:
    """The scene's turn tape."""
    told: list[Judged] = []
    machine = watched(told.append)(scene.policy)
    listener = Listener()
    voice.reset()
    due: list[tuple[int, Command]] = sorted(scene.commands.items(), key=lambda entry: entry[0])
    last_words = int(np.flatnonzero(np.abs(scene.pcm) > 300)[-1]) - 500 * MS

    def ask(decision: Decision) -> None:
        match decision:
            case AskEndpoint(turn=turn, attempt=attempt):
                p = rounded(endpoint.probability(listener.audio(decision.from_sample, decision.to_sample)))
                vote: Command = lambda machine: machine.endpoint_vote(turn, attempt, p)  # noqa: E731
            case TentativeEnd(turn=turn, attempt=attempt):
                ready = 0.95 if decision.speech_end_sample > last_words else 0.05
                vote = lambda machine: machine.mind_vote(turn, attempt, ready)  # noqa: E731
            case _:
                return
        due.append((listener.samples + VOTE_DELAY_MS * MS, vote))

    for begin in range(0, len(scene.pcm), FRAME_SAMPLES):
        at_sample = listener.frame_sample
        decided: list[Decision] = []
        for frame in listener.push(scene.pcm[begin : begin + FRAME_SAMPLES]):
            heard = VoiceFrame.heard(frame, at_sample, voice.probability(frame))
            decided += machine.push(dataclasses.replace(heard, **rounded_fields(heard)))
        for entry in [entry for entry in due if entry[0] <= listener.samples]:
            due.remove(entry)
            decided += entry[1](machine) or []
        for decision in decided:
            ask(decision)
    return turn_tape(told, scene.about)


def rounded(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def rounded_fields(frame: VoiceFrame) -> dict[str, Any]:
    """Probabilities to four places, levels to a tenth of a decibel: finer than any threshold, and short."""
    levels: dict[str, Any] = {"voice_p": rounded(frame.voice_p)}
    for name in (f.name for f in dataclasses.fields(frame) if f.name.endswith("_dbfs")):
        value = getattr(frame, name)
        levels[name] = tuple(rounded(v, 1) for v in value) if isinstance(value, tuple) else rounded(value, 1)
    return levels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the tapes")
    update = parser.parse_args().update
    voice, endpoint = VoiceDetector.load(MODELS / "vad"), EndpointDetector.load(MODELS / "endpoint")
    changed = 0
    for name, scene in scenes().items():
        path, text = TAPES / f"{name}.turns", record(scene, voice, endpoint)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        changed += 1
        print(f"{'written' if update else 'differs'}: {path.name}")
        if update:
            path.write_text(text, encoding="utf-8")
    print(f"{changed} of {len(scenes())} tapes {'written' if update else 'would change'}")
    return 0 if update or not changed else 1


if __name__ == "__main__":
    sys.exit(main())
