"""Sentences that are only written down: of dictionaries, quotations, dialogue, numbers, dates, names, single words.

With a corpus file every common word is heard; without one only what is built here. Knows no voices.
"""

from __future__ import annotations

import numpy as np

from training.data.corpus import Corpus
from training.data.spoken_form import digits, heard, number, ordinal, sentence, year
from training.data.texts import word_lists as lists
from training.data.texts.dialogue import PATTERNS
from training.data.texts.draft import Draft, Maker, listed, pick
from training.data.texts.grammar import expand
from training.data.texts.names import FIRST, LAST, STREETS
from training.items import Item

CORPUS_SECTIONS = ("wordnet", "gcide", "fortunes", "foldoc")


def _draft(kind: str, spoken: str) -> Draft:
    text = sentence(spoken)
    written = heard(text)
    return Draft(Item(f"transcribe/{kind}", text, written), written)


def name(rng: np.random.Generator) -> str:
    return f"{pick(rng, FIRST)} {pick(rng, LAST)}" if rng.random() < 0.5 else pick(rng, FIRST)


def date(rng: np.random.Generator) -> str:
    day, month = int(rng.integers(1, 29)), pick(rng, lists.MONTHS)
    base = pick(
        rng,
        (f"{month} {ordinal(day)}", f"the {ordinal(day)} of {month}", f"{pick(rng, lists.DAYS)} the {ordinal(day)}"),
    )
    return f"{base} {year(int(rng.integers(1750, 2035)))}" if rng.random() < 0.4 else base


def time_of_day(rng: np.random.Generator) -> str:
    hour, minute = number(int(rng.integers(1, 13))), int(rng.integers(1, 12)) * 5
    return pick(rng, (f"{hour} o'clock", f"{hour} {number(minute)}" if minute > 5 else f"{hour} oh five", f"half past {hour}", f"quarter to {hour}",
                      f"quarter past {hour}", f"{number(minute)} past {hour}", f"{hour} in the morning", f"{hour} p m"))  # fmt: skip


def amount(rng: np.random.Generator) -> str:
    size = int(10 ** rng.uniform(0, 5.5))
    unit = pick(
        rng,
        (
            "dollars",
            "miles",
            "people",
            "kilometers",
            "pounds",
            "euros",
            "percent",
            "years",
            "minutes",
            "hours",
            "days",
            "degrees",
            "meters",
            "books",
        ),
    )
    return f"{number(size)} {unit}"


def numbers(rng: np.random.Generator) -> Draft:
    match int(rng.integers(9)):
        case 0:
            text = f"{pick(rng, ('my number is', 'call me at', 'the phone number is', 'dial', ''))} {digits(''.join(str(d) for d in rng.integers(0, 10, int(rng.integers(4, 11)))))}"
        case 1:
            text = f"{pick(rng, ('I live at', 'the address is', 'send it to', 'go to'))} {number(int(rng.integers(1, 400)))} {pick(rng, STREETS)} {pick(rng, ('street', 'road', 'avenue', 'lane', 'square'))}"
        case 2:
            text = f"{pick(rng, ('it happened on', 'we meet on', 'the meeting is on', 'she was born on', 'see you on', 'the date is'))} {date(rng)}"
        case 3:
            text = f"{pick(rng, ('it is', 'the train leaves at', 'I wake up at', 'dinner is at', 'the shop opens at', 'be there at'))} {time_of_day(rng)}"
        case 4:
            text = f"{pick(rng, ('it costs', 'that makes', 'we counted', 'there were', 'it takes', 'about', 'more than', 'they paid'))} {amount(rng)}"
        case 5:
            text = f"{number(int(rng.integers(0, 100)))} point {digits(str(int(rng.integers(1, 100))))} {pick(rng, ('percent', 'seconds', 'million', 'degrees', 'meters'))}"
        case 6:
            text = ", ".join(number(int(n)) for n in rng.integers(0, 100, int(rng.integers(2, 7))))
        case 7:
            text = f"the code is {' '.join(str(c) for c in rng.choice(list('ABCDEFGHIJKLMNOPRSTUVWXYZ'), 3))} {digits(str(int(rng.integers(100, 999))))}"
        case _:
            text = f"in {year(int(rng.integers(1500, 2030)))} {pick(rng, ('the war ended', 'he moved to the city', 'the bridge was built', 'she wrote her first book', 'the king died', 'they were married'))}"
    return _draft("numbers", text.strip())


