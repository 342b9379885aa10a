"""Questions about the speaker's voice, for a voice that is already measured. Knows numbers and words, no signals."""

from __future__ import annotations

import numpy as np

from training.data.spoken_form import heard, sentence
from training.data.texts.draft import begin, pick
from training.data.texts.grammar import expand
from training.items import Item

QUESTIONS: dict[str, tuple[str, ...]] = {
    "pitch": (
        "is my voice high or low", "do I have a (high|deep|low) voice", "how (high|low|deep) is my voice", "what is the pitch of my voice", "is my (voice|pitch) (high or low|low or high|deep or high)",
        "tell me if my voice is high or low", "how would you describe the pitch of my voice", "do I sound high or (low|deep)", "am I speaking in a (high|low) voice", "was that a high or a low voice",
    ),
    "rate": (
        "am I (talking|speaking) (fast or slow|slow or fast|quickly or slowly)", "how fast (am I talking|am I speaking|do I talk|do I speak|did I speak)", "do I (talk|speak) (fast|slowly|quickly|slow)", "tell me if I speak fast or slow",
        "was I (fast|slow) or (slow|fast)", "how quick is my speech", "what is my speaking rate", "did I say that (quickly|slowly)", "am I speaking too (fast|slowly)",
    ),
    "level": (
        "am I (loud or quiet|quiet or loud)", "how loud (am I|was I|is my voice|do I speak)", "is my voice (loud or quiet|quiet or loud)", "do I (speak|talk) (loudly|quietly)", "am I speaking (loudly or quietly|too quietly|too loudly)",
        "tell me if I am loud or quiet", "was that loud or quiet", "did I say that (loudly|quietly)", "how quiet is my voice", "what is my volume",
    ),
    "sex": (
        "am I a man or a woman", "do I sound like a (man or a woman|woman or a man)", "is this a (man's|woman's) voice", "am I (male or female|female or male)", "what do you think, am I a man or a woman",
        "can you tell if I am a man or a woman", "is my voice male or female", "who is speaking, a man or a woman", "does my voice sound male or female", "guess if I am a man or a woman",
    ),
}  # fmt: skip

_ANSWERS = {
    "high": "Your voice is high.", "low": "Your voice is low.", "fast": "You speak fast.", "slow": "You speak slowly.",
    "loud": "You are loud.", "quiet": "You are quiet.", "woman": "You sound like a woman.", "man": "You sound like a man.",
}  # fmt: skip
_KEYS = {"slow": "slowly"}


def question(rng: np.random.Generator, what: str) -> str:
    return begin(rng, expand(rng, pick(rng, QUESTIONS[what])), share=0.3)


def with_sentence(rng: np.random.Generator, asked: str, text: str) -> str:
    """The question before, behind or around a free sentence: the voice is then heard for longer."""
    text = sentence(text)
    lead = pick(rng, ("", "", "Listen to this. ", "I will say something. ", "Here is a sentence. ", "Say, "))
    if lead == "Say, ":
        lead = "Listen. "
    match int(rng.integers(3)):
        case 0:
            return f"{asked} {text}"
        case _:
            return f"{lead}{text} {asked}"


def thought(what: str, word: str, value: float) -> str:
    """The measured value, rounded, and the word for it. value: hertz, words per second, or dB against full scale."""
    match what:
        case "pitch":
            return f"The voice is about {round(value, -1):.0f} hertz, which is {word}."
        case "sex":
            return f"The voice is about {round(value, -1):.0f} hertz and sounds like a {word}."
        case "rate":
            return f"The voice says about {value:.1f} words a second, which is {word}."
        case _:
            return f"The voice is at about {5 * round(value / 5):.0f} decibels, which is {word}."


def item(what: str, spoken: str, word: str, value: float) -> Item:
    return Item(
        f"voice/{what}", spoken, heard(spoken), thought(what, word, value), _ANSWERS[word], _KEYS.get(word, word)
    )
