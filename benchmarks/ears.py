"""Which line to believe: the transcriber's, or the one that the decoder writes when it hears the same frames itself.

    python -m benchmarks.ears [--items 40] [--families hibari …] [--talkie FOLDER] [--json FILE] [--from FILE] [--fit]

Of every clip both lines are written, without notes, and one is chosen as the engine does it (`realtime.mind.contest`):
both networks say how likely they find either, and other lines of the decoder's where a word of its own is one that the
transcriber did not hear. Sets: the seed samples, people (pocketsphinx-testdata), with `--talkie` lines of Flight of the
Amazon Queen's actors, and held-out questions (`skill`) and sentences (`transcribe`) in every family of synthetic voices
that is installed, without noise. Printed for every set, as word errors in % / lines wholly right in %: either line; the
one that is chosen by how sure each network is of its own alone; of the two and of all that were tried the one that both
find likeliest; the better one of the two, and the best of all. Then how many lines were tried, and what other shares
(`realtime.mind.ears.TRANSCRIBER_SHARE`) would have chosen of them.

`--json` keeps what was measured, `--from` prints it again without the model. `--fit` finds the weights again of the
balance that tells whether the transcriber is to be asked, over all sets but those of `--leave-out`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.samples import path_of, sources
from client_demo.correctness import plain_words, word_errors
from realtime.decoder import Decoder, Row
from realtime.decoder.sequence import Sequence as Sequence_
from realtime.engine.dialect import seed_dialect
from realtime.engine.memory import DecoderMemory
from realtime.mind.contest import Contest, Hypothesis
from realtime.mind.dialect import Dialect
from realtime.mind.ears import (
    LEAST_MEAN,
    PREFERENCE_RANGE,
    TRANSCRIBER_SHARE,
    HeardLine,
    Second,
    Standing,
    own_is_better,
)
from realtime.mind.laying import HEARD_TOKENS_LEAST
from realtime.mind.memory import Symbol
from realtime.transcriber import TranscriberStream, load_transcriber
from streaming_encoder import EncoderStream, load_audio_model
from tests.turns_material import MISSING, Pcm16, load
from training.data.generator import Generator
from training.data.mixture import FULL
from training.data.speech_tools import SpeechToolMissing
from training.data.talkies.utterance import open_talkie
from training.data.voices import Voices

FAMILIES = ("hibari", "espeak", "flite", "festival")
SEED, ACTORS_SEED = 991, 3
ACTORS, ACTORS_S, ACTORS_WORDS = 70, (1.2, 7.0), 3  # lines; seconds; words of the script at least
RATE_HZ = 16_000
HOP = 640 * RATE_HZ // 1000
PAD = 32 * RATE_HZ // 1000  # what a turn detector lets pass before the tentative end, at the least
# The regression. People are few here, so their errors count twice.
HUMAN, HUMAN_WEIGHT, RIDGE, ROUNDS = ("people", "actors"), 2.0, 0.3, 60
SHARES = (0.0, 0.3, 0.6, 1.0, 2.0)

Weights: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tried:
    """A line, and how likely it is: natural log-probabilities of the whole, by each network."""

    words: str
    decoder: float
    transcriber: float


@dataclass(frozen=True)
class Clip:
    """What was measured of one clip. *_logprobs: natural, of each token of a line; the decoder's with the line's end.

    given_logprobs: of the transcriber's line, by the decoder. ended: the decoder's line came to an end. tried: the two
    lines, the transcriber's first, and others; none where they are the same or cannot be compared.
    """

    set: str
    said: str
    transcriber: str
    transcriber_logprobs: list[float]
    decoder: str
    decoder_logprobs: list[float]
    given_logprobs: list[float]
    ended: bool = True
    tried: list[Tried] = field(default_factory=list)

    def errors_of(self, line: str) -> int:
        return word_errors(plain_words(self.said), plain_words(line))

    @cached_property
    def errors(self) -> tuple[int, int]:
        """Word errors of the transcriber's line and of the decoder's."""
        return self.errors_of(self.transcriber), self.errors_of(self.decoder)

    def likeliest(self, share: float = TRANSCRIBER_SHARE, most: int | None = None) -> str:
        """Of the first `most` lines that were tried the one that both networks find likeliest."""
        lines = self.tried[:most]
        if not lines:
            return self.decoder if self.is_own else self.transcriber
        return max(lines, key=lambda line: line.decoder + share * line.transcriber).words

    @cached_property
    def words(self) -> int:
        return len(plain_words(self.said))

    @property
    def sureness(self) -> float:
        return fmean(self.transcriber_logprobs)

    @property
    def is_own(self) -> bool:
        """The engine's choice is the decoder's line."""
        if not self.transcriber:
            return True
        return own_is_better(self.sureness, self.decoder_logprobs, self.given_logprobs, ended=self.ended)

    @property
    def features(self) -> Weights:
        """What the rule adds up, in its order: float64 [4]."""
        preference = sum(self.decoder_logprobs) - sum(self.given_logprobs)
        sureness = max(self.sureness, LEAST_MEAN) if self.transcriber else LEAST_MEAN
        return np.array(
            [1.0, sureness, max(fmean(self.decoder_logprobs), LEAST_MEAN), np.clip(preference, *PREFERENCE_RANGE)]
        )


class Ears:
    """Both networks of a checkpoint that has a transcriber."""

    def __init__(self, model: Path) -> None:
        transcriber = load_transcriber(model)
        if transcriber is None:
            raise SystemExit(f"{model} has no transcriber: python -m training.with_transcriber makes one that has")
        self._audio, self._transcriber = load_audio_model(model), transcriber
        self._decoder = Decoder.load(model, kv_tokens=4096, threads=1)
        prompt = json.loads((model / "config.json").read_text())["system_prompt"]
        self._dialect: Dialect = seed_dialect(self._decoder, prompt)

    def measure(self, name: str, said: str, pcm: Pcm16) -> Clip:
        """pcm: int16 [n], 16 kHz."""
        stream, hearing = EncoderStream(self._audio), TranscriberStream(self._transcriber)
        frames: list[Symbol] = []
        whole = np.concatenate([pcm, np.zeros(PAD, np.int16)])
        for begin in range(0, len(whole), HOP):
            for step in stream.hear(whole[begin : begin + HOP]):
                hearing.hear(step)
                frames += self._decoder.frames.put(step.embeddings)
        tail = stream.hear_tail()
        line = hearing.line(tail)
        for step in tail:
            frames += self._decoder.frames.put(step.embeddings)
        dialect = self._dialect
        system = dialect.text_item("system", dialect.default_instructions)
        prefix = [*system, *dialect.audio_open(), *frames, *dialect.audio_close(), *dialect.answering_audio([])]
        heard = HeardLine(line.words, line.confidence, 0.0, line.finish, Standing.CONTESTED)
        contest = Contest(
            dialect, DecoderMemory(self._decoder), heard, [], dialect.line(line.words) if line.words else []
        )
        seq = self._decoder.new(prefix)
        given = self._weigh(prefix, contest.unweighed) if line.words else []
        if given:
            contest.weigh(given)
        own, own_logprobs, end = self._write(seq, HEARD_TOKENS_LEAST + len(frames), contest)
        text = dialect.text(own).strip()
        tried = []
        if end is not None and own != contest.tokens and contest.begin(seq, own, own_logprobs, end):
            tried = self._try(contest, hearing, Tried(" ".join(line.words), sum(given), 0.0))
        contest.drop()
        self._decoder.drop(seq)
        self._decoder.frames.drop(frames)
        logprobs = list(line.logprobs)
        return Clip(name, said, " ".join(line.words), logprobs, text, own_logprobs, given, end is not None, tried)

    def _write(self, seq: Sequence_, most: int, contest: Contest) -> tuple[list[Symbol], list[float], Symbol | None]:
        """The decoder's line, log-probabilities with that of its end, and what ended it."""
        words: list[Symbol] = []
        logprobs: list[float] = []
        while len(words) <= most:
            likely = torch.log_softmax(self._logits(Row(seq, seq.pending, want_logits=True))[-1], 0)
            values, tokens = likely.topk(2)
            token = int(tokens[0])
            logprobs.append(float(values[0]))
            if self._dialect.ends_line(token):
                return words, logprobs, token
            contest.write(seq, words, token, Second(int(tokens[1]), float(values[1])))
            words.append(token)
            self._decoder.extend(seq, [token])
        return words, logprobs, None

    def _try(self, contest: Contest, hearing: TranscriberStream, given: Tried) -> list[Tried]:
        """All lines that are compared, with what either network says of them."""
        tried: list[Tried] = []
        while True:
            asked = list(contest.asked)
            told = [hearing.weigh(words) for words in asked]
            lines: list[Hypothesis | None] = contest.compared[-len(asked) :]
            for line, words, likely in zip(lines, asked, told, strict=True):
                decoder = given.decoder if line is None else sum(line.logprobs)
                tried.append(Tried(" ".join(words), decoder, sum(likely or [])))
            if contest.told(told):
                return tried
            while contest.open:
                other = contest.open[0]
                seq = cast(Sequence_, other.seq)
                likely_next = torch.log_softmax(self._logits(Row(seq, seq.pending, want_logits=True))[-1], 0)
                token = int(likely_next.argmax())
                contest.accept(other, token, float(likely_next[token]))

    def _weigh(self, prefix: list[Symbol], tokens: list[Symbol]) -> list[float]:
        seq = self._decoder.new(prefix)
        logits = self._logits(Row(seq, seq.pending, want_logits=True, guess=tuple(tokens)))
        self._decoder.drop(seq)
        chosen = torch.log_softmax(logits, 1)[range(len(tokens)), tokens]
        return [float(value) for value in chosen]

    def _logits(self, row: Row) -> torch.Tensor:
        (logits,) = self._decoder.step([row])
        assert logits is not None
        return logits.float()


