"""Export, and the whole recipe: every stage at a tiny size on a made-up Whisper, and what comes out of it served."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from realtime.clock import FakeClock
from realtime.engine.config import EngineConfig
from realtime.engine.loader import load_engine
from streaming_encoder import TensorParts
from tests.decoder_tiny import EMBEDDED_MODEL
from tests.training_small_talker import small_config, small_format, small_model
from tests.training_whisper import random_whisper, write_ctranslate2
from tests.transcriber_tiny import tiny_section, tiny_shape, tiny_tensors
from training import checkpoint
from training.agreement import Agreement, compare
from training.evaluation.served import ServedModel
from training.export import (
    ExportDamaged,
    copy_beside,
    exported,
    human_speech,
    measured_human_speech,
    require,
    transcriber_tensors,
)
from training.model_card import card
from training.recipe import Recipe
from training.run_folder import RunFolder

ROOT = Path(__file__).parents[1]
TINY = ROOT / "training" / "configs" / "tiny.toml"
STAGES = ("data", "encoder", "cold-start", "mgrd", "rlvr", "preference", "evaluate", "export")
MOST_PART_BYTES = 48_000_000
SAMPLES = 2  # an export has the model answer each of its base twice, and one that has learned nothing rambles


def base_with_few_samples(place: Path) -> Path:
    """The embedded model with only the first of its sample recordings."""
    shutil.copytree(EMBEDDED_MODEL, place, ignore=lambda *_: ["samples"], copy_function=os.symlink)
    whole, few = EMBEDDED_MODEL / "samples", place / "samples"
    few.mkdir()
    entries = json.loads((whole / "expected.json").read_text())[:SAMPLES]
    for entry in entries:
        del entry["measured_output_chunk32"]  # it stands there again if this model was asked
        (few / entry["file"]).symlink_to(whole / entry["file"])
    (few / "expected.json").write_text(json.dumps(entries))
    return place


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The tiny recipe with its folder, its Whisper and its base in `tmp_path`."""
    write_ctranslate2(tmp_path / "model.bin", random_whisper())
    text = (
        TINY.read_text()
        .replace("runs/tiny", str(tmp_path / "run"))
        .replace("whisper/model.bin", str(tmp_path / "model.bin"))
    )
    base = base_with_few_samples(tmp_path / "base")
    (tmp_path / "tiny.toml").write_text(text.replace("models/embedded", str(base)))
    return tmp_path / "tiny.toml"


