"""Other words in the place of some of a text: all of them, in the text's own tokens wherever it says the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.transcriber.respelling import respelled
from realtime.transcriber.transcript import Token
from realtime.transcriber.vocabulary import Vocabulary
from realtime.transcriber.wording import in_digits, spoken_words
from tests.decoder_tiny import EMBEDDED_MODEL

VOCABULARY = Vocabulary(EMBEDDED_MODEL / "transcriber_tokenizer.json")


def written(text: str) -> list[Token]:
    v = VOCABULARY
    return [Token(id_, 0, 0.0, v.begins_word(id_), v.letters(id_)) for id_ in v.ids(text)]


def said_instead(text: str, words: str) -> str:
    return VOCABULARY.text(respelled(written(text), words.split(), VOCABULARY).ids)


@pytest.mark.parametrize(
    ("text", "words", "instead"),
    [
        (
            " Remember these words, monkey and orchid. Which word was second?",
            "remember these words monkey and orange which word was second",
            " Remember these words, monkey and orange. Which word was second?",
        ),
        (" Spell hard.", "hand", " Hand."),
        (" What is 131 minus 30? Thank you.", "what is one hundred thirty one minus thirty six thank you",
         " What is 131 minus 36? Thank you."),
        (" Take 6 from 22.", "take sixteen from twenty two", " Take 16 from 22."),
        (" Take six from 22.", "take seven from twenty two", " Take seven from 22."),
        (" Take six from 22.", "take sixty from twenty two", " Take 60 from 22."),
        (" Well which one.", "well which one does not belong", " Well which one does not belong."),
        (" I will see some words from right.", "hmm i'll say some words drum white",
         " Hmm I'll say some words drum white."),
        (" Seven of clubs.", "seven", " Seven."),
        (" Yes. No.", "yes you did no", " Yes you did. No."),
        (" Yes. No.", "yes never", " Yes. Never."),
    ],
)  # fmt: skip
def test_other_words_are_written_as_the_text_is(text: str, words: str, instead: str) -> None:
    assert said_instead(text, words) == instead


SAID = st.sampled_from(
    ["what", "is", "six", "sixteen", "seventy", "one", "hundred", "thirty", "monkey", "don't", "i", "i'm", "and", "the"]
)
MARKS = st.sampled_from(["", "", "", ",", ".", "?"])


@given(st.lists(st.tuples(SAID, MARKS), min_size=1, max_size=8), st.data())
@settings(deadline=None)
def test_whatever_the_words_are_they_are_all_there(said: list[tuple[str, str]], data: st.DataObject) -> None:
    text = "".join(f" {word.capitalize() if not at else word}{mark}" for at, (word, mark) in enumerate(said))
    heard = spoken_words(text)
    words = data.draw(st.one_of(st.lists(SAID, min_size=1, max_size=9), st.just(heard)))
    if words != heard and data.draw(st.booleans()):  # one word in the place of another
        words = [*heard]
        words[data.draw(st.integers(0, len(heard) - 1))] = data.draw(SAID)
    tokens = written(text)
    spelled = respelled(tokens, words, VOCABULARY)
    # "thirty" and "six" in a row are one number where they are written in digits: the same words all the same.
    assert spoken_words(VOCABULARY.text(spelled.ids)) == words
    assert len(spelled.ids) == len(spelled.word)
    assert all(0 <= word < len(words) for word in spelled.word)
    if words == heard:
        assert list(spelled.ids) == [token.id for token in tokens]
        assert list(spelled.word) == sorted(spelled.word)


@given(st.lists(st.integers(0, 999) | st.sampled_from(["apples", "and", "minus"]), max_size=6), st.booleans())
def test_numbers_in_digits_are_said_as_they_were(parts: list[int | str], small: bool) -> None:
    words = [word for part in parts for word in spoken_words(str(part))]
    found = in_digits(words, small)
    assert sum(count for _, count in found) == len(words)
    assert [word for text, _ in found for word in spoken_words(text)] == words
    assert all(text.isdigit() or text in words for text, _ in found)