def recordings(items: int, families: Sequence[str], talkie: Path | None) -> Iterator[tuple[str, str, Pcm16]]:
    """(set, what is said, samples); a family without its program is left out, with a line that says so."""
    known = sources()
    for source in known:
        yield "seed samples" if source.kind == "synthetic" else "people", source.text, load(path_of(source.name))
    if not any(source.kind == "human" for source in known):
        print(f"people left out: {MISSING}")
    if talkie is not None:
        yield from actors(talkie)
    for family in families:
        generator = Generator(SEED, replace(FULL, texts=None, people=()), Voices({family: 1.0}))
        try:
            for kind, wanted in (("skill", items), ("transcribe", max(1, items * 3 // 10))):
                for example in generator.held_out(wanted, kind, family, noisy=False):
                    assert example.clip is not None
                    yield f"{family}, {kind}", " ".join(example.item.words), example.clip.samples
        except SpeechToolMissing as error:
            print(f"{family} left out: {error}")


def actors(folder: Path) -> Iterator[tuple[str, str, Pcm16]]:
    spoken = open_talkie(folder).speech()
    left = ACTORS
    for at in np.random.default_rng(ACTORS_SEED).permutation(len(spoken)):
        line = spoken[int(at)]
        pcm = line.samples()
        if ACTORS_S[0] <= len(pcm) / RATE_HZ <= ACTORS_S[1] and len(line.script.split()) >= ACTORS_WORDS and left:
            yield "actors", line.script, pcm
            left -= 1


def fitted(clips: Sequence[Clip]) -> Weights:
    """The weights of `Clip.features` that best tell whose line has fewer errors: float64 [4]; a logistic regression."""
    apart = [clip for clip in clips if clip.errors[0] != clip.errors[1]]
    scale = np.array([1.0, 1.0, 1.0, 0.1])
    x = np.array([clip.features for clip in apart]) * scale
    y = np.array([clip.errors[1] < clip.errors[0] for clip in apart], float)
    importance = np.array(
        [abs(c.errors[0] - c.errors[1]) * (HUMAN_WEIGHT if c.set in HUMAN else 1.0) for c in apart], float
    )
    ridge = np.array([0.0, RIDGE, RIDGE, RIDGE])
    weights = np.zeros(4)
    for _ in range(ROUNDS):  # Newton's method
        p = 1 / (1 + np.exp(-x @ weights))
        curvature = (x.T * (importance * p * (1 - p))) @ x + np.diag(ridge)
        weights -= np.linalg.solve(curvature, x.T @ (importance * (p - y)) + ridge * weights)
    out: Weights = weights * scale
    return out


def report(console: Console, clips: Sequence[Clip], fit: bool, leave_out: str) -> None:
    if fit:
        weights = fitted([clip for clip in clips if not clip.set.startswith(leave_out)])
        console.print(f"weights without {leave_out}: " + ", ".join(f"{weight:.2f}" for weight in weights))
    lines: dict[str, Callable[[Clip], str]] = {
        "transcriber": lambda clip: clip.transcriber,
        "decoder": lambda clip: clip.decoder,
        "by sureness": lambda clip: clip.decoder if clip.is_own else clip.transcriber,
        "of the two": lambda clip: clip.likeliest(most=2),
        "chosen": Clip.likeliest,
        "better of two": lambda clip: min((clip.transcriber, clip.decoder), key=clip.errors_of),
        "best": lambda clip: min((clip.transcriber, clip.decoder, *(t.words for t in clip.tried)), key=clip.errors_of),
    }
    _table(console, clips, lines)
    compared = [clip for clip in clips if clip.tried]
    others = [len(clip.tried) - 2 for clip in compared]
    console.print(
        f"{len(compared)} of {len(clips)} clips had the transcriber asked; other lines tried: "
        + ", ".join(f"{count} for {others.count(count)}" for count in sorted(set(others)))
    )
    _table(console, clips, {f"share {share}": partial(Clip.likeliest, share=share) for share in SHARES})


def _table(console: Console, clips: Sequence[Clip], lines: dict[str, Callable[[Clip], str]]) -> None:
    """Word errors in % / lines wholly right in %, set by set."""
    table = Table("set", "clips", "words", *lines)
    for name in [*dict.fromkeys(clip.set for clip in clips), "all"]:
        of = [clip for clip in clips if name in (clip.set, "all")]
        words = sum(clip.words for clip in of)
        row = []
        for line in lines.values():
            errors = [clip.errors_of(line(clip)) for clip in of]
            row.append(f"{100 * sum(errors) / words:.1f} / {100 * errors.count(0) / len(of):.0f}")
        table.add_row(name, str(len(of)), str(words), *row)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/embedded"))
    parser.add_argument("--items", type=int, default=40, help="questions of each family; 3 sentences for every 10")
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    parser.add_argument("--talkie", type=Path, help="the folder of a game's data files, for the actors")
    parser.add_argument("--json", type=Path, help="keep what was measured in this file")
    parser.add_argument("--from", type=Path, dest="kept", help="print what --json kept")
    parser.add_argument("--fit", action="store_true", help="find the rule's weights again")
    parser.add_argument("--leave-out", default="festival", help="sets whose name begins so, kept out of --fit")
    arguments = parser.parse_args()
    if arguments.kept is not None:
        kept = json.loads(arguments.kept.read_text())
        clips = [Clip(**{**entry, "tried": [Tried(**tried) for tried in entry["tried"]]}) for entry in kept]
    else:
        torch.set_num_threads(1)
        ears = Ears(arguments.model)
        clips = [ears.measure(*each) for each in recordings(arguments.items, arguments.families, arguments.talkie)]
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(clip) for clip in clips]))
    report(Console(width=150), clips, arguments.fit, arguments.leave_out)


if __name__ == "__main__":
    main()