@pytest.mark.timeout(900)
def test_every_stage_runs_and_what_comes_out_is_served(recipe: Path) -> None:
    command = [sys.executable, "-m", "training", "all", "--config", str(recipe)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert [line[3:] for line in done.stdout.splitlines() if line.startswith("== ")] == list(STAGES)
    run = recipe.parent / "run"
    assert all((run / stage).is_dir() for stage in STAGES)
    model = run / "export" / "model"
    made_of = json.loads((run / "export" / "made_of.json").read_text())
    assert made_of["of"]["stage"][0] == "preference"
    assert made_of["agreement"]["exact"] >= 0.98
    assert made_of["agreement"]["embeddings"] < 0.01
    result = json.loads((run / "evaluate" / "result.json").read_text())
    assert set(result["about"]["missing"]) <= {"people: nothing there"}
    assert "format kept" in {row["what"] for row in result["rows"]}
    readme = (model / "README.md").read_text()
    assert readme.startswith("# Tiny: ")
    assert "- preference: " in readme
    assert "| format kept |" in readme
    expected = json.loads((model / "samples" / "expected.json").read_text())
    assert len(expected) == SAMPLES
    assert all(entry["measured_output_chunk32"].startswith("<think>\nheard:") for entry in expected)
    core, ready = load_engine(
        EngineConfig(
            str(model), 1, 2048, exact=False, chunk_frames=32, right_context_ms=None, note_interval_ms=640, nice=0
        ),
        FakeClock(),
    )
    assert ready.human_speech == json.loads((model / "config.json").read_text())["human_speech"]
    assert not core.has_work


def test_what_training_holds_is_what_is_served(tmp_path: Path) -> None:
    model, form = small_model(), small_format()
    config = small_config()
    checkpoint.export(model, config, tmp_path)
    copy_beside(EMBEDDED_MODEL, tmp_path)
    assert not (tmp_path / "transcriber_tokenizer.json").exists()
    found = compare(model, form, tmp_path)
    assert found.exact == 1.0
    assert found.embeddings < 0.01
    require(found)
    parts = list(tmp_path.glob("model-*.safetensors"))
    assert all(part.stat().st_size < MOST_PART_BYTES for part in parts)
    served = ServedModel(tmp_path, threads=1, kv_tokens=1024)
    text = card("Small", tmp_path, config, served.parameters, None, "- nothing")
    assert "training evaluate" in text
    assert "$" not in text
    assert "| `decoder.layers.N.q.weight` | 64 x 64 | int8 |" in text
    assert "Beside them" not in text
    # A model that has learned since says something else, and the check says so.
    other = small_model()
    other.audio.adapter.fc2.weight.data.normal_()
    assert compare(other, form, tmp_path).embeddings > 0.1


def test_a_transcriber_is_carried_over_and_stands_in_the_card(tmp_path: Path) -> None:
    config = small_config()
    assert transcriber_tensors(EMBEDDED_MODEL, config) == {}
    config["transcriber"] = tiny_section(64)
    base, out = tmp_path / "base", tmp_path / "out"
    tensors = {name: tensor.half() for name, tensor in tiny_tensors(tiny_shape(64)).items()}
    checkpoint.export(small_model(), config, base, tensors)
    checkpoint.export(small_model(), config, out, transcriber_tensors(base, config))
    copy_beside(EMBEDDED_MODEL, out)
    parts = TensorParts(out)
    assert all(torch.equal(parts.tensor(name), tensor) for name, tensor in tensors.items())
    text = card("Small", out, config, 1_000_000, None, "- nothing")
    assert "Beside them a transcriber of 0.1 M parameters" in text
    assert (out / "transcriber_tokenizer.json").exists()


def test_an_export_that_says_something_else_is_refused() -> None:
    require(Agreement(0.0, 0.6, 1.0))
    for found in (Agreement(0.0, 0.5, 1.0), Agreement(0.0, 1.0, 0.9)):
        with pytest.raises(ExportDamaged, match="int8"):
            require(found)


def test_it_is_written_again_only_for_other_weights(recipe: Path) -> None:
    read = Recipe.load(recipe)
    model = exported(read, checks=False)
    part = next(model.glob("model-*.safetensors"))
    before = part.stat().st_mtime_ns
    assert exported(read) == model
    assert part.stat().st_mtime_ns == before
    stage = RunFolder(read.folder / "cold-start")
    trained = checkpoint.load_model(model)
    trained.audio.adapter.fc1.weight.data.fill_(0.25)
    stage.save(trained, None, {"done": True})
    exported(read, checks=False)
    assert json.loads((read.folder / "export" / "made_of.json").read_text())["of"]["stage"] == ["cold-start", 1]
    tensors = {name: t for file in model.glob("model-*.safetensors") for name, t in load_file(file).items()}
    assert (tensors["adapter.fc1.weight"] == 0.25).all()


@pytest.mark.parametrize(
    ("wer", "says"),
    [
        (None, "not been measured"),
        (0.565, "with 56 % word error on 92 words"),
        (0.565, "people badly"),
        (0.25, "in part"),
        (0.08, "It hears people with 8 % word error on 92 words of two kinds of recordings"),
    ],
)
def test_users_are_told_how_well_people_are_heard(wer: float | None, says: str) -> None:
    assert says in human_speech(wer, 92)
    assert measured_human_speech({"people": {"wer": wer, "words": 92}} if wer else None) == human_speech(
        wer, 92 if wer else 0
    )
