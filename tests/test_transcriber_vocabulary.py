"""What is kept of the transcriber's tokenizer says what the whole of it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from realtime.errors import CheckpointError
from realtime.transcriber.vocabulary import Vocabulary
from tests.decoder_tiny import EMBEDDED_MODEL

FILE = EMBEDDED_MODEL / "transcriber_tokenizer.json"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(FILE)


def test_text_is_the_tokenizers(vocabulary: Vocabulary) -> None:
    whole, random = Tokenizer.from_file(str(FILE)), np.random.default_rng(3)
    size = whole.get_vocab_size()
    runs = [[token] for token in range(size + 2)]
    runs += [random.integers(0, size, count).tolist() for count in random.integers(2, 12, 2000)]
    assert all(vocabulary.text(ids) == whole.decode(ids, skip_special_tokens=True) for ids in runs)


def test_words_and_marks(vocabulary: Vocabulary) -> None:
    whole = Tokenizer.from_file(str(FILE))
    hello, ing, comma, stop = (whole.token_to_id(piece) for piece in ("ĠHello", "ing", ",", "."))
    assert vocabulary.begins_word(hello) and not vocabulary.begins_word(ing)
    assert [vocabulary.letters(token) for token in (hello, ing, comma)] == ["hello", "ing", ""]
    assert stop in vocabulary.sentence_ends() and comma not in vocabulary.sentence_ends()
    beyond = whole.get_vocab_size()
    assert (vocabulary.letters(beyond), vocabulary.begins_word(beyond)) == ("", False)


VOCABULARY, WHOLE = Vocabulary(FILE), Tokenizer.from_file(str(FILE))
WORDS = st.lists(st.from_regex(r"[A-Za-z]{1,14}|[0-9]{1,5}|[a-z]+'(s|t|re|ve|m|ll|d)", fullmatch=True), max_size=6)


@given(WORDS, st.booleans())
@settings(deadline=None)
def test_words_have_the_ids_that_the_tokenizer_gives_them(words: list[str], begins: bool) -> None:
    text = (" " if begins else "") + " ".join(words)
    assert VOCABULARY.ids(text) == WHOLE.encode(text, add_special_tokens=False).ids


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Vocabulary(path)
