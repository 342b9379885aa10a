"""Written text as it is said: numbers, dates, money, units, addresses, abbreviations and symbols in words.

Markdown and emoji go, punctuation that shapes the voice stays. English. Every voice gets the same words, so a voice
with a reader of its own (hibari) finds nothing left to interpret, and one without (a plain server) reads them right.
Pure; never raises; saying what is already said changes nothing.
"""

from __future__ import annotations

import re
import unicodedata

from tts_bridge.markdown import plain, say_addresses
from tts_bridge.quantities import say_quantities

_VULGAR = re.compile(r"(\d?)([¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")

_TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Gen": "General",
    "Capt": "Captain", "Lt": "Lieutenant", "Col": "Colonel", "Sgt": "Sergeant", "Gov": "Governor", "Sen": "Senator",
    "Rep": "Representative", "Rev": "Reverend", "Pres": "President", "St": "Saint", "Mt": "Mount", "Ft": "Fort",
}  # fmt: skip
_TITLE = re.compile(rf"\b({'|'.join(_TITLES)})\.? (?=[A-Z])")
_BARE_TITLE = re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof)\.(?=\s|$)")

# Matched with their full stop, except those in _WITHOUT_STOP.
_ABBREVIATIONS = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "approx.": "approximately",
    "a.k.a.": "also known as", "St.": "Street", "Ave.": "Avenue", "Blvd.": "Boulevard", "Rd.": "Road",
    "Jr.": "Junior", "Sr.": "Senior", "Inc.": "Incorporated", "Ltd.": "Limited", "Corp.": "Corporation",
    "Co.": "Company", "Dept.": "Department", "Univ.": "University", "Fig.": "Figure", "fig.": "figure",
    "Vol.": "Volume", "vol.": "volume", "pp.": "pages", "cf.": "compare", "est.": "established", "Jan.": "January",
    "Feb.": "February", "Mar.": "March", "Apr.": "April", "Aug.": "August", "Sep.": "September",
    "Sept.": "September", "Oct.": "October", "Nov.": "November", "Dec.": "December", "Mon.": "Monday",
    "Tue.": "Tuesday", "Tues.": "Tuesday", "Wed.": "Wednesday", "Thu.": "Thursday", "Thurs.": "Thursday",
    "Fri.": "Friday", "a.m.": "A.M.", "p.m.": "P.M.",
}  # fmt: skip
_WITHOUT_STOP = {"vs": "versus", "w/o": "without", "w/": "with", "aka": "also known as"}
_ABBREVIATION = re.compile(
    "|".join(rf"(?<![\w.]){re.escape(short)}" for short in sorted(_ABBREVIATIONS, key=len, reverse=True))
)
_SHORT_WORD = re.compile(r"(?<![\w./])(?:w/o\b|w/(?=\s|\w)|vs\b(?!\.)|aka\b)")
# These swallow the stop that ends the sentence; it comes back where a sentence seems to end.
_MAY_END = frozenset(["etc.", "St.", "Ave.", "Blvd.", "Rd.", "Jr.", "Sr.", "Inc.", "Ltd.", "Corp.", "Co."])
_ENDS_SENTENCE = re.compile(r"\s*$|\s+[A-Z\"“]")
_NUMBER_SIGN = re.compile(r"\b(No|Nos|no|nos)\. ?(?=\d)|(?<![\w&])#(?=\d)")
_ROMAN = re.compile(
    r"\b(World War|Part|Chapter|Volume|Act|Section|Phase|Type|Appendix) (I{1,3}|IV|VI{0,3}|IX|XI{0,2})\b"
)
_ROMANS = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]

