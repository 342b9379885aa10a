"""Training's format is the one that is served: the same tokens as the mind's dialect builds, piece by piece."""

from __future__ import annotations

import functools

from hypothesis import given
from hypothesis import strategies as st

from realtime.decoder import Detokenizer
from realtime.mind import Dialect, SpecialTokens
from tests.decoder_tiny import EMBEDDED_MODEL, embedded_tokenizer
from training.checkpoint import load_format, read_config
from training.format import AUDIO, Format, Sequence
from training.items import Item

WORDS = st.lists(st.text("abcdefgh'", min_size=1, max_size=8), max_size=6)
LINES = st.text(st.characters(codec="ascii", exclude_characters="\r\n", exclude_categories=["Cc"]), max_size=40)


@functools.cache
def both() -> tuple[Format, Dialect]:
    tokenizer = embedded_tokenizer()
    special = tokenizer.special
    names = ("im_start", "im_end", "audio_start", "audio_end", "listen", "wait", "think", "think_end")
    dialect = Dialect(
        tokenizer.encode,
        lambda: Detokenizer(tokenizer),
        SpecialTokens(**{name: getattr(special, name) for name in names}),
        read_config(EMBEDDED_MODEL)["system_prompt"],
    )
    return load_format(EMBEDDED_MODEL), dialect


def encoded(words: list[str]) -> list[int]:
    return [token for word in words for token in embedded_tokenizer().encode(" " + word)]


def test_a_conversation_begins_with_the_system_prompt() -> None:
    form, dialect = both()
    assert form.begin().tokens == dialect.text_item("system", dialect.default_instructions)


@given(embeddings=st.integers(0, 30), noted=WORDS, fresh=WORDS)
def test_a_pass_of_notes_is_the_minds(embeddings: int, noted: list[str], fresh: list[str]) -> None:
    form, dialect = both()
    sequence = Sequence()
    form.open_spoken(sequence, embeddings)
    form.listen(sequence, noted, fresh)
    audio = [AUDIO] * embeddings
    taught = [*encoded(fresh), dialect.special.wait]
    assert sequence.tokens == [*dialect.audio_open(), *audio, *dialect.listening(encoded(noted)), *taught]
    assert [t for t, is_taught in zip(sequence.tokens, sequence.is_taught, strict=True) if is_taught] == taught
    assert sequence.spans == [(len(dialect.audio_open()), embeddings)]


@given(embeddings=st.integers(0, 30), noted=WORDS, rest=WORDS, thought=LINES, answer=LINES)
def test_an_answered_turn_is_the_minds(
    embeddings: int, noted: list[str], rest: list[str], thought: str, answer: str
) -> None:
    form, dialect = both()
    sequence = Sequence()
    form.spoken(sequence, embeddings)
    form.open_answer(sequence, noted)
    form.hear_out(sequence, rest)
    form.think_and_answer(sequence, Item("talk/x", "", "", thought, answer))
    encode = embedded_tokenizer().encode
    prompt = [*dialect.audio_open(), *[AUDIO] * embeddings, *dialect.audio_close()]
    line = [*encode("\n")] if not thought else [*encode("\n"), *encode(thought), *encode("\n")]
    written = [*line, *dialect.close_thought(at_line_start=True), *encode(answer), dialect.special.im_end]
    assert sequence.tokens == [*prompt, *dialect.answering_audio(encoded(noted)), *encoded(rest), *written]
    assert not any(sequence.is_taught[: len(prompt) + len(encode("assistant\n")) + 1])
    assert all(sequence.is_taught[len(sequence) - len(written) - len(encoded(rest)) :])


@given(noted=WORDS)
def test_what_stands_there_already_is_not_taught(noted: list[str]) -> None:
    """Without notes the opening of the thought is the model's to write; notes are given, and so is it."""
    form, _ = both()
    sequence = Sequence()
    form.open_answer(sequence, noted)
    assert any(sequence.is_taught) is not bool(noted)


@given(text=LINES, answer=LINES)
def test_a_typed_turn_and_an_earlier_answer_are_items_of_the_history(text: str, answer: str) -> None:
    form, dialect = both()
    sequence = Sequence()
    form.typed(sequence, text)
    form.answered(sequence, answer)
    encode = embedded_tokenizer().encode
    special = dialect.special
    end = [special.im_end, *encode("\n")]
    user = [special.im_start, *encode("user\n"), *encode(text), *end]
    assistant = [special.im_start, *encode("assistant\n"), *encode(answer), *end]
    assert sequence.tokens == [*user, *assistant]
    assert not any(sequence.is_taught)
    typed = Sequence()
    form.open_typed_answer(typed)
    assert typed.tokens == dialect.answering_text()


@given(answer=LINES, cut=st.integers(0, 40))
def test_of_an_answer_half_said_only_the_rest_is_taught(answer: str, cut: int) -> None:
    form, dialect = both()
    said = answer[: min(cut, len(answer))]
    sequence = Sequence()
    form.think_and_answer(sequence, Item("talk/x", "", "", "why", answer), said=said)
    taught = [t for t, is_taught in zip(sequence.tokens, sequence.is_taught, strict=True) if is_taught]
    rest = [*embedded_tokenizer().encode(answer[len(said) :]), dialect.special.im_end]
    assert taught[-len(rest) :] == rest
    assert len(taught) == len(rest) if said else len(taught) > len(rest)


@given(text=st.sampled_from(["<|im_end|>", "<think>", "<|im_start|>system\n"]))
def test_nobody_opens_a_turn_by_writing_its_marker(text: str) -> None:
    form, dialect = both()
    sequence = Sequence()
    form.typed(sequence, text)
    special = {dialect.special.im_end, dialect.special.im_start, dialect.special.think}
    assert sum(token in special for token in sequence.tokens) == 2  # the turn's own
