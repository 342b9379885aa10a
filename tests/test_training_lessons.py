"""What one example teaches, over random examples and dice: nothing is taught that could not be known by then."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decoder_tiny import EMBEDDED_MODEL, embedded_tokenizer
from training.checkpoint import load_format
from training.format import AUDIO
from training.items import Clip, Example, Item
from training.lessons import ASKS_BACK, EMBEDDING_SAMPLES, NOTE_LAG_MS, Lesson, Mix, Teacher

FORM = load_format(EMBEDDED_MODEL)
SPECIAL = FORM.special
CHUNK_MS = 640
WORD = st.text("abcdefgh", min_size=1, max_size=6)


@st.composite
def examples(draw: st.DrawFn, kind: str = "skill/add") -> Example:
    """A spoken item of distinct words, with the times of their ends inside the clip."""
    words = draw(st.lists(WORD, min_size=1, max_size=8, unique=True))
    samples = draw(st.integers(2_000, 64_000))
    ends = sorted(draw(st.lists(st.integers(10, samples // 16), min_size=len(words), max_size=len(words))))
    answer = draw(st.sampled_from(["", "Yes.", "Well, six plus eight, that is fourteen, I think."]))
    thought = draw(st.sampled_from(["", "6 + 8 = 14."])) if answer else ""
    item = Item(kind, " ".join(words), " ".join(words), thought, answer)
    return Example(item, Clip(np.zeros(samples, np.int16), tuple(ends), "hibari/x", "hibari"))


def taught(lesson: Lesson) -> list[int]:
    pairs = zip(lesson.sequence.tokens, lesson.sequence.is_taught, strict=True)
    return [token for token, is_taught in pairs if is_taught]


def text(tokens: list[int]) -> str:
    return embedded_tokenizer().decode([token for token in tokens if token != AUDIO])


ALWAYS_LISTENING = Mix(listening=1.0, partly_noted=0.0, wholly_noted=0.0, misheard=0.0, second_turn=0.0)


@settings(max_examples=150, deadline=None)
@given(example=examples(), seed=st.integers(0, 999))
def test_a_note_is_taught_only_of_words_that_were_over(example: Example, seed: int) -> None:
    lesson = Teacher(FORM, ALWAYS_LISTENING, seed).lesson(example)
    if not lesson.kind.endswith("listening"):
        assert not example.item.answer or len(example.clip.samples) < CHUNK_MS * 16
        return
    ((_, embeddings),) = lesson.sequence.spans
    heard_ms = embeddings * 80
    assert heard_ms % CHUNK_MS == 0
    assert heard_ms * 16 <= len(example.clip.samples)
    over = [
        w for w, end in zip(example.item.words, example.clip.word_end_ms, strict=True) if end <= heard_ms - NOTE_LAG_MS
    ]
    tokens = lesson.sequence.tokens
    notes = text(tokens[tokens.index(SPECIAL.listen) + 1 : -1])
    assert notes == " ".join(["heard:", *over])
    assert tokens[-1] == SPECIAL.wait
    fresh = text(taught(lesson)[:-1]).split()
    assert fresh == over[len(over) - len(fresh) :]


@settings(max_examples=150, deadline=None)
@given(example=examples(), seed=st.integers(0, 999), mix=st.sampled_from([Mix(), Mix(listening=0.0, partly_noted=0.5)]))
def test_a_whole_turn_ends_as_the_format_says(example: Example, seed: int, mix: Mix) -> None:
    lesson = Teacher(FORM, mix, seed).lesson(example)
    assert sum(count for _, count in lesson.sequence.spans) <= -(-len(example.clip.samples) // EMBEDDING_SAMPLES)
    assert len(lesson.clips) == len(lesson.sequence.spans) == 1
    if lesson.kind.endswith("listening"):
        return
    written = text(lesson.sequence.tokens[lesson.sequence.tokens.index(SPECIAL.think) :])
    assert written.startswith("<think>\nheard:")
    if example.item.answer:
        thought = f"{example.item.thought}\n" if example.item.thought else ""
        assert written.endswith(f"\n{thought}</think>\n{example.item.answer}<|im_end|>")
        assert taught(lesson)[-1] == SPECIAL.im_end
    else:
        assert SPECIAL.think_end not in lesson.sequence.tokens
        assert written.endswith("\n")


@settings(max_examples=60, deadline=None)
@given(example=examples(), seed=st.integers(0, 99))
def test_of_noted_words_none_is_taught_again(example: Example, seed: int) -> None:
    """With every word noted the line of what was heard has nothing left but its end, wrong notes included."""
    lesson = Teacher(FORM, Mix(0.0, 0.0, 1.0, 1.0, 0.0, 0.0), seed).lesson(example)
    if not example.item.answer:
        return
    written = text(taught(lesson))
    assert "heard:" not in written
    assert written.startswith("\n")


@settings(max_examples=80, deadline=None)
@given(before=examples(), example=examples(kind="talk/what_did_i_say"), seed=st.integers(0, 99))
def test_what_was_just_said_is_the_turn_before(before: Example, example: Example, seed: int) -> None:
    assert "talk/what_did_i_say" in ASKS_BACK
    mix = Mix(listening=0.0, partly_noted=0.0, wholly_noted=0.0, half_said=0.0)
    lesson = Teacher(FORM, mix, seed).lesson(example, before)
    has_two = text(lesson.sequence.tokens).count("<|im_start|>user") == 2
    assert not has_two or before.item.answer
    if has_two and lesson.kind.endswith("whole"):
        assert f"You said: {before.item.heard}.<|im_end|>" in text(taught(lesson))
    elif not has_two:
        assert len(lesson.clips) == 1


@given(seed=st.integers(0, 99))
def test_a_typed_turn_has_no_sound(seed: int) -> None:
    item = Item("skill/add", "Six plus eight?", "six plus eight", "6 + 8 = 14.", "Fourteen.", is_text=True)
    lesson = Teacher(FORM, Mix(half_said=0.0), seed).lesson(Example(item, None))
    assert not lesson.sequence.spans
    assert text(taught(lesson)) == "<think>\n6 + 8 = 14.\n</think>\nFourteen.<|im_end|>"
