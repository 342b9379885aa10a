"""Whisper as a recognizer: writes down, or follows a script. It knows windows of recordings and no manifest.

Any Whisper does that faster-whisper loads from a folder (CTranslate2: model.bin, config.json, tokenizer.json,
vocabulary). The package is optional and imported only when a model is opened.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.data.labelling import Samples, Word, join, whose
from training.items import SAMPLE_RATE_HZ

_FRAMES = 3000  # of 10 ms: what Whisper looks at
_FRAME_SAMPLES = SAMPLE_RATE_HZ // 100
_MOST_TOKENS = 440  # Whisper's decoder has 448 places, a few of them taken by its prompt


class RecognizerMissing(Exception):
    """faster-whisper is not installed. Says how to get it."""


class Whisper:
    """A Whisper model on this machine's processor.

    Args:
        folder: a CTranslate2 model with its tokenizer.
        threads: processor threads; one is enough to be ten times faster than speech (base, int8).

    Raises:
        RecognizerMissing: the package is not installed.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        try:
            package = importlib.import_module("faster_whisper")
            tokenizer = importlib.import_module("faster_whisper.tokenizer")
        except ImportError as error:
            raise RecognizerMissing("labelling needs the package faster-whisper: pip install faster-whisper") from error
        self._model: Any = package.WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)
        self._tokenizer: Any = tokenizer.Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language="en"
        )
        self._ids: dict[str, int] = self._model.hf_tokenizer.get_vocab()
        self._pieces = {token: piece for piece, token in self._ids.items()}

    def write_down(self, recordings: Sequence[Samples]) -> list[list[Word]]:
        joined, spans = join(recordings)
        segments, _ = self._model.transcribe(
            joined,
            language="en",
            beam_size=1,
            temperature=0.0,
            word_timestamps=True,
            condition_on_previous_text=False,
        )
        found: list[list[Word]] = [[] for _ in recordings]
        for segment in segments:
            for word in segment.words:
                start_ms, end_ms = word.start * 1000, word.end * 1000
                index = whose((start_ms + end_ms) / 2, spans)
                found[index].append(_at(spans[index], word.word, start_ms, end_ms, word.probability))
        return found

    def follow(self, recordings: Sequence[Samples], scripts: Sequence[str]) -> list[list[Word]]:
        joined, spans = join(recordings)
        features = self._model.feature_extractor(joined)[:, :_FRAMES]
        features = np.pad(features, ((0, 0), (0, _FRAMES - features.shape[1])))
        pieces = [whole_pieces(self._tokenizer.encode(" " + s.strip()), self._ids, self._pieces) for s in scripts]
        if sum(map(len, pieces)) > _MOST_TOKENS:  # nobody says so much in 30 s: these are not their scripts
            return [[] for _ in recordings]
        [aligned] = self._model.find_alignment(
            self._tokenizer,
            [[token for part in pieces for token in part]],
            self._model.encode(features),
            min(len(joined) // _FRAME_SAMPLES, _FRAMES),
        )
        ends = np.cumsum([len(part) for part in pieces])
        found: list[list[Word]] = [[] for _ in recordings]
        at = 0
        for word in aligned:
            index = int(np.searchsorted(ends, at, side="right"))
            at += len(word["tokens"])
            start_ms, end_ms = word["start"] * 1000, word["end"] * 1000
            found[index].append(_at(spans[index], word["word"], start_ms, end_ms, word["probability"]))
        return found


def whole_pieces(tokens: Sequence[int], ids: dict[str, int], pieces: dict[int, str]) -> list[int]:
    """Joins a lone space mark to what follows it where the vocabulary has both as one piece.

    Some converted tokenizers lack the merge of the space with "t": "to" and "the" come out as two tokens each, which
    Whisper never writes and so finds improbable.
    """
    found: list[int] = []
    at = 0
    while at < len(tokens):
        token, length = tokens[at], 1
        if pieces[token] == "Ġ":
            joined = "Ġ"
            for ahead in range(at + 1, min(at + 5, len(tokens))):
                if pieces[tokens[ahead]].startswith("Ġ"):
                    break
                joined += pieces[tokens[ahead]]
                if joined in ids:
                    token, length = ids[joined], ahead + 1 - at
        found.append(token)
        at += length
    return found


def _at(span: tuple[int, int], text: str, start_ms: float, end_ms: float, probability: float) -> Word:
    """A word with times from the start of its recording instead of the window's."""
    start_of_span_ms = span[0] * 1000 / SAMPLE_RATE_HZ
    return Word(text, round(start_ms - start_of_span_ms), round(end_ms - start_of_span_ms), float(probability))
