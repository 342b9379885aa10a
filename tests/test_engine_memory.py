"""What the engine keeps of what it loads: each weight once, and nothing of the server."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.decoder.native.host import kind_of_host
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from tests.live_server import EMBEDDED, ROOT

pytestmark = [
    pytest.mark.engine,
    pytest.mark.unhurried,  # what is measured is the process's own
    pytest.mark.skipif(sys.platform != "linux", reason="smaps"),
]

MB = 1_000_000
# Beside the bytes of the parts. Float16 in the file and float32 here: the audio model, the transcriber's
# cross-attention. The decoder's tokenizer, and the pieces of the transcriber's.
AS_FLOAT32_MB, TOKENIZERS_MB = 26, 12
# Small things and the C heap's gaps. A second copy of any large matrix is more than this.
SLACK_MB = 18

LOADED = """
import gc, re, sys
from pathlib import Path
import numpy, tokenizers, torch
from realtime.decoder import Decoder
from realtime.decoder.native import prepare
from realtime.engine.ear import compile_hearing
from realtime.heap import trim
from realtime.transcriber import load_transcriber
from streaming_encoder import load_audio_model

def own_bytes():
    gc.collect()
    trim()
    return int(re.search(r"Anonymous: +(\\d+)", Path("/proc/self/smaps_rollup").read_text())[1]) * 1024

prepare.main()
before, model = own_bytes(), Path(sys.argv[1])
kept = [Decoder.load(model, kv_tokens=256), load_audio_model(model), load_transcriber(model)]
compile_hearing(kept[1])
print(own_bytes() - before)
"""


def test_each_weight_is_held_once() -> None:
    if kind_of_host() is None:
        pytest.skip("torch's operators keep the tables of words beside their heads")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(EMBEDDED)], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True
    )
    held_mb = int(done.stdout.splitlines()[-1]) / MB
    parts_mb = sum(part.stat().st_size for part in EMBEDDED.glob("*.safetensors")) / MB
    extras_mb = AS_FLOAT32_MB + TOKENIZERS_MB
    print(f"{held_mb:.0f} MB held for {parts_mb:.0f} MB of parts and {extras_mb} MB beside them")
    assert parts_mb < held_mb < parts_mb + extras_mb + SLACK_MB


def test_an_engine_that_records_nothing_holds_nothing_of_the_server() -> None:
    config = EngineConfig(
        model=str(EMBEDDED), threads=1, kv_tokens=1024, exact=False, chunk_frames=32, right_context_ms=None,
        note_interval_ms=640, nice=0,
    )  # fmt: skip
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [sys.executable, "-m", "realtime.engine.worker", "--fd", str(theirs.fileno())]
            engine = subprocess.Popen([*command, "--config", config.to_json()], cwd=ROOT, pass_fds=[theirs.fileno()])
        ours.settimeout(60)
        with ours.makefile("rb") as stream:
            (size,) = struct.unpack(">I", stream.read(4))
            assert isinstance(m.decode_from_engine(stream.read(size)), m.Ready)
        smaps = Path(f"/proc/{engine.pid}/smaps").read_text()
    assert engine.wait(20) == 0
    resident_mb = _by_library(smaps)
    assert any(name.startswith("libtorch_cpu") for name in resident_mb)
    foreign = [name for name in resident_mb if name.startswith(("onnxruntime", "libavcodec"))]
    assert not foreign, f"the engine has imported the server's {foreign}"
    # Of the compiler only what the loader wrote: the step is compiled.
    assert sum(mb for name, mb in resident_mb.items() if name.startswith("libllvmlite")) < 10


def _by_library(smaps: str) -> dict[str, float]:
    """MB that are resident, by file name."""
    found: dict[str, float] = {}
    for mapping in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps):
        head, _, fields = mapping.partition("\n")
        resident = re.search(r"(?m)^Rss: +(\d+)", fields)
        if "/" in head and resident is not None:
            name = Path(head[head.index("/") :]).name
            found[name] = found.get(name, 0.0) + int(resident[1]) * 1024 / MB
    return found
