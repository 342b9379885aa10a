"""Scores of replies: pure arithmetic over what was said and what was written. It knows no model and no files."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.data.spoken_form import heard
from training.evaluation.small_talk import is_sensible
from training.evaluation.trial import Reply, Trial
from training.evaluation.word_errors import align, word_error_rate
from training.items import SAMPLE_RATE_HZ
from training.rewards import is_right

NOT_WORDS = ("[no speech]", "[unclear]")
HEARD_GROUPS = ("people", "skill", "transcribe", "fact", "talk")
ACOUSTIC_GROUPS = ("sound", "voice")

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial and the reply to it."""

    trial: Trial
    reply: Reply

    @property
    def kind(self) -> str:
        return self.trial.example.item.kind

    @property
    def group(self) -> str:
        return self.trial.example.item.group

    @property
    def has_words(self) -> bool:
        """Whether something was said that can be written down."""
        item = self.trial.example.item
        return bool(item.words) and item.heard not in NOT_WORDS and self.trial.example.clip is not None


def grouped(tried: Iterable[Tried], key: Callable[[Tried], K]) -> dict[K, list[Tried]]:
    """By `key`, in the order in which keys first occur."""
    groups: dict[K, list[Tried]] = defaultdict(list)
    for each in tried:
        groups[key(each)].append(each)
    return dict(groups)


def share(of: Sequence[bool]) -> float:
    """How many of them hold, 0..1; NaN for none."""
    return sum(of) / len(of) if of else math.nan


# --- what was heard -----------------------------------------------------------------------------------


def wer(tried: Iterable[Tried]) -> float:
    """Word error rate of the final line of what was heard."""
    return word_error_rate((t.trial.example.item.words, t.reply.words) for t in tried if t.has_words)


def notes(tried: Iterable[Tried]) -> dict[str, float]:
    """Of the words noted before the end of their turns.

    wer: errors per noted word, against the beginning of what was said that fits best. noted: share of the words said.
    lag_ms_p50, lag_ms_p95: end of a word to its note, of the words noted right, in time of the audio.
    """
    errors = written = said = 0
    lags: list[int] = []
    for each in tried:
        if not each.has_words:
            continue
        words, noted = each.trial.example.item.words, each.reply.noted
        clip = each.trial.example.clip
        found = align(words, [note.word for note in noted], is_prefix=True)
        errors, written, said = errors + found.errors, written + len(noted), said + len(words)
        if clip is not None and len(clip.word_end_ms) == len(words):
            lags += [
                noted[n].at_ms - clip.word_end_ms[s]
                for s, n in found.pairs
                if s is not None and n is not None and words[s] == noted[n].word
            ]
    p50, p95 = np.percentile(lags, [50, 95]).tolist() if lags else (math.nan, math.nan)
    return {
        "wer": errors / written if written else math.nan,
        "noted": written / said if said else math.nan,
        "lag_ms_p50": p50,
        "lag_ms_p95": p95,
    }


# --- what was answered --------------------------------------------------------------------------------


def is_answered(tried: Tried) -> bool:
    """Whether the answer has what a right one must have."""
    if tried.trial.accepts:
        return is_sensible(tried.reply.answer, tried.trial.accepts)
    return is_right(tried.trial.example.item, tried.reply.answer)


def is_same(tried: Tried) -> bool:
    """Whether it is word for word the answer that was taught."""
    return heard(tried.reply.answer) == heard(tried.trial.example.item.answer)


def can_be_verified(tried: Tried) -> bool:
    return bool(tried.trial.example.item.key or tried.trial.accepts)


def majority(tried: Sequence[Tried]) -> float:
    """What always giving the most frequent answer would score."""
    keys = Counter(t.trial.example.item.key for t in tried)
    return max(keys.values()) / len(tried) if tried else math.nan


def refusals(tried: Sequence[Tried]) -> dict[str, float]:
    """right, asks_again: of the turns with nothing said or nothing to understand; false: of the others."""
    none = [t for t in tried if t.trial.example.item.heard in NOT_WORDS]
    others = [t for t in tried if t.has_words]
    return {
        "right": share([t.reply.heard == t.trial.example.item.heard for t in none]),
        "asks_again": share([is_answered(t) for t in none]),
        "false": share([t.reply.heard in NOT_WORDS for t in others]),
    }


def listening_gain(tried: Iterable[Tried]) -> dict[str, float]:
    """What notes save at the end of a turn: tokens that are then still to be written before the answer, p50."""
    counts = [t.reply.tokens_before for t in tried if t.has_words and t.reply.answer]
    return {"tokens_before_answer_p50": float(np.median(counts)) if counts else math.nan}


def seconds(tried: Iterable[Tried]) -> float:
    """Audio of all of them."""
    clips = (t.trial.example.clip for t in tried)
    return sum(len(clip.samples) for clip in clips if clip is not None) / SAMPLE_RATE_HZ
