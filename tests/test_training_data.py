"""The data of training: texts are true to their form, the stream repeats, labels are what was rendered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data import corpus, measures, rooms, scenes, shards, sounds, stage
from training.data.corpora import librispeech
from training.data.corpus_build import clean
from training.data.generator import Generator
from training.data.licences import SOURCES
from training.data.mixture import TINY, BadMixture, from_toml
from training.data.people import BadManifest, People, read_manifest
from training.data.split import is_evaluation
from training.data.spoken_form import heard, sentence
from training.data.texts import grammar, intents, skills_numbers, skills_words, talk, transcribe
from training.data.texts.fact_table import FACTS
from training.data.voices import Voices
from training.data.voices.word_times import word_ends
from training.items import SAMPLE_RATE_HZ

QUICK = replace(TINY, voices={"hibari": 1.0})


@pytest.fixture(scope="module")
def voices() -> Voices:
    return Voices(TINY.voices)


@pytest.fixture(scope="module")
def examples() -> list:
    return Generator(5, TINY).batch(48)


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("What's 73 plus 4?", "what's seventy three plus four"),
        ("The neighbour's GREY coat - 21st of May!", "the neighbor's grey coat twenty first of may"),
        ("Mr. Smith paid $3.50", "mister smith paid dollars three point five zero"),
        ("‘Quoted’ isn't it", "quoted isn't it"),
        ("naïve café", "naive cafe"),
        ("", ""),
    ],
)
def test_what_is_written_down(spoken: str, written: str) -> None:
    assert heard(spoken) == written.replace("grey", "gray")


@given(st.text(max_size=60))
def test_written_form_is_stable_and_plain(text: str) -> None:
    once = heard(text)
    assert heard(once) == once
    assert set(once) <= set("abcdefghijklmnopqrstuvwxyz' ")


def test_a_question_ends_with_its_mark() -> None:
    assert sentence("what time is it") == "What time is it?"
    assert sentence("count to five") == "Count to five."


MAKERS = skills_numbers.MAKERS | skills_words.makers(None) | talk.MAKERS | transcribe.makers(None)


@pytest.mark.parametrize("name", MAKERS)
def test_items_hold_together(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        item = MAKERS[name](rng).item
        assert item.heard == heard(item.spoken) and item.heard
        assert "  " not in item.answer and not set("[]|()") & set(item.spoken)
        # what verifies an answer must be in it, in order
        words = iter(heard(item.answer).split())
        assert all(word in words for word in item.key.split()) or item.group == "talk"
        if item.group == "skill":
            assert item.key and item.thought and item.answer


def test_sums_are_right() -> None:
    rng = np.random.default_rng(2)
    for name, apply in (("add", int.__add__), ("subtract", int.__sub__), ("multiply", int.__mul__)):
        for _ in range(30):
            a, _, b, _, c = skills_numbers.MAKERS[name](rng).item.thought.rstrip(".").split()
            assert apply(int(a), int(b)) == int(c)


def test_small_talk_is_various() -> None:
    assert len(intents.INTENTS) >= 60
    assert sum(grammar.count(p) for intent in intents.INTENTS.values() for p in intent.phrases) > 2_000
    rng = np.random.default_rng(0)
    for intent in intents.INTENTS.values():
        for pattern in intent.phrases:
            assert not set("()[]|") & set(grammar.expand(rng, pattern)), pattern
        for answer in intent.answers:
            assert all(word in heard(answer) for word in intent.key.split()), answer


def test_facts_contain_their_keys() -> None:
    assert len(FACTS) >= 200
    for _, answer, key in FACTS:
        assert all(word in heard(answer).split() for word in heard(key).split()), answer


def test_the_same_seed_gives_the_same_examples_in_any_division() -> None:
    whole = Generator(7, QUICK).batch(8)
    even, odd = Generator(7, QUICK, first=0, step=2).batch(4), Generator(7, QUICK, first=1, step=2).batch(4)
    mixed = [example for pair in zip(even, odd, strict=True) for example in pair]
    for a, b in zip(whole, mixed, strict=True):
        assert a.item == b.item and a.labels == b.labels
        assert (a.clip is None) == (b.clip is None)
        if a.clip and b.clip:
            assert np.array_equal(a.clip.samples, b.clip.samples) and a.clip.word_end_ms == b.clip.word_end_ms
    assert Generator(8, QUICK).batch(1)[0].item != whole[0].item


def test_clips_are_whole(examples: list) -> None:
    for example in examples:
        if example.clip is None:
            assert example.item.is_text
            continue
        clip = example.clip
        assert clip.samples.dtype == np.int16 and 0.3 < clip.seconds <= 20 and clip.source in SOURCES
        assert np.abs(clip.samples.astype(int)).max() > 10
        if example.item.group != "speech":
            assert len(clip.word_end_ms) == len(example.item.words)
            assert list(clip.word_end_ms) == sorted(clip.word_end_ms)
            assert clip.word_end_ms[-1] <= clip.seconds * 1000


@pytest.mark.parametrize("kind", ["skill", "talk", "transcribe", "voice"])
def test_evaluation_never_meets_training(kind: str) -> None:
    generator = Generator(3, QUICK)
    rng = np.random.default_rng(0)
    if kind == "voice":
        return
    training = {generator.text(rng, kind).argument for _ in range(300)}
    evaluation = {generator.text(rng, kind, evaluation=True).argument for _ in range(30)}
    assert not training & evaluation
    assert all(is_evaluation(argument) for argument in evaluation)


def test_about_one_in_twenty_is_for_evaluation() -> None:
    share = sum(is_evaluation(f"argument {n}") for n in range(20_000)) / 20_000
    assert 0.045 < share < 0.055


def test_held_out_examples_are_in_the_asked_voice() -> None:
    found = Generator(1, QUICK, Voices({"espeak": 1.0})).held_out(3, "skill", "espeak")
    assert all(example.clip and example.clip.voice.startswith("espeak/") for example in found)


# -- signals


@pytest.mark.parametrize("hz", [85, 120, 180, 260, 380])
def test_pitch_is_measured(hz: int) -> None:
    made = sounds.tone(hz, 1.0, np.random.default_rng(0), harmonics=8) * np.float32(0.3)
    assert measures.pitch_hz(made) == pytest.approx(hz, rel=0.03)


def test_pitch_of_noise_is_none() -> None:
    assert measures.pitch_hz(sounds.noise("white", SAMPLE_RATE_HZ, np.random.default_rng(0)) * np.float32(0.1)) == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(-35, -10))
def test_a_room_keeps_the_level_and_the_words_in_order(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    speech = sounds.tone(150, 1.2, rng, 10) * np.float32(0.2)
    room = replace(rooms.draw(rng), level_dbfs=level, clip=0.0)
    placed, ends = rooms.place(speech, (300, 600, 900, 1200), room, rng)
    assert np.abs(placed).max() <= 1.0 and np.isfinite(placed).all()
    assert list(ends) == sorted(ends) and ends[0] >= 300 and ends[-1] <= len(placed) / 16 + 1
    if room.snr_db is None and room.pause_s == 0 and level < -18:
        lead = int(room.lead_s * SAMPLE_RATE_HZ)
        assert rooms.level_dbfs(placed[lead : lead + len(speech)]) == pytest.approx(level, abs=1.0)


@pytest.mark.parametrize("kind", sounds.NOISES)
def test_noises_have_their_length_and_power(kind: str) -> None:
    made = sounds.noise(kind, 24_000, np.random.default_rng(1))
    assert len(made) == 24_000 and 0.1 < rooms.rms(made) < 3


def test_word_ends_leave_pauses_out() -> None:
    rng = np.random.default_rng(0)
    tone = sounds.tone(200, 0.5, rng)
    samples = np.concatenate([tone, np.zeros(8000, np.float32), tone])
    first, second = word_ends(samples, (1.0, 1.0))
    assert first == pytest.approx(500, abs=30) and second == pytest.approx(1500, abs=30)


@pytest.mark.parametrize("what", scenes.VOICE_CLASSES)
def test_voice_labels_are_true_of_the_signal(what: str, voices: Voices) -> None:
    seen = set()
    for seed in range(6):
        rng = np.random.default_rng((seed, 1))
        example = scenes.voice_scene(rng, voices, what, False, lambda _: "the boat is late today")
        if example.item.kind != f"voice/{what}":
            continue
        word = example.labels[what]
        seen.add(word)
        assert example.labels["fixed"] == "1" and word in example.item.thought
        final = example.clip.samples.astype(np.float32) / 32_767
        if what == "pitch":
            assert (measures.pitch_hz(final) >= scenes.HIGH_HZ) == (word == "high")
        if what == "level":
            assert (measures.level_dbfs(final) >= scenes.LOUD_DBFS) == (word == "loud")
    assert seen


@pytest.mark.parametrize("kind", scenes.SOUND_KINDS)
def test_sounds_are_asked_about_truthfully(kind: str, voices: Voices) -> None:
    rng = np.random.default_rng(9)
    example = scenes.sound_scene(rng, voices, kind, False, None, voices.draw(rng, family="espeak"))
    assert example.item.kind == f"sound/{kind}" and example.labels["fixed"] == "1"
    label = next(
        value
        for name, value in example.labels.items()
        if name in {"count", "direction", "background", "higher", "longer"}
    )
    assert (heard(label) in heard(example.item.answer)) and example.item.key in heard(example.item.answer)


# -- files


def test_a_corpus_file_comes_back_and_repeats(tmp_path: Path) -> None:
    sections = {"words": ["boat", "lake"], "wordnet": ["the pale light of a half moon"]}
    corpus.save(tmp_path / "a.gz", sections)
    corpus.save(tmp_path / "b.gz", sections)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    loaded = corpus.Corpus.load(tmp_path / "a.gz")
    assert [loaded.sections["words"][i] for i in range(2)] == ["boat", "lake"]
    (tmp_path / "bad.gz").write_bytes(b"no")
    with pytest.raises(corpus.BadCorpus):
        corpus.Corpus.load(tmp_path / "bad.gz")


@pytest.mark.parametrize("text", ["Stal, AS.", "See {Foo}, etc.", "p. p. of go", "x" * 400, "a motherfucker of a day"])
def test_what_cannot_be_said_is_left_out(text: str) -> None:
    assert clean(text) == ""


def test_the_stage_goes_on_where_it_stopped(tmp_path: Path) -> None:
    config = stage.Settings(examples=5, seed=2, workers=1, examples_per_part=3, build_texts=False)
    mixture = replace(QUICK, kinds={"skill": 1, "text": 0.3, "none": 0.5})
    assert stage.render(mixture, config, tmp_path)
    first = list(shards.read(tmp_path))
    part = (tmp_path / "data-00000.bin").read_bytes()
    (tmp_path / "data-00000.jsonl").unlink()  # as if interrupted
    assert stage.render(mixture, config, tmp_path)
    assert (tmp_path / "data-00000.bin").read_bytes() == part
    again = Generator(2, mixture).batch(5)
    for a, b in zip(first, again, strict=True):
        assert a.item == b.item and (a.clip is None or np.array_equal(a.clip.samples, b.clip.samples))
    report = json.loads((tmp_path / "summary.json").read_text())
    assert report["examples"] == 5 and report["licences"]


def test_recordings_from_a_manifest(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    folder = tmp_path / "dev-clean" / "84" / "1"
    folder.mkdir(parents=True)
    soundfile.write(folder / "84-1-0000.flac", np.sin(np.arange(16_000) / 12) * 0.2, 16_000)
    (folder / "84-1.trans.txt").write_text("84-1-0000 GO DO YOU HEAR\n")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in librispeech(tmp_path)))
    people = People([manifest])
    example = people.draw(np.random.default_rng(0), evaluation=True, noisy=0)
    assert example.item.heard == "go do you hear" and example.clip.source == "librispeech"
    assert len(example.clip.word_end_ms) == 4
    with pytest.raises(BadManifest):
        people.draw(np.random.default_rng(0), evaluation=False, noisy=0)
    manifest.write_text('{"text": "no audio"}\n')
    with pytest.raises(BadManifest):
        list(read_manifest(manifest))


def test_mixtures_say_what_is_wrong() -> None:
    assert from_toml({"preset": "tiny", "people": 22, "people_from": ["x"]}).kinds["people"] == 22
    for table in ({"kinds": {"nonsense": 1}}, {"preset": "none"}, {"colour": 1}, {"kinds": {"people": 1}}):
        with pytest.raises(BadMixture):
            from_toml(table)
