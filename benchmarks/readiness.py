"""The mind's vote on whole and on cut-off questions: `python -m benchmarks.readiness`.

Each seed sample is heard whole and cut every 500 ms (in the middle of words and phrases, harder than real pauses),
each time followed by 200 ms of silence, and the vote of `realtime.mind.readiness` is printed. A cut-off question
that votes yes would be answered too early if its speaker paused exactly there.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from realtime.clock import MonotonicClock
from realtime.engine import messages as m
from realtime.engine.config import EngineConfig
from realtime.engine.core import EngineCore
from realtime.engine.loader import load_engine
from realtime.settings import SEED_MODEL, EngineSettings
from realtime.turns.policy import MIND_OBJECTION, MIND_SURE

RATE_HZ = m.INPUT_SAMPLE_RATE_HZ
CUT_EVERY = RATE_HZ // 2
SILENCE = np.zeros(RATE_HZ // 5, np.int16)
VOICED_SHARE = 0.02  # of the loudest 10 ms


def vote(core: EngineCore, pcm: np.ndarray) -> tuple[float, str]:
    """(vote, transcript) for a turn that ends with `pcm` int16 [n]."""
    core.handle(m.OpenSession(session="s"))
    core.handle(m.StartTurn(session="s", turn=1, at_sample=0))
    core.handle(m.Audio(session="s", turn=1, at_sample=0, pcm=pcm.tobytes()))
    while core.has_work:
        core.step()
    core.handle(m.EndTurn(session="s", turn=1, attempt=1, at_sample=len(pcm), respond=False))
    said: list[m.FromEngine] = []
    while core.has_work:
        said += core.step()
    core.handle(m.CloseSession(session="s"))
    transcript = next(message for message in said if isinstance(message, m.Transcript))
    return transcript.ready, transcript.text


def read(path: Path) -> tuple[np.ndarray, int]:
    """(samples int16, where the speech ends)."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    blocks = np.abs(pcm[: len(pcm) // 160 * 160].astype(np.float32)).reshape(-1, 160).mean(axis=1)
    return pcm, (int(np.flatnonzero(blocks > VOICED_SHARE * blocks.max())[-1]) + 1) * 160


def main() -> None:
    engine = EngineSettings()
    config = EngineConfig(
        str(SEED_MODEL),
        engine.threads or 1,
        engine.kv_tokens,
        False,
        engine.chunk_frames,
        None,
        engine.note_interval_ms,
        0,
    )
    core, _ = load_engine(config, MonotonicClock())
    votes: dict[str, list[float]] = {"whole": [], "cut": []}
    for path in track(sorted((SEED_MODEL / "samples").glob("*.wav")), "hearing"):
        pcm, end = read(path)
        for cut in [*range(CUT_EVERY, end - CUT_EVERY, CUT_EVERY), end]:
            ready, text = vote(core, np.concatenate([pcm[:cut], SILENCE]))
            if cut == end or text not in ("", "[no speech]"):
                votes["whole" if cut == end else "cut"].append(ready)
    table = Table("question", "n", "votes yes", "neutral", "objects")
    for name, values in votes.items():
        yes, no = (sum(v >= MIND_SURE for v in values), sum(v < MIND_OBJECTION for v in values))
        table.add_row(name, str(len(values)), str(yes), str(len(values) - yes - no), str(no))
    Console().print(table)


if __name__ == "__main__":
    main()
