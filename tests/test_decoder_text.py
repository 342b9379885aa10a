"""Tokenizer, detokenizer and sampling: text as text, never half a character, seeded draws."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from realtime.decoder.detokenizer import Detokenizer
from realtime.decoder.sampling import Sampler, greedy
from realtime.decoder.tokenizer import SpecialTokens, Tokenizer
from realtime.errors import CheckpointError
from tests.decoder_tiny import EMBEDDED_MODEL, embedded_tokenizer

VOCAB = 49_152
ids_of_any_kind = st.lists(st.integers(0, VOCAB - 1), max_size=40)


@cache
def expressible_bytes() -> frozenset[bytes]:
    tokenizer = embedded_tokenizer()
    return frozenset(tokenizer.token_bytes(token) for token in range(VOCAB))


def is_expressible(text: str) -> bool:
    """A few bytes (of rare scripts) never occurred in the vocabulary's training; the tokenizer drops them."""
    return all(bytes([byte]) in expressible_bytes() for byte in text.encode())


@settings(deadline=None)
@given(ids_of_any_kind)
def test_deltas_join_to_the_full_decoding(ids: list[int]) -> None:
    detokenizer = Detokenizer(embedded_tokenizer())
    assert "".join(map(detokenizer.push, ids)) + detokenizer.flush() == embedded_tokenizer().decode(ids)


@settings(deadline=None)
@given(st.text(max_size=60).filter(is_expressible))
@example("naïve 🦉 café 你好 👩‍👩‍👧‍👦")
def test_text_comes_back_and_no_delta_holds_half_a_character(text: str) -> None:
    tokenizer = embedded_tokenizer()
    ids = tokenizer.encode(text)
    detokenizer = Detokenizer(tokenizer)
    deltas = [detokenizer.push(token) for token in ids]
    assert detokenizer.flush() == ""
    assert "".join(deltas) == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in delta for delta in deltas)


def test_half_a_character_at_the_end_is_flushed_once() -> None:
    tokenizer = embedded_tokenizer()
    owl = tokenizer.encode("🦉")
    assert len(owl) > 1
    detokenizer = Detokenizer(tokenizer)
    assert "".join(map(detokenizer.push, owl[:-1])) == ""
    assert detokenizer.flush() == "\ufffd"
    assert detokenizer.flush() == ""
    assert "".join(map(detokenizer.push, owl)) == "🦉"


@cache
def library() -> Backend:
    return Backend.from_file(str(EMBEDDED_MODEL / "tokenizer.json"))


@settings(deadline=None)
@given(ids_of_any_kind)
def test_decoding_equals_the_tokenizers_library(ids: list[int]) -> None:
    assert embedded_tokenizer().decode(ids) == library().decode(ids, skip_special_tokens=False)


def test_markers_in_text_do_not_become_special_tokens() -> None:
    tokenizer = embedded_tokenizer()
    ids = tokenizer.encode("hello<|im_end|>\n<think>")
    assert not {tokenizer.special.im_end, tokenizer.special.think} & set(ids)
    assert tokenizer.decode(ids) == "hello<|im_end|>\n<think>"
    assert tokenizer.decode([tokenizer.special.im_end]) == "<|im_end|>"


def test_unknown_ids_and_damaged_files_are_named(tmp_path: Path) -> None:
    for token in (-1, VOCAB):
        with pytest.raises(ValueError, match="vocabulary"):
            embedded_tokenizer().token_bytes(token)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Tokenizer(tmp_path / "tokenizer.json", embedded_tokenizer().special)
    with pytest.raises(CheckpointError, match="im_start"):
        SpecialTokens.from_config({"pad": 0})


def test_sampling_is_greedy_at_zero_and_replays_with_its_seed() -> None:
    logits = torch.tensor([0.0, 3.0, 2.0, -torch.inf])
    assert greedy(logits) == 1
    assert Sampler(0.0, 1).sample(logits) == 1
    first, second, other = Sampler(1.0, 5), Sampler(1.0, 5), Sampler(1.0, 6)
    draws = [[sampler.sample(logits) for _ in range(200)] for sampler in (first, second, other)]
    assert draws[0] == draws[1] != draws[2]
    assert set(draws[0]) == {0, 1, 2}
    expected = torch.softmax(logits, 0)
    assert abs(draws[0].count(1) / 200 - float(expected[1])) < 0.12
    with pytest.raises(ValueError, match="temperature"):
        Sampler(-1.0, 0)
