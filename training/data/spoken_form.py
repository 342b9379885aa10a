"""Text as it is written down: lower case, numbers in words, no punctuation but the apostrophe. Pure.

Knows English spelling and no voice. `heard` is what the model is taught to write for a text that a voice was given.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from num2words import num2words

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)\b")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_SYMBOLS = {
    "%": " percent ",
    "&": " and ",
    "+": " plus ",
    "@": " at ",
    "=": " equals ",
    "$": " dollars ",
    "°": " degrees ",
}
_OTHER = re.compile(r"[^a-z' ]+")
_LOOSE_APOSTROPHE = re.compile(r"(?<![a-z])'+|'+(?![a-z])")


# One spelling for one sound: the recogniser that hears was taught American English.
_SPELLINGS = {
    "mr": "mister", "mrs": "missus", "dr": "doctor", "ok": "okay", "grey": "gray", "centre": "center",
    "theatre": "theater",
    "metre": "meter", "metres": "meters", "litre": "liter", "litres": "liters", "kilometres": "kilometers",
    "fibre": "fiber",
    "centimetres": "centimeters", "aluminium": "aluminum", "defence": "defense", "offence": "offense",
    "licence": "license",
    "programme": "program", "programmes": "programs", "cheque": "check", "tyre": "tire", "tyres": "tires",
    "pyjamas": "pajamas",
    "plough": "plow", "jewellery": "jewelry", "traveller": "traveler", "travelling": "traveling",
    "travelled": "traveled",
    "cancelled": "canceled", "towards": "toward", "sceptical": "skeptical", "mum": "mom", "storey": "story",
    "gaol": "jail",
}  # fmt: skip
_OUR = re.compile(
    r"\b(col|fav|hon|lab|neighb|behavi|flav|harb|hum|rum|vap|vig|arm|cand|clam|endeav|od|parl|rig|sav|splend|tum|val|ferv)our"
    r"(?=(s|ed|ing|ful|less|ite|ites|able|er|ers|y|hood|hoods|ly)?\b)"
)
_ISE = re.compile(
    r"\b(organ|real|recogn|apolog|critic|emphas|special|civil|memor|symbol|author|general)is(?=(e|es|ed|ing|ation|er)\b)"
)


@functools.lru_cache(maxsize=20_000)
def number(value: int) -> str:
    """`number(73)` is "seventy three"; as people say it, without hyphen and "and"."""
    return str(num2words(value)).replace("-", " ").replace(",", "").replace(" and ", " ")


@functools.lru_cache(maxsize=5_000)
def ordinal(value: int) -> str:
    return str(num2words(value, to="ordinal")).replace("-", " ").replace(",", "").replace(" and ", " ")


def year(value: int) -> str:
    """`year(1987)` is "nineteen eighty seven"."""
    return str(num2words(value, to="year")).replace("-", " ").replace(",", "").replace(" and ", " ")


def digits(text: str) -> str:
    """Each digit by its name: "305" is "three zero five"."""
    return " ".join(number(int(c)) for c in text if c.isdigit())


def _number_in_words(match: re.Match[str]) -> str:
    whole, _, part = match.group().replace(",", "").partition(".")
    if len(whole) > 12:
        return " " + digits(whole) + " "
    said = number(int(whole))
    return f" {said} point {digits(part)} " if part else f" {said} "


def heard(spoken: str) -> str:
    """What is written down of a text: one line of `[a-z' ]`; may be empty."""
    text = unicodedata.normalize("NFKD", spoken.translate(_APOSTROPHES))
    text = "".join(c for c in text if not unicodedata.combining(c)).lower()
    text = _ORDINAL.sub(lambda m: f" {ordinal(int(m.group(1)))} ", text)
    text = _NUMBER.sub(_number_in_words, text)
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    text = _OTHER.sub(" ", text)
    text = _LOOSE_APOSTROPHE.sub("", text)
    text = _ISE.sub(r"\1iz", _OUR.sub(r"\1or", text))
    return " ".join(_SPELLINGS.get(word, word) for word in text.split())


_ASKING = frozenset(
    "what what's who who's whose where when why how how's which is are am was were do does did can could will"
    " would shall should have has may don't isn't aren't".split()
)


def sentence(text: str) -> str:
    """With a capital first; a mark is added where none ends it: a question mark where its first word asks."""
    text = text.strip()
    if not text:
        return text
    text = text[0].upper() + text[1:]
    if text[-1] in ".?!":
        return text
    clause = text.lower().split(", ")[-1].split(". ")[-1].split()
    return text + ("?" if text.lower().split()[0] in _ASKING or clause[0] in _ASKING else ".")
