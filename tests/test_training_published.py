"""The adapters of published benchmarks, on tiny made-up files of the same layout."""

from __future__ import annotations

import io
import json
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.published import BENCHMARKS, PublishedFileError, Question
from training.published.files import rows, sound
from training.published.scoring import chosen, says, says_number


def wav(seconds: float = 0.5, rate_hz: int = 16_000, channels: int = 1) -> bytes:
    """A WAV of a tone."""
    tone = (8000 * np.sin(np.arange(int(seconds * rate_hz)) * 0.1)).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(tone, channels).tobytes())
    return out.getvalue()


ROWS: dict[str, dict[str, Any]] = {
    "big_bench_audio": {"id": 0, "file_name": "data/q.wav", "category": "navigate", "official_answer": "No"},
    "spoken_mqa": {"context": {"path": "data/q.wav"}, "instruction": "Answer.", "answer": "1,204"},
    "mmsu": {
        "id": "x", "task_name": "pitch_comparison", "audio_path": "data/q.wav", "question": "Which was higher?",
        "choice_a": "The first", "choice_b": "The second", "choice_c": "Both", "choice_d": "",
        "answer_gt": "The second",
    },
    "mmau": {
        "id": "x", "audio_id": "./data/q.wav", "question": "Who speaks?", "choices": ["Man", "Woman", "Child", "Robot"],
        "answer": "Man", "task": "sound", "split": "test-mini", "difficulty": "easy",
    },
    "wild_speech": {"audio": "data/q.wav", "user_query": "Tell me.", "taskType": "OE", "checklist": "Is it kind?"},
}  # fmt: skip


def folder(tmp_path: Path, name: str, row: dict[str, Any], suffix: str = ".jsonl") -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "q.wav").write_bytes(wav())
    body = json.dumps(row) if suffix == ".jsonl" else json.dumps([row])
    (tmp_path / f"{name}{suffix}").write_text(body + "\n")
    return tmp_path


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_published_row_becomes_a_question(tmp_path: Path, name: str, suffix: str) -> None:
    benchmark = BENCHMARKS[name]
    (question,) = benchmark.questions(folder(tmp_path, name, ROWS[name], suffix))
    assert len(question.samples) == pytest.approx(8000, abs=40)
    assert question.samples.dtype == np.int16
    trial = benchmark.trial(question)
    has_text = name in ("mmsu", "mmau")
    assert bool(question.choices) is has_text
    assert (trial.before is not None) is has_text
    assert (trial.example.clip is None) is has_text
    if has_text:
        assert trial.example.item.spoken.startswith(question.question + " A. ")


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("big_bench_audio", "No, you do not return.", "Yes, you do. No doubt."),
        ("spoken_mqa", "It is 1204.", "204 and 1,205."),
        ("spoken_mqa", "That makes one thousand two hundred and four.", "One thousand two hundred."),
        ("mmsu", "B. The second", "The first or the second."),
        ("mmau", "(A) Man", "A woman."),
        ("mmau", "It is a man.", "C"),
    ],
)
def test_what_is_right(tmp_path: Path, name: str, right: str, wrong: str) -> None:
    benchmark = BENCHMARKS[name]
    (question,) = benchmark.questions(folder(tmp_path, name, ROWS[name]))
    assert benchmark.is_right is not None
    assert benchmark.is_right(question, right)
    assert not benchmark.is_right(question, wrong)


def test_wild_speech_needs_a_judge() -> None:
    assert BENCHMARKS["wild_speech"].is_right is None


def test_big_bench_counts_are_numbers() -> None:
    question = Question(np.zeros(1, np.int16), "", (), "8", "object_counting")
    is_right = BENCHMARKS["big_bench_audio"].is_right
    assert is_right is not None
    assert is_right(question, "You have eight animals.")
    assert not is_right(question, "You have 18.")


def test_valid_is_not_invalid() -> None:
    assert says("The argument is invalid.", "invalid")
    assert not says("The argument is invalid.", "valid")
    assert not says("It is valid, not invalid.", "valid")


@given(value=st.integers(0, 10**6))
def test_a_number_is_read_in_digits_and_in_words(value: int) -> None:
    assert says_number(f"So it is {value:,}.", str(value))
    assert not says_number(f"So it is {value + 1}.", str(value))


def test_a_choice_within_a_longer_one_is_not_taken_for_it() -> None:
    assert chosen("A happy child", ["child", "happy child"]) == 1
    assert chosen("child or robot", ["child", "robot"]) is None
    assert chosen("", ["child"]) is None


@pytest.mark.parametrize(("rate_hz", "channels"), [(16_000, 1), (44_100, 2), (8_000, 1)])
def test_sound_comes_as_16_khz_mono_whatever_it_was(tmp_path: Path, rate_hz: int, channels: int) -> None:
    found = sound(tmp_path / "x.parquet", {"bytes": wav(1.0, rate_hz, channels), "path": None})
    assert len(found) == pytest.approx(16_000, abs=100)


def test_parquet_is_read_where_pyarrow_is(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    row = {"audio": {"bytes": wav(), "path": "q.wav"}, "category": "navigate", "official_answer": "yes", "id": 0}
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "train-00000-of-00001.parquet")
    (question,) = BENCHMARKS["big_bench_audio"].questions(tmp_path)
    assert question.answer == "yes"


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(PublishedFileError, match="pip install pyarrow"):
        next(rows(tmp_path))


@pytest.mark.parametrize(
    ("body", "says_what"), [("{", "no JSON"), ('{"a": 1}', "list of objects"), ('[{"id": 1}]', "official_answer")]
)
def test_another_layout_is_refused_by_name(tmp_path: Path, body: str, says_what: str) -> None:
    (tmp_path / "x.json").write_text(body)
    with pytest.raises(PublishedFileError, match=says_what):
        list(BENCHMARKS["big_bench_audio"].questions(tmp_path))


def test_an_empty_folder_a_lost_file_and_a_broken_sound_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishedFileError, match="no \\.parquet"):
        next(rows(tmp_path))
    with pytest.raises(PublishedFileError, match="not there"):
        sound(tmp_path / "x.json", "lost.wav")
    with pytest.raises(PublishedFileError, match="decoded"):
        sound(tmp_path / "x.json", {"bytes": b"no sound at all"})