def dialogue(rng: np.random.Generator) -> Draft:
    """Everyday talk from patterns with names, places, times and things put in."""
    text = expand(rng, pick(rng, PATTERNS))
    for slot, value in (("NAME", name), ("TIME", time_of_day), ("DATE", date), ("AMOUNT", amount)):
        while slot in text:
            text = text.replace(slot, value(rng), 1)
    while "THING" in text:
        group = pick(
            rng,
            (
                "animal",
                "fruit",
                "vegetable",
                "tool",
                "instrument",
                "vehicle",
                "piece of furniture",
                "piece of clothing",
                "drink",
            ),
        )
        text = text.replace("THING", pick(rng, lists.GROUPS[group]), 1)
    return _draft("dialogue", text)


def _words_of(corpus: Corpus | None) -> Maker:
    def words(rng: np.random.Generator) -> Draft:
        count = int(rng.integers(1, 9))
        if corpus is None or not corpus.has("words"):
            chosen = [pick(rng, lists.SPELLED) for _ in range(count)]
        else:
            # Half of the draws lean to the frequent end: rank = N · u³.
            table = corpus.sections["words"]
            ranks = rng.random(count) ** (3 if rng.random() < 0.5 else 1) * len(table)
            chosen = [table[int(rank)] for rank in ranks]
        chosen = [word for word in chosen if len(word) > 1] or ["word"]
        return _draft("words", " ".join(chosen) if rng.random() < 0.6 else listed(chosen))

    return words


def _names_of(corpus: Corpus | None) -> Maker:
    def names(rng: np.random.Generator) -> Draft:
        place = (
            corpus.draw(rng, "cities")
            if corpus is not None and corpus.has("cities")
            else pick(rng, ("London", "Paris", "Boston", "Madrid", "Vienna"))
        )
        who, other = name(rng), name(rng)
        text = pick(rng, (
            f"{who} lives in {place}", f"I met {who} in {place}", f"{place} is a long way from here", f"have you ever been to {place}", f"this is {who} from {place}",
            f"{who} and {other} went to {place}", f"my name is {who}", f"{who}", f"{place}", f"{who} called {other} yesterday", f"we fly to {place} on {pick(rng, lists.DAYS)}",
            f"is {who} at home", f"how do I get to {place}", f"please tell {who} that {other} is here", f"the train to {place} is late",
        ))  # fmt: skip
        return _draft("names", text)

    return names


def _section(corpus: Corpus, section: str) -> Maker:
    def from_corpus(rng: np.random.Generator) -> Draft:
        return _draft(section, corpus.draw(rng, section))

    return from_corpus


def makers(corpus: Corpus | None) -> dict[str, Maker]:
    found: dict[str, Maker] = {
        "numbers": numbers,
        "dialogue": dialogue,
        "words": _words_of(corpus),
        "names": _names_of(corpus),
    }
    if corpus is not None:
        found |= {section: _section(corpus, section) for section in CORPUS_SECTIONS if corpus.has(section)}
    return found


# Without a corpus the four built here share alike; with one, dictionaries and quotations have the most variety.
WEIGHTS = {
    "wordnet": 3.0,
    "gcide": 3.5,
    "fortunes": 1.5,
    "foldoc": 0.4,
    "words": 2.5,
    "numbers": 1.0,
    "dialogue": 2.5,
    "names": 0.8,
}
