"""The public face of the package, and what it may import."""

from __future__ import annotations

import subprocess
import sys

import streaming_encoder
from tests.encoder_reference import EMBEDDED


def test_every_exported_name_exists_and_nothing_else_is_public() -> None:
    modules = {"adapter", "checkpoint", "config", "encoder", "errors", "features", "model", "pitch_meter", "prosody"}
    modules |= {"background", "sound_meter", "sound_slots", "sounds", "state", "stream", "voice_meter"}
    public = {name for name in vars(streaming_encoder) if not name.startswith("_")} - modules
    assert public == set(streaming_encoder.__all__)


def test_it_runs_without_the_libraries_of_other_rooms() -> None:
    program = (
        "import sys, streaming_encoder as s, pathlib;"
        "s.load_audio_model(pathlib.Path(sys.argv[1]));"
        "bad = {'transformers', 'tokenizers', 'realtime', 'tts_bridge', 'client_demo', 'aiortc', 'pydantic'};"
        "sys.exit(str(bad & sys.modules.keys()) if bad & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(EMBEDDED)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
