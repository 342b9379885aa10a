"""The segmenter: nothing lost, cuts that depend on the text alone, and clauses as early as they can be spoken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tts_bridge import Clause, Segmenter
from tts_bridge.segmenter import MAX_CHARS, MAX_CODE_CHARS

PIECES = st.sampled_from(
    [
        *["Dr. ", "3.5", "1,000", "U.S. ", "$", "%", "**", "`", "```", "\n", "- ", "1. ", "http://a.b/c", "a", "The "],
        *["and ", "word ", ". ", ",", "? ", "!", '"', "(", ")", "[", "](", "—", ":", "🙂", "...", "…", "2024 ", "No. "],
        *["。", "x" * 40],
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=60).map("".join)


def cut(text: str, size: int = 1) -> list[Clause]:
    segmenter = Segmenter()
    clauses = [c for at in range(0, len(text), size) for c in segmenter.push(text[at : at + size])]
    return clauses + segmenter.finish()


def texts(text: str) -> list[str]:
    return [clause.text.strip() for clause in cut(text)]


class AnyDeltas(RuleBasedStateMachine):
    """Deltas of any shape against one character at a time, compared after every step and not only at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.by_delta, self.by_char = Segmenter(), Segmenter()
        self.clauses: list[Clause] = []
        self.expected: list[Clause] = []
        self.text = ""

    @rule(delta=st.lists(PIECES | st.text(max_size=6), max_size=6).map("".join))
    def push(self, delta: str) -> None:
        self.text += delta
        self.clauses += self.by_delta.push(delta)
        for char in delta:
            self.expected += self.by_char.push(char)

    @rule()
    def finish(self) -> None:
        self.clauses += self.by_delta.finish()
        self.expected += self.by_char.finish()
        assert "".join(clause.text for clause in self.clauses) == self.text
        assert [clause.index for clause in self.clauses] == list(range(len(self.clauses)))
        assert not self.by_delta.finish()
        self.clauses, self.expected, self.text = [], [], ""

    @invariant()
    def same_clauses_and_nothing_lost(self) -> None:
        assert self.clauses == self.expected
        assert "".join(clause.text for clause in self.clauses) + self.by_delta.pending == self.text

    @invariant()
    def bounded(self) -> None:
        for clause in self.clauses:
            assert len(clause.text) <= (MAX_CODE_CHARS + 3 if "```" in clause.text else MAX_CHARS)


TestAnyDeltas = AnyDeltas.TestCase
TestAnyDeltas.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


@given(TEXTS)
@settings(max_examples=150, deadline=None)
def test_only_the_last_clause_may_have_nothing_to_say(text: str) -> None:
    for clause in cut(text)[:-1]:
        has_words = any(char.isalnum() for char in clause.text)
        assert has_words or len(clause.text) >= MAX_CHARS - 1 or "```" in text


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Six plus eight is fourteen.", ["Six plus eight is fourteen."]),
        ("Yes, it is. Paris is big.", ["Yes,", "it is.", "Paris is big."]),
        ("Dr. Smith paid 3.5 million. Good.", ["Dr. Smith paid 3.5 million.", "Good."]),
        ("It was 1,000 or 2,500 then.", ["It was 1,000 or 2,500 then."]),
        ("He left the U.S. The army stayed.", ["He left the U.S.", "The army stayed."]),
        ("The U.S. Senate met.", ["The U.S. Senate met."]),
        ("At 5 p.m. Then we go.", ["At 5 p.m.", "Then we go."]),
        ("At 5 p.m. sharp we go.", ["At 5 p.m. sharp we go."]),
        ("Ask J. K. Rowling now.", ["Ask J. K. Rowling now."]),
        ("No. I do not. No. 5 lives.", ["No.", "I do not.", "No. 5 lives."]),
        ("I live in St. Paul.", ["I live in St. Paul."]),
        ("On March 5, 2024 it rained.", ["On March 5, 2024 it rained."]),
        ("Well... maybe. Wait… no.", ["Well...", "maybe.", "Wait… no."]),
        ("Fruits:\n1. Apples\n2. Pears\n- Figs\n\nDone!", ["Fruits:", "1. Apples", "2. Pears", "- Figs", "Done!"]),
        ("Go to example.com, or to node.js now!", ["Go to example.com,", "or to node.js now!"]),
        ("See [the docs, page 1](http://a.b/c,d) now.", ["See [the docs, page 1](http://a.b/c,d) now."]),
        ("Use http://a.b/c?d=e,f! Then stop.", ["Use http://a.b/c?d=e,f!", "Then stop."]),
        ("Look:\n```py\na = 1, 2. B\n```\nDone.", ["Look:", "```py\na = 1, 2. B\n```", "Done."]),
        ('He said "yes." Then left.', ['He said "yes."', "Then left."]),
        ("你好，世界。再见！", ["你好，", "世界。", "再见！"]),
    ],
)
def test_cuts(text: str, clauses: list[str]) -> None:
    assert texts(text) == clauses
    assert [clause.text.strip() for clause in cut(text, size=5)] == clauses


@pytest.mark.parametrize(
    ("text", "decided_by"),
    [
        ("Yes,", "Yes,"),  # a comma after a letter: at once
        ("Is it?", "Is it?"),
        ("It is so. ", "It is so. "),  # a full stop: with the space after it
        ("The old town lies right on a hill and ", "The old town lies right on a hill and "),
    ],
)
def test_first_clause_leaves_with_its_deciding_character(text: str, decided_by: str) -> None:
    segmenter = Segmenter()
    for index, char in enumerate(text):
        if segmenter.push(char):
            assert text[: index + 1] == decided_by
            return
    pytest.fail("no clause")


def test_first_clause_is_short_without_punctuation() -> None:
    words = "the house stands near a lake with many boats of all kinds from far away places which nobody knows " * 3
    clauses = cut(words)
    assert len(clauses[0].text.split()) <= 12
    assert all(len(clause.text.split()) <= 26 for clause in clauses)


def test_pauses_follow_the_punctuation() -> None:
    clauses = cut(
        "Yes, that is right. The old town on the hill you saw today lies right above all of the lakes and shines"
    )
    assert [clause.pause_ms for clause in clauses] == [100, 220, 30, 220]
    assert clauses[3].text == " and shines"


def test_code_is_kept_as_text_and_not_spoken() -> None:
    clauses = cut("Here it is:\n```\nrm -rf /tmp/x\n```\nBe careful.")
    assert [clause.spoken for clause in clauses] == ["Here it is:", "", "Be careful."]


def test_an_open_fence_does_not_silence_the_next_answer() -> None:
    segmenter = Segmenter()
    segmenter.push("Text:\n```\nnever closed")
    assert segmenter.finish()[-1].spoken == ""
    segmenter.push("Hello there")
    assert [clause.spoken for clause in segmenter.finish()] == ["Hello there"]
