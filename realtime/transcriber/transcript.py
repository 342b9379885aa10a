"""The text of what was heard, token by token: when it ends, and how much of it will stay. Numbers only; no weights.

A network that was trained on whole recordings does two things that a stream must not show: at the end of what it hears
it begins again at the beginning, and it guesses at a word that is cut in two. Both show in where it listens
(`Token.at`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

# The next word listens later than the last one, give or take; from the end of a text to its beginning is further back.
BACK_FRAMES = 12
# A word that is said twice is heard twice: the second time later than the first by more than this.
AGAIN_FRAMES = 5
# Whisper's own rule for where nobody speaks: a probability, and the mean log-probability of what was written anyhow.
SILENT_LEAST, UNSURE_MOST = 0.6, -1.0
# Log-probability under which a word may still become another one.
LEAST_SURE = -0.8
# At its end a text often changes with what follows.
UNSETTLED_FRAMES = 100
# Faster than anybody speaks: 12 tokens a second, and a few for a short sound.
TOKENS_LEAST, FRAMES_PER_TOKEN = 8, 4


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the text. at: 50 Hz frame of the segment it was heard at. logprob: natural log of its probability.

    begins: it begins a word; otherwise it goes on with one. letters: what it says, in lower case; empty for marks.
    """

    id: int
    at: int
    logprob: float
    begins: bool
    letters: str

    @property
    def is_mark(self) -> bool:
        return not self.letters

    @property
    def is_number(self) -> bool:
        return any(character.isdigit() for character in self.letters)


def is_loop(text: Sequence[Token], following: Token) -> bool:
    """Whether `following` says again what `text` has said already: the text ends before it."""
    words = [token for token in text if not token.is_mark]
    if not words or following.is_mark:
        return False
    if following.at < max(token.at for token in words) - BACK_FRAMES:
        return True
    return following.begins and any(
        said.letters == following.letters and following.at < said.at + AGAIN_FRAMES for said in words if said.begins
    )


def says_nothing(text: Sequence[Token], silent: Callable[[], float]) -> bool:
    """Whether nobody has said `text`. silent: how probable the network finds it that nobody speaks, 0..1.

    Who is sure of the words is not asked.
    """
    if not any(token.letters for token in text):
        return True
    return sum(token.logprob for token in text) / len(text) < UNSURE_MOST and silent() > SILENT_LEAST


def most_tokens(frames: int) -> int:
    """Tokens that can have been said in so many frames."""
    return TOKENS_LEAST + frames // FRAMES_PER_TOKEN


def settled(text: Sequence[Token], agreed: int, before: int) -> int:
    """How many tokens of `text` will stay, where `agreed` do already and what was heard up to frame `before` is sure.

    Whole words only. Marks stay with the word that follows them, so that a pause is not taken for the end of a
    sentence, and so do numbers, which may have more digits.
    """
    most = agreed
    for index in range(agreed, len(text) + 1):
        is_word_over = index == len(text) or (text[index].begins and not text[index].is_mark)
        if is_word_over:
            most = _without_open_end(text, agreed, index)
        if index < len(text) and not text[index].is_mark and text[index].at >= before:
            break
    return most


def _without_open_end(text: Sequence[Token], agreed: int, end: int) -> int:
    while end > agreed and (text[end - 1].is_mark or text[end - 1].is_number):
        end -= 1
    return end


def common_prefix(text: Sequence[Token], other: Sequence[Token]) -> int:
    """Tokens that the two begin with in common."""
    return next(
        (n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a.id != b.id), min(len(text), len(other))
    )


def last_heard(text: Sequence[Token]) -> int:
    """The latest frame that a word of `text` was heard at; 0 where it has none."""
    return max((token.at for token in text if not token.is_mark), default=0)


def still_said(text: Sequence[Token], agreed: int) -> list[Token]:
    """What of `text` goes for said where a later pass lost the thread: whole words, but for those of its last 2 s.

    At least the first `agreed` tokens.
    """
    before = last_heard(text) - UNSETTLED_FRAMES
    first_late = next((n for n, token in enumerate(text) if not token.is_mark and token.at > before), len(text))
    return list(text[: max(agreed, last_word(text[: first_late + 1]))])


def last_word(text: Sequence[Token]) -> int:
    """Tokens in front of the last word of `text`; 0 where it has none."""
    return next((n for n in range(len(text) - 1, -1, -1) if text[n].begins and not text[n].is_mark), 0)


def first_doubt(text: Sequence[Token], before: int) -> int:
    """Tokens in front of the first word that was heard at frame `before` or later and may be another word."""
    doubts = (n for n, token in enumerate(text) if token.at >= before and token.letters and token.logprob < LEAST_SURE)
    return next(doubts, len(text))
