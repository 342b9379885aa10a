"""Answer text as it is written, cut into clauses that can be spoken before the rest exists.

Sans-I/O. Knows nothing of tokens or voices. What holds for every input:

- Nothing is lost or moved: the `Clause.text`s of an answer joined together are the text that was pushed.
- The cuts depend on the text alone. The segmenter is a fold over characters, so any way of cutting the same text
  into deltas gives the same clauses, each of them no later than with the delta that brings its deciding character.
- A clause is decided by at most one character after its end ("Hello," needs none; "Hello. " needs the space, for
  "3.5" and "example.com" have none), except an abbreviation that may or may not end a sentence, which waits for the
  next word, and a cut before a word such as "and", which waits until that word is complete.
- No clause is longer than MAX_CHARS, save a fenced code block.

White space belongs to the clause that follows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from tts_bridge.spoken import spoken

MAX_CHARS = 300
MAX_CODE_CHARS = 4_000


class Break(Enum):
    """Why a clause ends, with the silence (ms) that a speaker leaves there."""

    BREATH = 30  # no punctuation: cut between words because the clause was long enough
    COMMA = 100
    SENTENCE = 220

    @property
    def pause_ms(self) -> int:
        return self.value


@dataclass(frozen=True, slots=True)
class Clause:
    """`text` as written; `spoken` as said, "" where there is nothing to say; `pause_ms` of silence after it."""

    index: int
    text: str
    spoken: str
    pause_ms: int


@dataclass(frozen=True, slots=True)
class ClauseLimits:
    """Words a clause needs before it may end at a comma, before a break word, and anywhere."""

    comma_words: int
    break_words: int
    any_words: int


# The first clause buys the time in which the second is written and spoken, so it ends as soon as it can. Later ones
# are longer: a voice's melody is better over a longer stretch, and playout is already running.
FIRST = ClauseLimits(comma_words=1, break_words=6, any_words=12)
LATER = ClauseLimits(comma_words=4, break_words=12, any_words=24)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that begin a new phrase: a speaker may breathe before them.
BREAK_WORDS = _words(
    "and but or nor so yet because since although though while when where which who whose that if unless until "
    "after before with without for from in into on onto over under between through during"
)
# A clause doesn't end with one of these: it would be left hanging.
_NEVER_LAST = BREAK_WORDS | _words(
    "the a an my your his her its our their this these those not no very is are was were be of to as at by about "
    "than more most"
)

# A full stop after these belongs to the word and never ends a sentence.
_NEVER_ENDS = _words(
    "dr mr mrs ms mx prof rev hon gen col sgt capt lt cmdr adm gov sen rep pres supt messrs mt ft e.g i.e eg ie cf vs "
    "viz al fig figs vol pp ch ed eds approx est dept univ ca"
)
# After these it may do both; the next word tells.
_MAY_END = _words(
    "etc inc ltd co corp bros jr sr ave blvd rd ln hwy apt no nos p.m a.m jan feb mar apr jun jul aug sep sept oct "
    "nov dec mon tue tues wed thu thurs fri sat sun min max hr hrs sec in lb lbs oz"
)
_OPENERS = _words(
    "the a an it he she they we you i this that these those there here in on at for but and so however then what "
    "when where who why how is are do does if its it's i'm that's my your his her our their"
)
_MONTHS = "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august"
_MONTHS_BEFORE_DAY = _words(f"{_MONTHS} september october november december")

_CLOSERS = "\"'”’»)]}*_`~"
_COMMAS = ",;，、；"
_STOPS = "!?。！？"
_ACRONYM = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")
_LIST_MARK = re.compile(r"(?:^|\n)\s*\(?(?:\d{1,3}|[A-Za-z])[.)]$")
_WORD = re.compile(r"\w")
_IN_LINK = re.compile(r"\[[^\[\]\n]{0,120}$|\]\([^)\s]{0,200}$")
_IN_ADDRESS = re.compile(r"://|www\.|[@\\]|\w/\w|\w\.\w")
_LAST_TOKEN = re.compile(r"(\S+)\s*$")


class Segmenter:
    """One answer's text in, its clauses out."""

    def __init__(self, first: ClauseLimits = FIRST, later: ClauseLimits = LATER) -> None:
        self._first = first
        self._later = later
        self._reset()

    def _reset(self) -> None:
        self._text = ""
        self._index = 0
        self._in_code = False
        self._at_line_start = True

    def push(self, delta: str) -> list[Clause]:
        """The clauses that `delta` completes, in order."""
        clauses: list[Clause] = []
        for char in delta:
            self._text += char
            cut = self._code_cut() if self._in_code else self._cut()
            if cut is not None:
                clauses.append(self._take(*cut))
        return clauses

    def finish(self) -> list[Clause]:
        """What is left, if anything, as the last clause. The segmenter is then ready for the next answer."""
        clauses = [self._take(len(self._text), Break.SENTENCE)] if self._text else []
        self._reset()
        return clauses

    @property
    def pending(self) -> str:
        """Text that is not yet in a clause."""
        return self._text

    def _take(self, end: int, why: Break) -> Clause:
        text, self._text = self._text[:end], self._text[end:]
        is_code = self._in_code
        if is_code and text.rstrip().endswith("```"):
            self._in_code = False
        elif self._text.startswith("```"):
            self._in_code = True
        said = "" if is_code else spoken(text)
        # A line start carries a list mark ("1."), which is not the end of a sentence.
        self._at_line_start = self._text.startswith("\n")
        clause = Clause(self._index, text, said, why.pause_ms)
        self._index += 1
        return clause

    # --- where to cut -------------------------------------------------------------------------------------------

    def _code_cut(self) -> tuple[int, Break] | None:
        """A fenced block is one clause, from its fence to its closing fence."""
        if self._text.endswith("```") and len(self._text.strip()) > 3:
            return len(self._text), Break.SENTENCE
        # Not in the middle of a closing fence.
        is_long = len(self._text) >= MAX_CODE_CHARS and self._text[-1] != "`"
        return (len(self._text), Break.SENTENCE) if is_long else None

    def _cut(self) -> tuple[int, Break] | None:
        text = self._text
        char = text[-1]
        if char == "`" and (text == "```" or text.endswith("\n```")):
            if text.strip() == "```":
                self._in_code = True
                return None
            return len(text) - 3, Break.SENTENCE
        if len(text) >= MAX_CHARS:
            return self._forced_cut(), Break.BREATH
        if char == "\n":
            return (len(text) - 1, Break.SENTENCE) if _WORD.search(text) else None
        if _IN_LINK.search(text[-330:]):
            return None
        if char.isspace():
            return self._cut_after_token()
        if char in _COMMAS or char in _STOPS:
            return self._cut_at_mark(char)
        if len(text) > 1 and text[-2].isspace():
            return self._cut_before_new_word(char)
        return None

    def _forced_cut(self) -> int:
        """The last white space before the end, or the end itself where there is none."""
        head = self._text.rstrip()
        last_space = max(head.rfind(" "), head.rfind("\n"), head.rfind("\t"))
        return last_space if last_space > 0 and _WORD.search(head[:last_space]) else len(self._text)

    def _limits(self) -> ClauseLimits:
        return self._later if self._index else self._first

    def _cut_at_mark(self, mark: str) -> tuple[int, Break] | None:
        """A comma or a question mark right after a letter decides at once."""
        text = self._text
        token = text.split()[-1]
        before = text[-2:-1]
        if _IN_ADDRESS.search(token) or not _WORD.search(text) or not (before.isalpha() or before in _CLOSERS):
            return None
        if mark in _STOPS:
            return len(text), Break.SENTENCE
        return (len(text), Break.COMMA) if len(text.split()) >= self._limits().comma_words else None

    def _cut_after_token(self) -> tuple[int, Break] | None:
        """White space has just ended a token: does a clause end with it, or before it?"""
        head = self._text[:-1]
        if not head or head[-1].isspace() or not _WORD.search(head):
            return None
        words = head.split()
        token = words[-1]
        bare = token.rstrip(_CLOSERS)
        limits = self._limits()
        if bare.endswith("."):
            why = self._full_stop(bare, head)
            if why is not None:
                return len(head), why
        elif bare and bare[-1] in _STOPS:
            return len(head), Break.SENTENCE
        elif (bare and bare[-1] in _COMMAS + ":…") or token in {"—", "–", "-"} or bare.endswith("—"):
            if len(words) >= limits.comma_words and not self._date_goes_on(words):
                return len(head), Break.COMMA
        elif len(words) > 1 and self._opens_after_acronym(words):
            return self._start_of_last(head), Break.SENTENCE
        return self._cut_between_words(words, head, limits)

    def _cut_between_words(self, words: list[str], head: str, limits: ClauseLimits) -> tuple[int, Break] | None:
        token = words[-1]
        if len(words) > limits.break_words and token.lower() in BREAK_WORDS and not self._hangs(words[-2]):
            return self._start_of_last(head), Break.BREATH
        if len(words) >= limits.any_words and not self._hangs(token):
            return len(head), Break.BREATH
        return None

    def _full_stop(self, bare: str, head: str) -> Break | None:
        """Whether a token that ends in a full stop ends a sentence, as far as can be known before the next word."""
        word = bare.rstrip(".").lstrip("\"'“‘([*_").lower()
        if bare.endswith(".."):
            return Break.SENTENCE if len(head.split()) >= self._limits().comma_words else None
        line = head if self._at_line_start else "\x00" + head
        if _LIST_MARK.search(line) or word in _NEVER_ENDS or word in _MAY_END or word == "st":
            return None
        if _ACRONYM.fullmatch(word) or (len(word) == 1 and word.isalpha() and word != "i"):
            return None
        return Break.SENTENCE

    def _cut_before_new_word(self, char: str) -> tuple[int, Break] | None:
        """The first letter of a new word decides whether an abbreviation before it was the end of a sentence."""
        match = _LAST_TOKEN.search(self._text[:-1])
        if match is None:
            return None
        bare = match.group(1).rstrip(_CLOSERS)
        word = bare.rstrip(".").lstrip("\"'“‘(").lower()
        if bare.endswith(".") and word in _MAY_END and char.isupper():
            return match.end(1), Break.SENTENCE
        return None

    def _opens_after_acronym(self, words: list[str]) -> bool:
        """Whether a sentence ended before the last word: in “the U.S. The” it did, in “the U.S. Senate” not."""
        bare = words[-2].rstrip(_CLOSERS)
        is_open = bare == "St." or (bare.endswith(".") and _ACRONYM.fullmatch(bare[:-1]) is not None)
        return is_open and words[-1][0].isupper() and words[-1].lower() in _OPENERS

    @staticmethod
    def _date_goes_on(words: list[str]) -> bool:
        """After "March 5," a year is likely; a cut there would read it as a number of its own."""
        if len(words) < 2:
            return False
        day = words[-1].rstrip(",")
        return words[-1].endswith(",") and day.isdigit() and words[-2].rstrip(".").lower() in _MONTHS_BEFORE_DAY

    @staticmethod
    def _hangs(word: str) -> bool:
        return word.lower().strip("\"'“‘(*_") in _NEVER_LAST

    @staticmethod
    def _start_of_last(head: str) -> int:
        """Where the white space before the last token of `head` begins."""
        match = _LAST_TOKEN.search(head)
        return len(head[: match.start(1)].rstrip()) if match else len(head)
