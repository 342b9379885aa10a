"""Evaluation: word errors, scores, the served model against the engine, and a whole small evaluation."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.clock import FakeClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.dialect import seed_dialect
from realtime.engine.loader import load_engine
from realtime.mind import Order, ThinkingPlan, ears
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.transcriber_tiny import tiny_transcriber
from training.checkpoint import read_config
from training.data.mixture import TINY
from training.data.scenes import VOICE_CLASSES
from training.evaluate import Evaluation, evaluate
from training.evaluation import human_speech, scores, small_talk, tables
from training.evaluation.balance import MOST_BATCHES, TooFewError, balanced
from training.evaluation.human_speech import read_wav
from training.evaluation.material import HeldOut, evenly
from training.evaluation.scores import Tried
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Noted, Reply, Trial
from training.evaluation.word_errors import align, word_error_rate
from training.items import Clip, Example, Item

SAMPLES = EMBEDDED_MODEL / "samples"
FILES = ("00_add_piper.wav", "04_multiply_kokoro.wav", "15_sweep_piper.wav")
WORDS = st.lists(st.sampled_from("abc"), max_size=7)


# --- word errors --------------------------------------------------------------------------------------


@functools.cache
def fewest(said: tuple[str, ...], written: tuple[str, ...]) -> int:
    """Levenshtein's distance from its definition."""
    if not said or not written:
        return len(said) + len(written)
    return min(
        fewest(said[1:], written[1:]) + (said[0] != written[0]),
        fewest(said[1:], written) + 1,
        fewest(said, written[1:]) + 1,
    )


@given(said=WORDS, written=WORDS)
def test_an_alignment_has_the_fewest_errors_and_uses_every_word_once(said: list[str], written: list[str]) -> None:
    found = align(said, written)
    assert found.errors == fewest(tuple(said), tuple(written))
    assert [s for s, _ in found.pairs if s is not None] == list(range(len(said)))
    assert [w for _, w in found.pairs if w is not None] == list(range(len(written)))
    wrong = [s is None or w is None or said[s] != written[w] for s, w in found.pairs]
    assert sum(wrong) == found.errors


