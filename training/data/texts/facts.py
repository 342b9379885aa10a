"""Questions of common knowledge with short true answers: a table of facts, and definitions from a corpus. Knows no voices."""

from __future__ import annotations

import numpy as np

from training.data.corpus import Corpus
from training.data.spoken_form import heard, sentence
from training.data.texts.draft import Draft, Maker, asked, pick
from training.data.texts.fact_table import FACTS
from training.data.texts.grammar import expand
from training.data.texts.skills_words import a

_MASS_ENDINGS = ("ness", "ity", "tion", "ism", "ment", "ance", "ence", "ship", "hood", "ing", "ics", "logy", "sion")


def known(rng: np.random.Generator) -> Draft:
    pattern, answer, key = pick(rng, FACTS)
    question = expand(rng, pattern)
    return asked("fact/known", rng, question, answer, thought=f"{sentence(answer)}", key=key, argument=question)


def _short(gloss: str) -> str:
    """The gloss up to its first clause, not longer than fourteen words."""
    words = gloss.split(",", maxsplit=1)[0].split()
    return " ".join(words[:14]) if len(words) <= 14 else ""


def _define(corpus: Corpus) -> Maker:
    def define(rng: np.random.Generator) -> Draft:
        word, _, gloss = corpus.draw(rng, "define").partition("\t")
        said = _short(gloss)
        while not said:
            word, _, gloss = corpus.draw(rng, "define").partition("\t")
            said = _short(gloss)
        mass = word.endswith(_MASS_ENDINGS) or not said.startswith(("a ", "an ", "the ", "any ", "one "))
        subject = word if mass else a(word)
        question = pick(rng, (f"what is {subject}", f"what's {subject}", f"what does {word} mean", f"what does the word {word} mean", f"can you explain what {subject} is",
                              f"define {word}", f"tell me what {subject} is", f"do you know what {subject} is", f"what is the meaning of {word}"))  # fmt: skip
        answer = f"{word} means: {said}" if mass else f"{subject} is {said}"
        return asked(
            "fact/define",
            rng,
            question,
            answer,
            thought=f"The user asks what {word} means.",
            key=" ".join(heard(said).split()[-1:]),
            argument=question,
        )

    return define


def makers(corpus: Corpus | None) -> dict[str, Maker]:
    found: dict[str, Maker] = {"known": known}
    if corpus is not None and corpus.has("define"):
        found["define"] = _define(corpus)
    return found


WEIGHTS = {"known": 1.6, "define": 1.0}
