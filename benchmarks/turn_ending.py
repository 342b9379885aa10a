"""Fits the vote on the end of a turn: `python -m benchmarks.turn_ending --talkie GAME`.

Lines of games' actors and recited texts (questions, talk, lists, and in kind cards, rows of digits and commands;
hibari, flite, espeak and festival speak them) are heard with pauses, as `benchmarks.turn_votes` hears them, but no
turn is ever committed: every silence of 80 ms and more that followed a word is a row. Under a recording lies one of the
backgrounds of `benchmarks.backgrounds`, in its pauses as behind its end. A row is an end where nothing more
was said, a pause otherwise, also where an actor paused between two sentences. The test sets of turn_votes are not used.

Two things are fitted. *Ending*: logistic regression on the transcriber's hidden row behind the last word and on the
encoder's frames of the last 0.64 s (`realtime.transcriber.ending`). *Vote*: log-odds of the ending and of the decoder's
`prior` together (`realtime.mind.readiness`), on rows whose ending was told without them.
Printed is what either tells on the group that was left out: a game or a voice. Festival, the model's voice for
evaluation, is always left out. Then, over all groups while each was left out: what the sound is worth, of the pauses
that were put into the recordings and of the speakers' own; and how many have the scores at which votes begin.

`--rows` keeps what was heard, and is read where it exists. `--write` puts the ending into a checkpoint, in a part of
its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from benchmarks import backgrounds
from benchmarks.samples import (
    LEAST_TONE_DBFS,
    RATE_HZ,
    Pcm16,
    Source,
    background_dbfs,
    pause_plan,
    room_tone,
    with_natural_pauses,
)
from benchmarks.turn_votes import PER_MS, TAIL_MS, Ear, Heard, Vote, actors, is_end, is_inside, open_engine
from client_demo.speech_gate import voiced_ends
from realtime.engine.core import EngineCore
from realtime.mind.readiness import DOUBTS_SCORE, LIKELY_SCORE, PLAUSIBLE_SCORE, SURE_SCORE, prior_sign
from realtime.transcriber.ending import BIAS, SOUND, STRETCH_FRAMES, WEIGHT, Ending, stretches
from realtime.turns import AskEndpoint, Decision, TentativeEnd, TurnMode, TurnPolicy
from realtime.turns.policy import Patience
from streaming_encoder.checkpoint import INDEX_NAME
from training.data.texts import facts, skills_numbers, skills_words, talk, transcribe
from training.data.texts.draft import pick
from training.data.voices import Voices
from training.data.voices.cast import SpeechFailed

PART = "model-ending.safetensors"
LINES = 330
RECITED = 775
RECITED_S = (0.5, 8.0)
VOICE_TRAIL = 160 * PER_MS  # kept behind the last loud sound
VOICES = {"hibari": 0.3, "flite": 0.25, "espeak": 0.25, "festival": 0.2}
STRETCHES = 4
# A third of the rows are ends, and 1,920 weights are many for a few thousand: the ridge was chosen on left-out groups.
RIDGE = 1000.0
FOLDS, BLOCK = 5, 40  # rows of a block are of the same few recordings, and stay together
NOT_TOLD = 99
NEVER = Patience(*[10_000] * 5)
RANKS = ["ace", "two", "three", "four", "five", "six", "eight", "nine", "jack", "king"]
EVALUATED = "festival"
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def cards(rng: np.random.Generator) -> str:
    named = (f"{pick(rng, RANKS)} of {pick(rng, ('hearts', 'diamonds'))}" for _ in range(int(rng.integers(1, 4))))
    return ", ".join(named)


def digit_row(rng: np.random.Generator) -> str:
    return " ".join(pick(rng, DIGITS) for _ in range(int(rng.integers(2, 9))))


def command(rng: np.random.Generator) -> str:
    verb = pick(rng, ("turn", "move", "walk", "drive", "step", "roll"))
    where = pick(rng, ("left", "right", "back", "up", "down", "around"))
    measured = f"{pick(rng, DIGITS[2:])} {pick(rng, ('steps', 'feet', 'degrees', 'inches', 'miles'))}"
    return f"{verb} {where} {pick(rng, ('', '', 'slowly', 'a little', measured))}".strip()


def texts(rng: np.random.Generator) -> Iterator[str]:
    """Without end: of the makers that the model learns from, and of the three kinds above."""
    kinds = (
        (0.45, [*skills_numbers.MAKERS.values(), *skills_words.makers(None).values(), *facts.makers(None).values()]),
        (0.20, list(talk.MAKERS.values())),
        (0.20, list(transcribe.makers(None).values())),
    )
    while True:
        drawn = float(rng.random())
        for share, makers in kinds:
            if drawn < share:
                yield pick(rng, makers)(rng).item.spoken
                break
            drawn -= share
        else:
            yield pick(rng, (cards, digit_row, command))(rng)


def recited(seed: int = 5) -> Iterator[Heard]:
    """Without end: recited texts with pauses between words, as `turn_votes.recordings` gives its own."""
    rng, voices = np.random.default_rng(seed), Voices(VOICES)
    for number, text in enumerate(texts(rng)):
        try:
            said = voices.speak(text, voices.draw(rng), rng)
        except SpeechFailed:
            continue
        if not RECITED_S[0] <= len(said.samples) / RATE_HZ <= RECITED_S[1]:
            continue
        pcm = np.clip(np.rint(said.samples * 20_000), -32768, 32767).astype(np.int16)
        words = tuple(("", *ends) for ends in pairwise((0, *said.word_end_ms)))
        source = Source(f"recited/{number}", text, words, None)
        spans = []
        if plan := pause_plan(source, rng):
            pcm, pauses = with_natural_pauses(pcm, source, plan, rng)
            spans = [(p.at_ms * PER_MS, (p.at_ms + p.ms) * PER_MS) for p in pauses]
        yield said.talker.family, str(number), pcm, int(voiced_ends(pcm, RATE_HZ)[-1]), spans


@dataclass
class Rows:
    """What was heard at n silences: game or voice, whether the turn was over, and what the vote is made of.

    background: a kind of `benchmarks.backgrounds`. is_inserted: of a pause, that it was put in; the others are the
    speakers' own. hidden: float32 [n, width]; sound: float32 [n, stretches, encoder width], the newest last; prior:
    0..1; unheard: words, many where it was not told.
    """

    group: npt.NDArray[np.str_]
    background: npt.NDArray[np.str_]
    is_end: Bools
    is_inserted: Bools
    hidden: Floats
    sound: Floats
    prior: Floats
    unheard: npt.NDArray[np.int64]

    def only(self, chosen: Bools) -> Rows:
        return Rows(**{name: of[chosen] for name, of in vars(self).items()})

    @property
    def signs(self) -> Floats:
        """What the ending reads, [n, width + stretches * encoder width]."""
        return np.concatenate([self.hidden, self.sound.reshape(len(self.sound), -1)], axis=1)


@dataclass(frozen=True)
class Recorder(Ending):
    """In the place of the ending: keeps the rows that were asked about, and the sound behind the last of them."""

    rows: list[torch.Tensor] = field(default_factory=list)
    sounds: list[torch.Tensor] = field(default_factory=list)

    @property
    def frames(self) -> int:
        return STRETCHES * STRETCH_FRAMES

    def by_words(self, row: torch.Tensor) -> float:
        self.rows.append(row.clone())
        return 0.0

    def by_sound(self, latest: torch.Tensor) -> float:
        heard = stretches(latest, STRETCHES)
        self.sounds.append(torch.cat([torch.zeros(STRETCHES - len(heard), heard.shape[1]), heard]))
        return 0.0


class Watch(Ear):
    """Hears turns that nothing commits, and keeps what was there to judge every silence by."""

    def __init__(self, core: EngineCore) -> None:
        super().__init__(core, TurnPolicy(mode=TurnMode.SEMANTIC_VAD, patience=NEVER))
        self._recorder = Recorder(torch.empty(0), torch.empty(0))
        assert core._transcriber is not None, "the embedded model has one"
        core._transcriber.ending = self._recorder
        self._found: list[tuple[str, str, bool, bool, Floats, Floats, float, int]] = []

    def watch(self, heard: Heard) -> None:
        group, name, pcm, speech_end, pauses = heard
        self._heard: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}
        self._lasted: list[TentativeEnd] = []
        random = np.random.default_rng([speech_end, len(pcm)])
        kind = str(random.choice(list(backgrounds.SHARES), p=list(backgrounds.SHARES.values())))
        whole = ended(pcm)
        whole = backgrounds.laid(kind, whole, [*pauses, (speech_end + VOICE_TRAIL, len(whole))], random)
        self.hear(group, name, whole, speech_end, pauses)
        for end in self._lasted:
            at, made_of = (end.turn, end.attempt), self._votes[end.turn, end.attempt].made_of
            prior, unheard = made_of.get("prior"), made_of.get("unheard")
            if prior is not None and at in self._heard:
                row, sound = (of.numpy() for of in self._heard[at])
                over = is_end(end.speech_end_sample, speech_end, pauses)
                inserted = is_inside(end.speech_end_sample, pauses)
                words = NOT_TOLD if unheard is None else int(unheard)
                self._found.append((group, kind, over, inserted, row, sound, prior, words))

    def _follow(self, decision: Decision) -> None:
        if isinstance(decision, TentativeEnd):
            self._end = decision
            self._recorder.rows.clear()
            self._votes.setdefault((decision.turn, decision.attempt), Vote("", False))
        if isinstance(decision, AskEndpoint):  # it has lasted for 80 ms
            self._lasted.append(self._end)
            return
        super()._follow(decision)
        if isinstance(decision, TentativeEnd) and self._recorder.rows:
            self._heard[decision.turn, decision.attempt] = self._recorder.rows[-1], self._recorder.sounds[-1]

    def rows(self) -> Rows:
        groups, kinds, ends, inserted, hidden, sounds, priors, unheard = zip(*self._found, strict=True)
        return Rows(np.array(groups), np.array(kinds), np.array(ends), np.array(inserted), np.stack(hidden),
                    np.stack(sounds), np.array(priors, np.float32), np.array(unheard))  # fmt: skip


def ended(pcm: Pcm16) -> Pcm16:
    """The recording, and silence behind it: of the same make as in the pauses, or it would tell an end by itself."""
    tone_dbfs = max(LEAST_TONE_DBFS, background_dbfs(pcm))
    tone = room_tone(TAIL_MS * PER_MS, tone_dbfs, np.random.default_rng(len(pcm)))
    return np.concatenate([pcm, np.clip(np.rint(tone), -32768, 32767).astype(np.int16)])


def logistic(signs: Floats, is_end: Bools, ridge: float) -> tuple[Floats, float]:
    """Weights [signs] and bias of a logistic regression; `ridge` holds the weights of standardised signs."""
    x, y = torch.from_numpy(signs), torch.from_numpy(is_end).float()
    mean, scale = x.mean(0), x.std(0) + 1e-6
    x = (x - mean) / scale
    weight, bias = torch.zeros(x.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    steps = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        steps.zero_grad()
        missed = torch.nn.functional.binary_cross_entropy_with_logits(x @ weight + bias, y, reduction="sum")
        total = missed + ridge / 2 * weight.square().sum()
        total.backward()
        return total

    steps.step(loss)
    weight = weight.detach() / scale
    return weight.numpy(), float(bias.detach() - (weight * mean).sum())


@dataclass(frozen=True)
class Fit:
    """The ending's weights, of row and sound, and the vote's for the log-odds of ending and prior."""

    weight: Floats
    bias: float
    vote: Floats
    vote_bias: float

    def ending(self, rows: Rows) -> Floats:
        """Log-odds [n] of the ending alone."""
        return rows.signs @ self.weight + self.bias

    def score(self, rows: Rows) -> Floats:
        """Log-odds [n] of the vote."""
        return signs_of(self.ending(rows), rows) @ self.vote + self.vote_bias


def signs_of(ending: Floats, rows: Rows) -> Floats:
    """What the vote weighs, [n, 2]: log-odds of the ending and of the words."""
    priors = [prior_sign(float(prior), int(words)) for prior, words in zip(rows.prior, rows.unheard, strict=True)]
    return np.column_stack([ending, priors]).astype(np.float32)


def fit(rows: Rows) -> Fit:
    """The vote is fitted to endings of rows that the ending had not seen, or it would believe it too much."""
    unseen, signs = np.zeros(len(rows.is_end), np.float32), rows.signs
    for fold in range(FOLDS):
        held = np.arange(len(unseen)) // BLOCK % FOLDS == fold
        weight, bias = logistic(signs[~held], rows.is_end[~held], RIDGE)
        unseen[held] = signs[held] @ weight + bias
    vote, vote_bias = logistic(signs_of(unseen, rows), rows.is_end, 1.0)
    return Fit(*logistic(signs, rows.is_end, RIDGE), vote, vote_bias)


def area(score: Floats, is_end: Bools) -> float:
    """How often an end scores more than a pause: the area under the ROC curve."""
    return float((score[is_end][:, None] > score[~is_end][None]).mean())


def left_out(rows: Rows) -> Iterator[tuple[str, Bools, Fit]]:
    """Every group, its rows, and the fit to the others."""
    for group in sorted(set(rows.group.tolist())):
        held = rows.group == group
        yield group, held, fit(rows.only(~held & (rows.group != EVALUATED)))


def report(rows: Rows) -> None:
    print("| left out | ends | pauses | prior | ending | both | ends over 95 % of the pauses |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    scores = np.zeros(len(rows.is_end), np.float32)
    for group, held, found in left_out(rows):
        those = rows.only(held)
        scores[held] = score = found.score(those)
        areas = [area(each, those.is_end) for each in (those.prior, found.ending(those), score)]
        over = float((score[those.is_end] > np.quantile(score[~those.is_end], 0.95)).mean())
        print(
            f"| {group} | {those.is_end.sum()} | {(~those.is_end).sum()} | "
            + " | ".join(f"{each:.3f}" for each in areas)
            + f" | {over:.0%} |"
        )
    silent = Rows(**(vars(rows) | {"sound": np.zeros_like(rows.sound)}))
    by_words = np.zeros_like(scores)
    for _, held, found in left_out(silent):
        by_words[held] = found.score(silent.only(held))
    report_backgrounds(rows, scores)
    report_pauses(rows, {"words alone": by_words, "words and sound": scores})


def report_backgrounds(rows: Rows, score: Floats) -> None:
    """What lies in the silence must not matter."""
    print(
        "\n| background | ends | pauses | area | sure of ends | sure of pauses |\n| --- | --- | --- | --- | --- | --- |"
    )
    for kind in sorted(set(rows.background.tolist())):
        ends, pauses = (score[(rows.background == kind) & over] for over in (rows.is_end, ~rows.is_end))
        told = area(score[rows.background == kind], rows.is_end[rows.background == kind])
        sure = " | ".join(f"{(of >= SURE_SCORE).mean():.1%}" for of in (ends, pauses))
        print(f"| {kind} | {len(ends)} | {len(pauses)} | {told:.3f} | {sure} |")


def report_pauses(rows: Rows, scores: dict[str, Floats]) -> None:
    """Of both kinds of pauses: the areas, and how many have the scores at which votes begin."""
    kinds = {"put in": ~rows.is_end & rows.is_inserted, "the speakers' own": ~rows.is_end & ~rows.is_inserted}
    print(f"\n| area, of the pauses | {' | '.join(kinds)} |\n| --- | --- | --- |")
    for name, score in scores.items():
        areas = (area(score[rows.is_end | kind], rows.is_end[rows.is_end | kind]) for kind in kinds.values())
        print(f"| {name} | {' | '.join(f'{each:.3f}' for each in areas)} |")
    print(f"\n| score of {name} | ends | {' | '.join(kinds)} |\n| --- | --- | --- | --- |")
    for least in (SURE_SCORE, LIKELY_SCORE, PLAUSIBLE_SCORE, DOUBTS_SCORE):
        shares = (float((score[of] >= least).mean()) for of in (rows.is_end, *kinds.values()))
        print(f"| {least:+.1f} and more | {' | '.join(f'{each:.1%}' for each in shares)} |")


def write(found: Fit, width: int, model: Path) -> None:
    """The ending into the checkpoint directory `model`, as a part of its own; its index names and pins it.

    width: of the encoder.
    """
    weight = torch.from_numpy(found.weight)
    sound = weight[-STRETCHES * width :].reshape(STRETCHES, width).clone()
    tensors = {WEIGHT: weight[: -STRETCHES * width].clone(), SOUND: sound, BIAS: torch.tensor([found.bias])}
    index: dict[str, Any] = json.loads((model / INDEX_NAME).read_text())
    known = {name for name, part in index["weight_map"].items() if part == PART}
    if known:
        index["metadata"]["total_size"] -= sum(of.nbytes for of in load_file(model / PART).values())
    save_file(tensors, model / PART)
    index["weight_map"] |= dict.fromkeys(tensors, PART)
    index["metadata"]["sha256"][PART] = hashlib.sha256((model / PART).read_bytes()).hexdigest()
    index["metadata"]["total_size"] += sum(of.nbytes for of in tensors.values())
    (model / INDEX_NAME).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


def listen(talkies: Sequence[Path], lines: int, count: int) -> Rows:
    watch = Watch(open_engine())
    for folder in talkies:
        for _, name, pcm, speech_end, pauses in actors(folder, lines):
            watch.watch((folder.name, name, pcm, speech_end, pauses))
    for each in islice(recited(), count):
        watch.watch(each)
    return watch.rows()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--talkie", type=Path, action="append", default=[], help="a game's folder, for the actors")
    parser.add_argument("--lines", type=int, default=LINES, help="of each game")
    parser.add_argument("--recited", type=int, default=RECITED)
    parser.add_argument("--rows", type=Path, help="an .npz, read where it exists and written where not")
    parser.add_argument("--write", type=Path, help="a checkpoint directory")
    arguments = parser.parse_args()
    if arguments.rows and arguments.rows.exists():
        rows = Rows(**np.load(arguments.rows))
    else:
        rows = listen(arguments.talkie, arguments.lines, arguments.recited)
        if arguments.rows:
            np.savez(arguments.rows, **vars(rows))
    report(rows)
    found = fit(rows.only(rows.group != EVALUATED))
    print(f"\nlog-odds: {found.vote[0]:.3f} of the ending, {found.vote[1]:.3f} of the words, {found.vote_bias:+.3f}")
    if arguments.write:
        write(found, rows.sound.shape[2], arguments.write)


if __name__ == "__main__":
    main()