@given(said=WORDS, written=WORDS)
def test_of_a_prefix_only_the_beginning_counts(said: list[str], written: list[str]) -> None:
    found = align(said, written, is_prefix=True)
    assert found.errors == min(fewest(tuple(said[:n]), tuple(written)) for n in range(len(said) + 1))
    assert align(said, said[: len(said) // 2], is_prefix=True).errors == 0


def test_rates_are_over_all_words() -> None:
    assert word_error_rate([(["a", "b", "c", "d"], ["a", "b", "c", "d"]), (["e"], ["f", "g"])]) == 2 / 5
    assert math.isnan(word_error_rate([([], ["a"])]))


# --- scores -------------------------------------------------------------------------------------------


def tried(
    heard: str = "a b", wrote: str = "a b", *, kind: str = "skill/add", key: str = "", answer: str = "",
    accepts: str = "", noted: tuple[Noted, ...] = (), ends: tuple[int, ...] = (), taught: str = "",
) -> Tried:  # fmt: skip
    clip = Clip(np.zeros(16_000, np.int16), ends, "x/y", "x")
    item = Item(kind, heard, heard, "", taught, key)
    return Tried(Trial("x", Example(item, clip), None, accepts), Reply(wrote, noted, "", answer, True, 3, 5))


def test_notes_are_late_by_their_lag_and_right_by_the_beginning() -> None:
    noted = (Noted("one", 900), Noted("too", 900), Noted("three", 1500))
    found = scores.notes([tried("one two three four", noted=noted, ends=(300, 500, 1000, 1400))])
    assert found == {"wer": 1 / 3, "noted": 3 / 4, "lag_ms_p50": 550, "lag_ms_p95": pytest.approx(595)}


def test_turns_without_words_have_no_word_errors() -> None:
    nothing = tried("[no speech]", "[no speech]", kind="speech/none", key="again", answer="Say it again, please?")
    assert scores.wer([nothing, tried("a b", "a c")]) == 1 / 2
    found = scores.refusals([nothing, tried(), tried("a", "[unclear]")])
    assert found == {"right": 1.0, "asks_again": 1.0, "false": 0.5}


def test_the_key_is_looked_for_in_words() -> None:
    assert scores.is_answered(tried(key="fourteen", answer="6 + 8 is 14."))
    assert not scores.is_answered(tried(key="man", kind="skill/x", answer="You sound like a woman."))
    assert scores.is_same(tried(taught="It is 14.", answer="it is fourteen"))


def test_majority_is_the_most_frequent_key() -> None:
    assert scores.majority([tried(key=key) for key in ("a", "b", "b", "c")]) == 0.5


@pytest.mark.parametrize(
    ("line", "answer", "sensible"),
    [
        (0, "Hello! I am listening. What is it?", True),
        (0, "Well, I do. I think so. I do not know.", False),
        (5, "Yes, I can hear you.", True),
        (5, "No, I cannot hear you, yes.", False),
        (12, "You said: the green bicycle is in the garden.", True),
        (12, "Okay, I will wait.", False),
    ],
)
def test_the_checklist_knows_a_sensible_answer(line: int, answer: str, sensible: bool) -> None:
    assert small_talk.is_sensible(answer, small_talk.LINES[line].accepts) is sensible


@given(count=st.integers(1, 50), total=st.integers(1, 50))
def test_a_choice_is_spread_over_all(count: int, total: int) -> None:
    trials = [Trial(str(index), tried().trial.example) for index in range(total)]
    chosen = evenly(trials, count)
    assert len(chosen) == min(count, total)
    assert len({id(trial) for trial in chosen}) == len(chosen)


@given(wanted=st.dictionaries(st.integers(0, 3), st.integers(0, 5)), seed=st.integers(0, 99))
def test_of_each_label_there_are_as_many_as_were_asked_for(wanted: dict[int, int], seed: int) -> None:
    random = np.random.default_rng(seed)

    def draw(batch: int) -> list[Example]:
        return [Example(Item("x", "", "", key=str(random.integers(4))), None, {"batch": str(batch)}) for _ in range(3)]

    found = balanced(wanted, draw, lambda of: int(of.item.key))
    assert Counter(int(of.item.key) for of in found) == Counter(wanted)
    assert len({id(of) for of in found}) == len(found)


def test_a_label_that_never_comes_is_named() -> None:
    drawn: list[int] = []
    with pytest.raises(TooFewError, match="never"):
        balanced({"never": 1}, lambda batch: drawn.append(batch) or [], lambda of: of.item.key)
    assert drawn == list(range(MOST_BATCHES))


def test_questions_about_the_voice_have_either_answer_as_often() -> None:
    trials = HeldOut(3, replace(TINY, voices={"espeak": 1.0}), "espeak").trials("voice", 16)
    assert Counter(t.example.item.kind for t in trials) == dict.fromkeys((f"voice/{what}" for what in VOICE_CLASSES), 4)
    assert set(Counter((t.example.item.kind, t.example.item.key) for t in trials).values()) == {2}
    assert all(t.set == "espeak" for t in trials)


def test_recorded_people_come_with_the_times_of_their_words() -> None:
    trials = human_speech.people()
    if not trials:
        pytest.skip("pocketsphinx-testdata is not installed")
    assert len(trials) == 10
    for trial in trials:
        clip, item = trial.example.clip, trial.example.item
        assert clip is not None
        assert len(clip.word_end_ms) == len(item.words)
        assert clip.word_end_ms[-1] <= clip.seconds * 1000 + 10  # the aligner counts in steps of 10 ms


# --- the served model ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_ear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model without its transcriber: the decoder itself writes notes and lines."""
    directory = tmp_path_factory.mktemp("one-ear")
    config = read_config(EMBEDDED_MODEL)
    del config["transcriber"]
    (directory / "config.json").write_text(json.dumps(config))
    for part in (*EMBEDDED_MODEL.glob("model*"), EMBEDDED_MODEL / "tokenizer.json"):
        (directory / part.name).symlink_to(part)
    return directory


@pytest.fixture(scope="module")
def served(one_ear: Path) -> ServedModel:
    return ServedModel(one_ear, threads=1, kv_tokens=4096)


@functools.cache
def served_with_transcriber() -> ServedModel:
    return ServedModel(EMBEDDED_MODEL, threads=1, kv_tokens=4096, transcriber=tiny_transcriber(3, 384))


@functools.cache
def samples() -> list[Trial]:
    entries = {entry["file"]: entry for entry in json.loads((SAMPLES / "expected.json").read_text())}
    found = []
    for name in FILES:
        entry = entries[name]
        kind = "sound/sweep" if "sweep" in name else f"skill/{entry['skill']}"
        item = Item(kind, entry["transcript"], entry["transcript"], "", entry["expected_answer"], entry["key"])
        found.append(Trial("samples", Example(item, Clip(read_wav(SAMPLES / name), (), "piper/joe", "x"))))
    return found


def by_the_engine(core: EngineCore, trial: Trial) -> tuple[str, str, list[str]]:
    """Transcript, answer and notes of the engine, which is fed what is heard a chunk at a time."""
    clip = trial.example.clip
    assert clip is not None
    said: list[m.FromEngine] = []

    def tell(message: m.ToEngine) -> None:
        said.extend(core.handle(message))
        while core.has_work:
            said.extend(core.step())

    tell(m.OpenSession(session="s"))
    tell(m.StartTurn(session="s", turn=1, at_sample=0))
    for start in range(0, len(clip.samples), 10_240):
        tell(m.Audio(session="s", turn=1, at_sample=start, pcm=clip.samples[start : start + 10_240].tobytes()))
    tell(m.EndTurn(session="s", turn=1, attempt=1, at_sample=len(clip.samples), think_ms=60_000, max_tokens=96))
    tell(m.CloseSession(session="s"))
    transcript = next(each.text for each in said if isinstance(each, m.Transcript))
    answer = "".join(each.text for each in said if isinstance(each, m.Answer))
    return transcript, answer.strip(), "".join(each.text for each in said if isinstance(each, m.Note)).split()


def test_it_writes_what_the_engine_writes(served: ServedModel, one_ear: Path) -> None:
    config = EngineConfig(
        str(one_ear), 1, 4096, exact=False, chunk_frames=32, right_context_ms=None, note_interval_ms=640, nice=0,
        rehearsal_interval_ms=0,
    )  # fmt: skip
    core, _ = load_engine(config, FakeClock())
    for trial, reply in zip(samples(), served.converse(samples(), Manner(chunk_frames=32)), strict=True):
        transcript, answer, notes = by_the_engine(core, trial)
        assert (reply.heard, reply.answer) == (transcript, answer)
        assert [note.word for note in reply.noted] == notes


def believe_the_transcriber(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the two find likely."""
    monkeypatch.setattr(ears, "TRANSCRIBER_SHARE", 1e6)
    monkeypatch.setattr(ears, "MOST_ALTERNATIVES", 0)
    monkeypatch.setattr(ears, "BIAS", -100.0)


@pytest.mark.parametrize("always", [False, True], ids=["as it is", "the transcriber's line"])
def test_with_a_transcriber_it_writes_what_the_engine_writes(
    always: bool, monkeypatch: pytest.MonkeyPatch, served: ServedModel
) -> None:
    if always:
        believe_the_transcriber(monkeypatch)
    model = served_with_transcriber()
    dialect = seed_dialect(model.decoder, json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"])
    # Nonsense makes the decoder think in two lines; by default the engine would speak behind the first.
    plan = ThinkingPlan(Order.THINK_BEFORE)
    core = EngineCore(
        model.audio, model.decoder, dialect, FakeClock(), transcriber=model.transcriber, plan=plan,
        rehearsal_interval_ms=0,
    )  # fmt: skip
    silence = Item("speech/none", "", "[no speech]")
    nothing = Trial("silence", Example(silence, Clip(np.zeros(0, np.int16), (), "none", "x")))
    trials = [*samples(), nothing]
    replies = list(model.converse(trials, Manner(chunk_frames=32)))
    for trial, reply in zip(trials, replies, strict=True):
        transcript, answer, notes = by_the_engine(core, trial)
        assert (reply.heard, reply.answer) == (transcript, answer)
        assert [note.word for note in reply.noted] == notes
    assert all(reply.noted for reply in replies[:2])  # words of the tiny one
    assert model.parameters > served.parameters
    assert model.decoder.pool.used == 0
    assert len(model.decoder.frames) == 0


def test_with_both_ears_as_published_it_writes_what_the_engine_writes() -> None:
    """Here the decoder mostly begins its line with the words that the transcriber heard."""
    model = ServedModel(EMBEDDED_MODEL, threads=1, kv_tokens=4096)
    dialect = seed_dialect(model.decoder, json.loads((EMBEDDED_MODEL / "config.json").read_text())["system_prompt"])
    core = EngineCore(
        model.audio, model.decoder, dialect, FakeClock(), transcriber=model.transcriber,
        plan=ThinkingPlan(Order.THINK_BEFORE), rehearsal_interval_ms=0,
    )  # fmt: skip
    for trial, reply in zip(samples(), model.converse(samples(), Manner(chunk_frames=32)), strict=True):
        transcript, answer, notes = by_the_engine(core, trial)
        assert (reply.heard, reply.answer) == (transcript, answer)
        assert [note.word for note in reply.noted] == notes
    assert model.decoder.pool.used == 0


def test_a_transcribers_line_stands_whether_notes_are_wanted_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    believe_the_transcriber(monkeypatch)
    model = served_with_transcriber()
    first, second = samples()[:2]
    trials = [first, Trial("x", second.example, first.example)]
    listening = list(model.converse(trials, Manner()))
    at_once = list(model.converse(trials, Manner(listens=False), at_once=1))
    assert [replace(reply, noted=()) for reply in listening] == at_once
    assert listening[0].tokens_before <= len(model.decoder.tokenizer.encode(listening[0].thought)) + 2
    budgeted = next(iter(model.converse([first], Manner(think_tokens=0))))
    assert budgeted.tokens_before == 1


def test_company_changes_nothing_and_nothing_is_left_behind(served: ServedModel) -> None:
    together = list(served.converse(samples(), Manner()))
    assert together == list(served.converse(samples(), Manner(), at_once=1))
    assert served.decoder.pool.used == 0
    assert len(served.decoder.frames) == 0


def test_leaving_early_gives_everything_back(served: ServedModel) -> None:
    replies = served.converse(samples() * 2, Manner(listens=False), at_once=2)
    next(iter(replies))
    replies.close()  # type: ignore[attr-defined]
    assert served.decoder.pool.used == 0


def test_a_budget_of_thought_is_kept_and_a_typed_turn_is_answered(served: ServedModel) -> None:
    asked = "Which is more, six or eight?"  # not a sum that was said, which is laid whole
    typed = Trial("typed", Example(Item("skill/compare", asked, "which is more six or eight", is_text=True), None))
    for budget in (0, 3):
        manner = Manner(listens=False, think_tokens=budget)
        for reply in served.converse([samples()[0], typed], manner):
            assert len(served.decoder.tokenizer.encode(reply.thought)) <= budget
            assert reply.answer
    free = next(iter(served.converse([typed], Manner())))
    assert free.is_whole
    assert free.heard == ""


def test_the_turn_before_is_in_the_conversation(served: ServedModel) -> None:
    first, second = samples()[:2]
    alone = next(iter(served.converse([second], Manner(listens=False))))
    behind = next(iter(served.converse([Trial("x", second.example, first.example)], Manner(listens=False))))
    assert behind.heard == alone.heard
    assert served.decoder.pool.used == 0


# --- a whole evaluation -------------------------------------------------------------------------------


def test_an_evaluation_leaves_its_page_its_numbers_and_its_pictures(tmp_path: Path, one_ear: Path) -> None:
    settings_ = Evaluation(threads=1, cascade="", curve_trials=2, curve_chunks=(32, 48), curve_budgets=(0,))
    result = evaluate(one_ear, tmp_path, settings_, samples())
    rows = {row["what"]: row for row in result["rows"]}
    assert rows["WER: skill, samples"]["listening"] == 0
    assert rows["skills: key right"] == {
        "what": "skills: key right",
        "of": 2,
        "unit": "%",
        "listening": 1.0,
        "at_once": 1.0,
    }
    assert rows["sound: sweep"]["majority"] == 1.0
    assert rows["format kept"]["listening"] == 1.0
    assert rows["tokens before the answer, p50"]["listening"] < rows["tokens before the answer, p50"]["at_once"]
    # 48 frames are no chunk of this checkpoint: left out, with a word neither in the table nor in the curve.
    assert [(p["chunk_ms"], p["think_tokens"]) for p in result["curve"]] == [(640, None), (640, 0)]
    assert result["curve"][0]["first_clause_ms"] > result["curve"][1]["first_clause_ms"] > 0
    assert json.loads((tmp_path / "result.json").read_text())["rows"] == result["rows"]
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 2 * len(FILES)
    assert "| skills: key right | 2 | 100.0 % | 100.0 % | – |" in (tmp_path / "README.md").read_text()
    assert all((tmp_path / name).stat().st_size > 5_000 for name in ("scores.png", "latency.png"))


def test_a_cell_without_a_number_is_a_dash() -> None:
    assert [tables.cell(value, "%") for value in (None, 0.125)] == ["–", "12.5 %"]
    assert tables.cell(181.4, "ms") == "181 ms"


@settings(max_examples=20)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_a_share_is_between_nothing_and_all(values: list[float]) -> None:
    assert 0 <= scores.share([value > 0.5 for value in values]) <= 1