# In this order: the longer symbol first.
_SYMBOLS = [
    (re.compile(r"\s*(?:->|=>|→|⇒)\s*"), " to "),
    (re.compile(r"\s*(?:<=|≤)\s*"), " is at most "),
    (re.compile(r"\s*(?:>=|≥)\s*"), " is at least "),
    (re.compile(r"\s*(?:!=|≠)\s*"), " is not equal to "),
    (re.compile(r"\s*≈\s*"), " is about "),
    (re.compile(r"~ ?(?=\d)"), "about "),
    (re.compile(r"(?<=\d)\s*<\s*(?=[\w-])"), " is less than "),
    (re.compile(r"(?<=\d)\s*>\s*(?=[\w-])"), " is greater than "),
    (re.compile(r"(?<=\w)\s*==?\s*(?=[\w(-])"), " equals "),
    (re.compile(r"\s*±\s*"), " plus or minus "),
    (re.compile(r"(?<=\d)\s*[×⋅·]\s*(?=[\d(])|(?<=\d)\s*x\s*(?=\d)"), " times "),
    (re.compile(r"(?<=[\w)])\s*÷\s*(?=[\w(])|(?<=\d) / (?=\d)"), " divided by "),
    (re.compile(r"(?<=\w)\+\+"), " plus plus "),
    (re.compile(r"(?<=[\d)])\s*\+\s*(?=[\d(])|(?<=\w) \+ (?=\w)|(?<=\d)\+(?!\d)"), " plus "),
    (re.compile(r"√\s*"), " square root of "),
    (re.compile(r"π"), " pi "),
    (re.compile(r"∞"), " infinity "),
    (re.compile(r"§\s*"), " section "),
    (re.compile(r"\s*&\s*(?=\w)"), " and "),
    (re.compile(r"(?<!\w)@(?=\w)"), "at "),
]
_EMOTICON = re.compile(r"(?<!\S)[:;=]['-]?[()DPpOo|/\\](?!\S)")
_SUPERSCRIPTS = {"²": "^2", "³": "^3"}
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "−": "-", "‐": "-", "‑": "-", "⁄": "/", "＄": "$"})
# What is left of markup, programming and mathematics: nothing that a voice should try to read.
_LEFTOVER = re.compile(r"[*_`~^=+<>|\\{}\[\]#@/$%°&]")
_DASH = re.compile(r"\s+[-–]+\s+|\s*—\s*|\s*--+\s*")
_SLASH = re.compile(r"(?<=\w)/(?=\w)")
_SPACE_BEFORE = re.compile(r"\s+(?=[,.;:!?…)])")
_DOUBLE_COMMA = re.compile(r"([,;:.!?…])(?:\s*,)+")
_LEADING = re.compile(r"^[\s,.;:!?…)\-–—'\"]+(?=\w)|^[\s,.;:!?…)\-–—\"]+(?=[\"'(])")
_SPEAKABLE = re.compile(r"\w")


def spoken(text: str) -> str:
    """`text` in spoken form, on one line; "" where there is nothing to say."""
    text = _unify(text)
    text = plain(text)
    text = re.sub(r"\s*\n\s*", _line_end, text.strip())
    text = say_addresses(_EMOTICON.sub(" ", text))
    text = _expand(text)
    for pattern, said in _SYMBOLS:
        text = pattern.sub(said, text)
    text = say_quantities(text)
    return _tidy(text)


def _unify(text: str) -> str:
    """One form for characters that have several: quotes, spaces, minus signs, fractions, wide digits."""
    for char, said in _SUPERSCRIPTS.items():
        # "m²" is a unit of its own.
        text = re.sub(rf"(?<!m){char}", said, text)
    text = _VULGAR.sub(lambda m: f"{m[1]} {unicodedata.normalize('NFKC', m[2])}", text)
    folded = "".join(c if c in "²³…µ°´¨¸™℠" else unicodedata.normalize("NFKC", c) for c in text)
    # Any other digit (Arabic, Devanagari…) is the same number.
    folded = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)
    return unicodedata.normalize("NFC", folded).replace("μ", "µ").translate(_QUOTES)


def _line_end(match: re.Match[str]) -> str:
    """A line that ends without punctuation ends with a pause all the same."""
    before = match.string[match.start() - 1]
    return " " if before in ".,;:!?…" else ", "


def _expand(text: str) -> str:
    text = _NUMBER_SIGN.sub(lambda m: "numbers " if (m[1] or "").lower() == "nos" else "number ", text)
    text = _ROMAN.sub(lambda m: f"{m[1]} {_ROMANS.index(m[2]) + 1}", text)
    text = _TITLE.sub(lambda m: f"{_TITLES[m[1]]} ", text)
    text = _BARE_TITLE.sub(lambda m: _TITLES[m[1]], text)
    text = _SHORT_WORD.sub(lambda m: f"{_WITHOUT_STOP[m.group()]} ", text)
    return _ABBREVIATION.sub(_abbreviation, text)


def _abbreviation(match: re.Match[str]) -> str:
    said = _ABBREVIATIONS[match.group()]
    followed = match.string[match.end() :]
    return f"{said}." if match.group() in _MAY_END and _ENDS_SENTENCE.match(followed) else said


def _tidy(text: str) -> str:
    text = _DASH.sub(", ", _SLASH.sub(" ", text.replace("|", ", ")))
    text = "".join(c for c in text if unicodedata.category(c) not in _SILENT and not "\ufe00" <= c <= "\ufe0f")
    text = _LEFTOVER.sub(" ", text)
    text = _SPACE_BEFORE.sub("", re.sub(r"\s+", " ", text))
    text = _DOUBLE_COMMA.sub(r"\1", text)
    text = _LEADING.sub("", text).strip()
    return text if _SPEAKABLE.search(text) else ""


# Symbols, surrogates, controls and everything that has no sound; letters, marks and punctuation stay.
_SILENT = frozenset({"So", "Sk", "Cs", "Cc", "Cf", "Co", "Cn", "Sm", "Sc", "No", "Me"})
