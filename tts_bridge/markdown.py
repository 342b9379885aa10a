"""Markdown, HTML tags and addresses, as a person would read them aloud. Knows nothing of numbers.

Works on a piece of a document (a clause), so a mark whose partner is in another clause is removed as well.
"""

from __future__ import annotations

import re

_IMAGE = re.compile(r"!\[([^\]\n]*)\]\([^)\n]*\)")
_LINK = re.compile(r"\[([^\]\n]*)\]\([^)\n]*\)")
_HALF_LINK = re.compile(r"\]\(\S*?\)")
_TASK = re.compile(r"^([ \t]*[-*+]\s+)\[[ xX]\]\s+", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*+•◦▪]\s+", re.MULTILINE)
_NUMBERED = re.compile(r"^([ \t]*)\(?(\d{1,2}|[a-zA-Z])[.)]\s+(?=\S)", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]*(?:>\s?)+", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_=]\s*){3,}$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^[ \t]*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?[ \t]*$", re.MULTILINE)
_TABLE_EDGE = re.compile(r"^[ \t]*\|\s*|\s*\|[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,80}>")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": " ", "&#39;": "'"}
_EMPHASIS = re.compile(r"\*{1,3}|~~|`+|(?<!\w)_{1,3}(?=\w)|(?<=[\w.,;:!?])_{1,3}(?!\w)")
_TIMES = re.compile(r"(?<=\d)\s*\*\s*(?=\d)")

_EMAIL = re.compile(r"(?:mailto:)?\b([\w.+-]+)@((?:[\w-]+\.)+[a-zA-Z]{2,})\b")
_URL = re.compile(r"\b(?:https?://|ftp://|www\.)[^\s<>()\"]+[^\s<>()\".,;:!?']", re.IGNORECASE)
_DOMAIN = re.compile(
    r"(?<![\w@/.-])(?:[a-zA-Z0-9](?:[\w-]*\w)?\.)+(?:com|org|net|io|ai|dev|edu|gov|co|uk|de|fr|jp|eu|app|info)"
    r"(?:/[^\s<>()\"]*[\w/])?(?![\w@])"
)
_IN_ADDRESS = {
    ".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "@": " at ", ":": " colon ", "+": " plus ",
    "~": " tilde ", "&": " and ", "=": " equals ", "#": " hash ", "%": " percent ",
}  # fmt: skip


def plain(text: str) -> str:
    """`text` without its markup: words and their punctuation stay, code fences go, links leave their text."""
    text = _FENCE.sub(" ", text)
    for entity, char in _ENTITIES.items():
        text = text.replace(entity, char)
    text = _TAG.sub(" ", text)
    text = _LINK.sub(r"\1", _IMAGE.sub(r"\1", text))
    text = _HALF_LINK.sub("", text)
    text = _TABLE_EDGE.sub("", _RULE.sub("", _TABLE_RULE.sub("", text)))
    text = _QUOTE.sub("", text)
    text = _TASK.sub(r"\1", text)
    text = _BULLET.sub("", _HEADING.sub("", text))
    # "1. Apples" is said "one, apples".
    text = _NUMBERED.sub(r"\1\2, ", text)
    text = _TIMES.sub(" × ", text)
    return _EMPHASIS.sub("", text)


def say_addresses(text: str) -> str:
    """URLs and e-mail addresses as they are dictated: "example dot com slash path"."""
    text = _EMAIL.sub(lambda match: _dictate(f"{match.group(1)}@{match.group(2)}"), text)
    text = _URL.sub(lambda match: _dictate_url(match.group()), text)
    return _DOMAIN.sub(lambda match: _dictate(match.group()), text)


def _dictate_url(url: str) -> str:
    address = re.sub(r"^(?:https?://|ftp://)?(?:www\.)?", "", url, flags=re.IGNORECASE)
    # Nobody dictates a query; the page's address is what helps.
    return _dictate(re.split(r"[?#]", address)[0].rstrip("/"))


def _dictate(address: str) -> str:
    said = "".join(_IN_ADDRESS.get(char, char) for char in address)
    return f" {' '.join(said.split())} "
