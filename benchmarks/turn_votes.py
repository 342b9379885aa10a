"""The vote on the end of a turn, on turns with pauses inside: `python -m benchmarks.turn_votes [--variants 2]`.

Every recording is heard with one or two pauses of 0.2 to 0.7 s between its words, by the real detectors, the real
engine (in this process) and the turn machine, frame by frame; a vote comes as long after its question as `VOTE_MS`
says. *Tuning*: questions in the embedded voice (tuning_words.json) and, with `--talkie FOLDER` (the data files of
Beneath a Steel Sky or Flight of the Amazon Queen, Debian packages both), 110 lines of the game's actors, paused at two
quiet places. On these the thresholds of `realtime.mind.readiness` and `realtime.turns.policy` were chosen. *Test*: the
seed samples and pocketsphinx-testdata (`benchmarks.samples`). Printed: what the voters say at pauses and at ends, the
waits, and how many turns were cut into.
`--melody` asks the end-of-turn model, too, as a model is served that does not hear endings itself. `--json` keeps every
vote with the numbers it was made of.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cpu_rig import open_core
from benchmarks.samples import RATE_HZ, Source, path_of, pause_plan, quietest_ms, sources, with_natural_pauses
from client_demo.speech_gate import voiced_ends
from realtime.clock import MonotonicClock
from realtime.engine import messages as m
from realtime.engine.core import EngineCore
from realtime.turns import (
    FRAME_SAMPLES,
    AskEndpoint,
    Committed,
    Decision,
    Discarded,
    Listener,
    Revoked,
    TentativeEnd,
    TurnMachine,
    TurnPolicy,
    TurnStarted,
    VoiceFrame,
)
from realtime.turns.detectors import EndpointDetector, VoiceDetector
from tests.turns_material import MODELS, Pcm16, load, quiet
from training.data.talkies.utterance import open_talkie
from tts_bridge import VoiceSettings, open_voice, resample

TUNING_WORDS = Path(__file__).parent / "tuning_words.json"
PER_MS = 16
TAIL_MS = 1_600
SESSION = "votes"
# Lines of actors: how many, how long (s), how loud at least, and how far apart (ms) their pauses lie.
ACTORS = 110
ACTORS_S = (1.5, 8.0)
LEAST_PEAK = 3_000
LEAST_APART_MS = 400
# Live: some 60 ms of work for each, and the way to the other process and back.
VOTE_MS = {"mind": 96, "endpoint": 64}
GROUPS = {"tuning": "embedded voice (tuning)", "actors": "actors (tuning)", "seed": "seed samples", "people": "people"}


@dataclass
class Vote:
    """One tentative end: `is_end` tells whether the turn was over."""

    group: str
    is_end: bool
    text: str = ""
    votes: dict[str, float] = field(default_factory=dict)
    made_of: dict[str, float | None] = field(default_factory=dict)


@dataclass
class Outcome:
    group: str
    name: str
    wait_ms: float | None  # from the last voiced sample to the commit; None: the end was never found
    cut_ins: int
    attempts: int
    settled_by: tuple[tuple[float, str], ...]  # (silence ms, reason) of every commit


def tuning() -> Iterator[tuple[Source, Pcm16]]:
    """The tuning questions, spoken."""
    known: dict[str, dict[str, Any]] = json.loads(TUNING_WORDS.read_text())

    async def spoken() -> list[Pcm16]:
        voice = open_voice(VoiceSettings(kind="hibari", fallback=False))
        try:
            said = [await voice.synthesise(entry["text"], speed=0.95) for entry in known.values()]
        finally:
            await voice.close()
        return [resample(each.samples, each.sample_rate_hz, 16_000) for each in said]

    for (name, entry), pcm in zip(known.items(), asyncio.run(spoken()), strict=True):
        yield Source(name, entry["text"], tuple((w, b, e) for w, b, e in entry["words"]), None), pcm


class Ear:
    """One turn through detectors, engine and machine, without waiting."""

    def __init__(
        self, core: EngineCore, policy: TurnPolicy | None = None, endpoint: EndpointDetector | None = None
    ) -> None:
        self._core = core
        self._policy = policy or TurnPolicy.semantic_vad()
        self._voice = VoiceDetector.load(MODELS / "vad")
        self._endpoint = endpoint

    def hear(
        self, group: str, name: str, pcm: Pcm16, speech_end: int, pauses: list[tuple[int, int]]
    ) -> tuple[Outcome, list[Vote]]:
        """What becomes of a turn whose speech ends at `speech_end`; pauses in samples."""
        self._voice.reset()
        self._machine, self._listener = TurnMachine(self._policy), Listener()
        self._due: list[tuple[int, str, int, int, float]] = []
        self._sent: int | None = None
        self._votes: dict[tuple[int, int], Vote] = {}
        self._tell(m.OpenSession(session=SESSION))
        commits: list[Committed] = []
        attempts = 0
        for begin in range(0, len(pcm) - FRAME_SAMPLES, FRAME_SAMPLES):
            for decision in self._frame(pcm[begin : begin + FRAME_SAMPLES]):
                if isinstance(decision, TentativeEnd):
                    attempts += 1
                    over = is_end(decision.speech_end_sample, speech_end, pauses)
                    if over or is_inside(decision.speech_end_sample, pauses):
                        self._votes[decision.turn, decision.attempt] = Vote(group, over)
                commits += [decision] if isinstance(decision, Committed) else []
                self._follow(decision)
        self._tell(m.CloseSession(session=SESSION))
        # A commit counts as a cut-in where speech went on behind it.
        cut_ins = sum(each.at_sample < speech_end for each in commits)
        settled = tuple(((each.at_sample - each.speech_end_sample) / PER_MS, each.reason) for each in commits)
        waits = [(each.at_sample - speech_end) / PER_MS for each in commits if each.at_sample >= speech_end]
        return Outcome(group, name, waits[0] if waits else None, cut_ins, attempts, settled), list(self._votes.values())

    def _frame(self, pcm: Pcm16) -> list[Decision]:
        at_sample = self._listener.frame_sample
        (frame,) = self._listener.push(pcm)
        decided = self._machine.push(VoiceFrame.heard(frame, at_sample, self._voice.probability(frame)))
        while self._due and self._due[0][0] <= self._listener.samples:
            _, voter, turn, attempt, p = self._due.pop(0)
            vote = self._machine.mind_vote if voter == "mind" else self._machine.endpoint_vote
            decided += vote(turn, attempt, p)
        return decided

    def _follow(self, decision: Decision) -> None:
        match decision:
            case TurnStarted():
                self._tell(m.StartTurn(session=SESSION, turn=decision.turn, at_sample=decision.from_sample))
                self._sent = decision.from_sample
            case TentativeEnd():
                self._send_audio(decision.turn, decision.at_sample)
                self._ask_mind(decision)
            case AskEndpoint() if self._endpoint is not None:
                p = self._endpoint.probability(self._listener.audio(decision.from_sample, decision.to_sample))
                self._cast("endpoint", decision.turn, decision.attempt, p)
            case Revoked():
                self._tell(m.Revoke(session=SESSION, turn=decision.turn, attempt=decision.attempt))
            case Committed():
                self._tell(m.Commit(session=SESSION, turn=decision.turn, attempt=decision.attempt, item="user"))
                self._tell(m.Cancel(session=SESSION, turn=decision.turn))
            case Discarded():
                self._tell(m.DiscardTurn(session=SESSION, turn=decision.turn))

    def _ask_mind(self, end: TentativeEnd) -> None:
        said = self._tell(
            m.EndTurn(session=SESSION, turn=end.turn, attempt=end.attempt, at_sample=end.at_sample, respond=False)
        )
        for heard in (each for each in said if isinstance(each, m.Transcript)):
            if (vote := self._votes.get((end.turn, end.attempt))) is not None:
                vote.text = heard.text
                vote.made_of = {"closing": heard.closing, "doubt": heard.doubt, "prior": heard.prior,
                                "unheard": heard.unheard, "finish": heard.finish}  # fmt: skip
            self._cast("mind", end.turn, end.attempt, heard.ready)

    def _cast(self, voter: str, turn: int, attempt: int, p: float) -> None:
        if (turn, attempt) in self._votes:
            self._votes[turn, attempt].votes[voter] = p
        self._due.append((self._listener.samples + VOTE_MS[voter] * PER_MS, voter, turn, attempt, p))
        self._due.sort()

    def _send_audio(self, turn: int, until: int) -> None:
        """In pieces, so that notes are taken as they would be live."""
        assert self._sent is not None
        for begin in range(self._sent, until, 640 * PER_MS):
            pcm = self._listener.audio(begin, min(until, begin + 640 * PER_MS))
            self._tell(m.Audio(session=SESSION, turn=turn, at_sample=begin, pcm=pcm.tobytes()))
        self._sent = until

    def _tell(self, message: m.ToEngine) -> list[m.FromEngine]:
        said = self._core.handle(message)
        while self._core.has_work:
            said += self._core.step()
        return said


def is_inside(at_sample: int, pauses: list[tuple[int, int]]) -> bool:
    """Whether speech that ended there stopped for one of `pauses`."""
    return any(begin - 150 * PER_MS <= at_sample < end - 100 * PER_MS for begin, end in pauses)


def is_end(at_sample: int, speech_end: int, pauses: list[tuple[int, int]]) -> bool:
    """Whether the turn was over where its speech ended there."""
    return not is_inside(at_sample, pauses) and at_sample > speech_end - 150 * PER_MS


def recordings(variants: int, talkies: Sequence[Path]) -> Iterator[Heard]:
    """Every recording of all sets."""
    for folder in talkies:
        yield from actors(folder)
    known = [("tuning", source, pcm) for source, pcm in tuning()]
    known += [("seed" if s.kind == "synthetic" else "people", s, load(path_of(s.name))) for s in sources()]
    for group, source, pcm in known:
        for variant in range(variants):
            random = np.random.default_rng([0, zlib.crc32(source.name.encode()), variant])
            if plan := pause_plan(source, random):
                paused, pauses = with_natural_pauses(pcm, source, plan, random)
                end_ms = source.speech_end_ms((len(paused) - len(pcm)) / PER_MS)
                assert end_ms is not None, "a sentence with a pause has words"
                speech = paused[: end_ms * PER_MS]
                spans = [(p.at_ms * PER_MS, (p.at_ms + p.ms) * PER_MS) for p in pauses]
                yield group, f"{source.stem}.{variant}", paused, int(voiced_ends(speech, RATE_HZ)[-1]), spans


# Group, name, samples, where the speech ends, and the pauses (both in samples).
Heard = tuple[str, str, Pcm16, int, list[tuple[int, int]]]


def actors(folder: Path, lines: int = ACTORS) -> Iterator[Heard]:
    """Lines of a game's actors, as `recordings` gives them; drawn by seed, as are their pauses."""
    spoken = open_talkie(folder).speech()
    found = 0
    for at in np.random.default_rng(7).permutation(len(spoken)):
        line = spoken[int(at)]
        pcm = line.samples()
        if not ACTORS_S[0] <= len(pcm) / RATE_HZ <= ACTORS_S[1] or np.abs(pcm).max() < LEAST_PEAK:
            continue
        random = np.random.default_rng([0, zlib.crc32(line.key.encode())])
        places: list[int] = []
        for wanted in sorted(random.uniform(0.2, 0.85, size=2) * len(pcm) / PER_MS):
            place = quietest_ms(pcm, int(wanted) - 200, int(wanted) + 200)
            if not places or place - places[-1] > LEAST_APART_MS:
                places.append(place)
        stretches = tuple(("", *ends) for ends in pairwise([0, *places, len(pcm) // PER_MS]))
        source = Source(f"actors/{line.key}", line.script, stretches, None)
        plan = [(gap, 10 * int(random.integers(20, 71))) for gap in range(len(places))]
        paused, pauses = with_natural_pauses(pcm, source, plan, random)
        spans = [(p.at_ms * PER_MS, (p.at_ms + p.ms) * PER_MS) for p in pauses]
        yield "actors", line.key, paused, int(voiced_ends(paused, RATE_HZ)[-1]), spans
        found += 1
        if found == lines:
            return


def report(outcomes: list[Outcome], votes: list[Vote]) -> None:
    print(
        "| set | turns | wait ms p50 | p90 | p95 | committed within 240 ms | turns cut into | tentative ends a turn |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    groups = {group: name for group, name in GROUPS.items() if any(each.group == group for each in outcomes)}
    for group, name in groups.items():
        of = [each for each in outcomes if each.group == group]
        waits = [each.wait_ms for each in of if each.wait_ms is not None]
        p50, p90, p95 = np.percentile(waits, [50, 90, 95])
        cut = sum(each.cut_ins > 0 for each in of)
        print(
            f"| {name} | {len(of)} | {p50:.0f} | {p90:.0f} | {p95:.0f} | {np.mean(np.array(waits) <= 240):.0%} "
            f"| {cut} ({cut / len(of):.1%}) | {np.mean([each.attempts for each in of]):.1f} |"
        )
    for each in outcomes:
        if each.cut_ins:
            print(f"cut into: {each.name} {each.settled_by}")
    print("\n| set | where | votes | mind sure | mind objects | melody 0.95 and more | both say sure |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for group, name in groups.items():
        for is_end in (True, False):
            ballots = [each.votes for each in votes if (each.group, each.is_end) == (group, is_end)]
            sure = [policy_sure(each) for each in ballots]
            mind = [each.get("mind", 0.5) for each in ballots]
            melody = [each.get("endpoint", 0.0) >= 0.95 for each in ballots]
            print(
                f"| {name} | {'end' if is_end else 'pause'} | {len(ballots)} | {np.mean([v >= 0.9 for v in mind]):.0%} "
                f"| {np.mean([v < 0.2 for v in mind]):.0%} | {np.mean(melody):.0%} | {np.mean(sure):.0%} |"
            )


def policy_sure(votes: dict[str, float]) -> bool:
    policy = TurnPolicy.semantic_vad()
    return policy.needed_silence(votes)[0] <= policy.patience.sure_ms


def open_engine() -> EngineCore:
    """The embedded model in this process, as it is served."""
    return open_core(MonotonicClock())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=2)
    parser.add_argument("--only", choices=GROUPS)
    parser.add_argument("--talkie", type=Path, action="append", default=[], help="a game's folder, for the actors")
    parser.add_argument("--melody", action="store_true", help="ask the end-of-turn model, too")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    ear = Ear(open_engine(), endpoint=EndpointDetector.load(MODELS / "endpoint") if arguments.melody else None)
    outcomes: list[Outcome] = []
    votes: list[Vote] = []
    for group, name, pcm, speech_end, pauses in recordings(arguments.variants, arguments.talkie):
        if arguments.only not in (None, group):
            continue
        whole = np.concatenate([pcm, quiet(pcm, TAIL_MS)])
        outcome, cast = ear.hear(group, name, whole, speech_end, pauses)
        outcomes.append(outcome)
        votes += cast
    report(outcomes, votes)
    if arguments.json:
        rows = {"outcomes": [vars(each) for each in outcomes], "votes": [vars(each) for each in votes]}
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
