"""Recordings get their words: windows, whose word it is, what is believed, the manifest. The recognizer is a fake."""

from __future__ import annotations

import importlib.util
import itertools
import json
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data import gather, labelling, recognizer
from training.data.labelling import Samples, Word, join, judge, label, repeats, whose, windows
from training.data.talkies import Utterance

RATE = 16_000
WINDOW_SAMPLES = 30 * RATE


def _words(text: str, probability: float = 0.95, step_ms: int = 300) -> list[Word]:
    return [
        Word(" " + word, at * step_ms, (at + 1) * step_ms - 50, probability) for at, word in enumerate(text.split())
    ]


class Scripted:
    """Writes down what the recording's first sample names, and believes every script."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.windows: list[int] = []

    def write_down(self, recordings: Sequence[Samples]) -> list[list[Word]]:
        self.windows.append(sum(map(len, recordings)))
        return [_words(self.texts[int(recording[0])]) for recording in recordings]

    def follow(self, recordings: Sequence[Samples], scripts: Sequence[str]) -> list[list[Word]]:
        self.windows.append(sum(map(len, recordings)))
        return [_words(script) for script in scripts]


def _recording(name: int, seconds: float) -> Samples:
    return np.full(round(seconds * RATE), name, np.int16)


@given(st.lists(st.integers(1, 20 * RATE), max_size=40))
def test_windows_hold_every_recording_once_and_are_never_too_long(lengths: list[int]) -> None:
    found = list(windows(lengths))
    assert [index for window in found for index in window] == list(range(len(lengths)))
    for window in found:
        assert sum(lengths[index] for index in window) + 0.8 * RATE * len(window) <= WINDOW_SAMPLES
    for window, after in itertools.pairwise(found):
        assert sum(lengths[index] for index in [*window, after[0]]) + 0.8 * RATE * (len(window) + 1) > WINDOW_SAMPLES


@given(st.lists(st.integers(RATE, 4 * RATE), min_size=1, max_size=6), st.data())
def test_a_word_belongs_to_the_recording_in_which_it_was_said(lengths: list[int], data: st.DataObject) -> None:
    joined, spans = join([_recording(16_384, length / RATE) for length in lengths])
    index = data.draw(st.integers(0, len(spans) - 1))
    start, end = spans[index]
    assert (
        end - start == lengths[index] and np.all(joined[start:end] == 0.5) and np.all(joined[end : end + 12_800] == 0)
    )
    # Whisper's times are off by up to some tenths of a second.
    at = data.draw(st.integers(start - 6_000 if start else 0, end + 6_000))
    assert whose(at * 1000 / RATE, spans) == index


def test_a_number_is_several_words_that_share_its_time() -> None:
    found = judge([Word(" Room", 0, 400, 0.9), Word(" 21,", 400, 1000, 0.9), Word(" “–”", 1000, 1100, 0.1)], 2.0, False)
    assert found is not None
    assert (found.text, found.word_end_ms) == ("room twenty one", (400, 700, 1000))


def test_what_stands_without_a_space_belongs_to_the_word_before() -> None:
    words = [
        Word(" THAT", 0, 300, 0.9),
        Word("'S", 300, 400, 0.8),
        Word(" IT", 400, 600, 0.9),
        Word("!", 600, 1900, 0.1),
    ]
    found = judge(words, 2.0, is_scripted=True)
    assert found is not None
    assert (found.text, found.word_end_ms, found.is_sure) == ("that's it", (400, 600), True)


@given(st.lists(st.tuples(st.integers(-500, 4000), st.integers(-500, 4000)), min_size=1, max_size=12))
def test_ends_lie_in_the_recording_and_never_go_back(times: list[tuple[int, int]]) -> None:
    found = judge([Word(f" w{'x' * at}", *sorted(pair), 0.9) for at, pair in enumerate(times)], 3.0, True)
    assert found is not None and len(found.word_end_ms) == len(found.text.split()) == len(times)
    assert list(found.word_end_ms) == sorted(found.word_end_ms)
    assert found.word_end_ms[0] >= 0 and found.word_end_ms[-1] <= 3000


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (_words("short one"), 0.5),
        (_words("a long one"), 20.5),
        (_words("hardly what was said", 0.1), 3.0),
        (_words("no no no no", 0.99), 3.0),
        (_words("as it is as it is as it is as it is", 0.99), 6.0),
        (_words("far more words than anybody says in a single second"), 1.0),
        ([Word(" ...", 0, 500, 0.99)], 2.0),
        ([], 2.0),
    ],
)
def test_what_is_doubtful_is_dropped(words: list[Word], seconds: float) -> None:
    assert judge(words, seconds, is_scripted=True) is None


def test_a_script_may_surprise_more_than_what_was_written_down() -> None:
    surprising = _words("greetings from azura", 0.5)
    assert judge(surprising, 2.0, is_scripted=False) is None
    scripted = judge(surprising, 2.0, is_scripted=True)
    assert scripted is not None and not scripted.is_sure


def test_one_improbable_word_makes_a_line_unsure() -> None:
    words = _words("the key to your lineage and all of it", 0.97)
    sure = judge(words, 4.0, is_scripted=True)
    assert sure is not None and sure.is_sure
    left_out = [*words[:2], Word(" to", 600, 700, 0.01), *words[3:]]
    unsure = judge(left_out, 4.0, is_scripted=True)
    assert unsure is None or not unsure.is_sure


def test_repeats() -> None:
    assert repeats([]) == 0
    assert repeats(["a", "b", "c"]) == 1
    assert repeats(["well", "no", "no", "no"]) == 3
    assert repeats(["he", "said", "he", "said", "he", "said"]) == 3


def test_scripts_are_followed_and_the_rest_is_written_down() -> None:
    recordings = [_recording(at, 4.0) for at in range(9)] + [_recording(0, 25.0)]
    scripts = ["", "a script", "…", "another script", *[""] * 6]
    fake = Scripted([f"heard {'very ' * at}well" for at in range(9)])
    found = dict(label(recordings, scripts, fake))
    assert sorted(found) == list(range(9))  # what is longer than any turn is not even listened to
    assert [found[at].text for at in (1, 3)] == ["a script", "another script"]  # type: ignore[union-attr]
    assert found[0].text == "heard well"  # type: ignore[union-attr]
    assert found[2].text == "heard very very well"  # type: ignore[union-attr]
    assert found[5] is None  # "very" five times
    assert fake.windows == [2 * 4 * RATE, 6 * 4 * RATE, 1 * 4 * RATE]


def _utterances(count: int) -> list[Utterance]:
    def decode(encoded: bytes) -> Samples:
        return _recording(int(encoded), 1.5)

    return [Utterance(f"{at:03}", str(at).encode(), decode, "", f"game/{at % 2}", "game") for at in range(count)]


def test_a_corpus_is_written_and_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    fake = Scripted(["well said", "", *[f"line {at}" for at in range(2, 90)]])
    assert gather.gather(_utterances(3), fake, tmp_path) == (2, 1)
    assert gather.gather(_utterances(90), fake, tmp_path) == (87, 0)
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert len(lines) == 89 and len({line["audio"] for line in lines}) == 89
    assert lines[0] == {
        "audio": "audio/000.wav",
        "text": "well said",
        "speaker": "game/0",
        "source": "game",
        "start_ms": 0,
        "end_ms": 1500,
        "word_end_ms": [250, 550],
        "sure": True,
    }
    with wave.open(str(tmp_path / "audio/000.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 1, 1.5 * RATE)


def test_sound_files_are_found_and_decoded(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    with wave.open(str(tmp_path / "anna" / "one.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.full(2 * 48_000, 4096, "<i2").tobytes())
    (tmp_path / "anna" / "notes.txt").write_text("not a sound")
    [found] = gather.sound_files(tmp_path)
    samples = found.samples()
    assert (found.key, found.speaker, samples.dtype) == ("anna-one", "anna", np.int16)
    assert abs(len(samples) - RATE) < 40 and abs(int(np.median(samples)) - 4096) < 10


def test_a_space_that_stands_alone_is_joined_to_its_word() -> None:
    pieces = {1: "Ġ", 2: "t", 3: "o", 4: "Ġto", 5: "to", 6: "Ġlike", 7: "Ġt", 8: "ok", 9: "ay"}
    ids = {piece: token for token, piece in pieces.items()}
    assert recognizer.whole_pieces([6, 1, 5, 6], ids, pieces) == [6, 4, 6]
    assert recognizer.whole_pieces([1, 2, 3, 1], ids, pieces) == [4, 1]
    assert recognizer.whole_pieces([1, 8, 9], ids, pieces) == [1, 8, 9]


@pytest.mark.skipif(importlib.util.find_spec("faster_whisper") is not None, reason="the package is here")
def test_a_missing_package_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(recognizer.RecognizerMissing, match="pip install faster-whisper"):
        recognizer.Whisper(tmp_path)


def test_thresholds_are_in_order() -> None:
    for doubtful, sure in (labelling._SCRIPTED, labelling._WRITTEN):
        assert doubtful < sure < 0
