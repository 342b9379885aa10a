"""What the server tells its engine on the command line. Plain values; imports neither torch nor asyncio."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How to load and run a model; travels as JSON."""

    model: str
    threads: int
    kv_tokens: int
    exact: bool
    chunk_frames: int
    right_context_ms: int | None
    note_interval_ms: int
    nice: int
    rehearsal_interval_ms: int = 240
    assisted: bool = True
    record_dir: str | None = None
    record_mb: int = 256
    thinking_order: str = "think_first"
    thinking_segment_tokens: int = 80
    thinking_max_tokens: int = 2048
    thinking_cover_ms: int = 1000

    def to_json(self) -> str:
        return json.dumps(asdict(self))
