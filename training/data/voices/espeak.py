"""espeak-ng through its C library: speech with the words' own times, and phonemes for Piper.

Knows `speak_lib.h` (espeak-ng 1.49 or later); no rooms, no items. The library has one state in a process.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np
import soxr

from training.data import speech_tools
from training.data.voices.talker import Samples, Talker, Utterance
from training.items import SAMPLE_RATE_HZ

ACCENTS = (
    "gmw/en-US", "gmw/en", "gmw/en-GB-scotland", "gmw/en-GB-x-gbclan", "gmw/en-GB-x-gbcwmd", "gmw/en-GB-x-rp",
    "gmw/en-029",
    "gmw/en-US-nyc",
)  # fmt: skip
MEN = (
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "m8",
    "Alex",
    "Andy",
    "Denis",
    "Gene",
    "Lee",
    "Michael",
    "Mike",
    "Tweaky",
)
WOMEN = ("f1", "f2", "f3", "f4", "f5", "Alicia", "Andrea", "Annie", "Linda", "steph3")

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS
_CHARS_UTF8, _PHONEMES_IPA = 1, 0x02
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER
_END, _WORD = 0, 1  # espeak_EVENT_TYPE: LIST_TERMINATED, WORD
_WORDS_PER_MINUTE = 165


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Library:
    def __init__(self) -> None:
        root = speech_tools.folder()
        if root is not None:
            # What the carried library needs is loaded by its path first: the loader then finds it by its name.
            for need in ("libsonic.so.0", "libpcaudio.so.0"):
                if (root / "lib" / need).exists():
                    ctypes.CDLL(str(root / "lib" / need), mode=ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(speech_tools.library("libespeak-ng.so.1"))
        self.lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        share = speech_tools.data("espeak-ng-data")
        path = str(share.parent).encode() if share else None
        self.rate_hz = int(self.lib.espeak_Initialize(_SYNCHRONOUS, 0, path, 0))
        if self.rate_hz <= 0:
            raise speech_tools.SpeechToolMissing(
                "libespeak-ng found no espeak-ng-data: install it, or carry it in share/"
            )
        self.pieces: list[np.ndarray] = []
        self.starts_ms: list[int] = []
        self._callback = _CALLBACK(self._take)
        self.lib.espeak_SetSynthCallback(self._callback)

    def _take(self, wave: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        if wave and count > 0:
            self.pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events and events[index].type != _END:
            if events[index].type == _WORD:
                self.starts_ms.append(events[index].audio_position)
            index += 1
        return 0

    def voice(self, name: str) -> None:
        if self.lib.espeak_SetVoiceByName(name.encode()) != 0:
            raise speech_tools.SpeechToolMissing(f"espeak-ng has no voice {name!r}")


@functools.cache
def _library() -> _Library:
    return _Library()


def phonemes(text: str, voice: str = "gmw/en-US") -> str:
    """IPA of one clause, as Piper's English voices were trained on."""
    library = _library()
    library.voice(voice)
    pointer = ctypes.c_char_p(text.encode())
    parts = []
    while pointer.value is not None:
        found = library.lib.espeak_TextToPhonemes(ctypes.byref(pointer), _CHARS_UTF8, _PHONEMES_IPA)
        if found:
            parts.append(found.decode())
    return " ".join(parts)


class EspeakEngine:
    """All accents and variants; robotic, but clear and endlessly various."""

    family = "espeak"
    source = "espeak"

    def __init__(self) -> None:
        self._library = _library()

    @staticmethod
    def draw(rng: np.random.Generator, sex: str = "") -> Talker:
        woman = sex == "woman" or (not sex and rng.random() < 0.5)
        accent = ACCENTS[0] if rng.random() < 0.5 else str(rng.choice(ACCENTS))
        variant = str(rng.choice(WOMEN if woman else MEN))
        return Talker(
            "espeak", f"{accent}+{variant}", "woman" if woman else "man",
            rate=float(rng.uniform(0.8, 1.3)), pitch=float(rng.uniform(0.75, 1.3)),
            intonation=float(rng.uniform(0.5, 1.6)),
        )  # fmt: skip

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Utterance:
        del rng  # nothing in it is random
        library = self._library
        library.voice(talker.name)
        for parameter, value in (
            (_RATE, _WORDS_PER_MINUTE * talker.rate), (_PITCH, 50 + 90 * np.log2(talker.pitch)),
            (_RANGE, 50 * talker.intonation), (_VOLUME, 90),
        ):  # fmt: skip
            library.lib.espeak_SetParameter(parameter, int(max(0, value)), 0)
        library.pieces, library.starts_ms = [], []
        encoded = text.encode()
        library.lib.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        wave = np.concatenate(library.pieces) if library.pieces else np.zeros(0, np.int16)
        samples: Samples = wave.astype(np.float32) / np.float32(32_768)
        out = soxr.resample(samples, library.rate_hz, SAMPLE_RATE_HZ, quality="HQ")
        starts = library.starts_ms
        ends = (*starts[1:], len(out) * 1000 // SAMPLE_RATE_HZ) if starts else ()
        return Utterance(np.asarray(out, np.float32), word_end_ms=tuple(ends))
