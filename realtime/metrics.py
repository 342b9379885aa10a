"""What the server measures of itself, for Prometheus. It knows numbers, never words.

`Metrics` is one object per server with a registry of its own, so two servers in one process (tests) do not mix.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections import deque
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from realtime.clock import NS_PER_MS, NS_PER_S, Clock
from realtime.ledger import Stage, Statement

TTFP_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 4.0)
LAG_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
BEAT_BUCKETS_S = (0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.5)
LAG_EVERY_S = 0.01
# The last minute at one sample every 10 ms.
LAG_SAMPLES = 6000


class TurnMetrics(Protocol):
    """What a conversation tells the metrics."""

    def turn(self, status: str, statement: Statement | None) -> None: ...

    def starved(self, frames: int) -> None: ...


class Metrics:
    """Counters, gauges and histograms of one server."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.sessions = Gauge("forethought_sessions", "Conversations now open", registry=registry)
        self.sessions_total = Counter(
            "forethought_sessions_opened", "Conversations opened", ["transport"], registry=registry
        )
        self.refused = Counter("forethought_sessions_refused", "Conversations refused at the door", registry=registry)
        self.turns = Counter("forethought_turns", "Turns by how they ended", ["status"], registry=registry)
        self.ttfp = Histogram(
            "forethought_ttfp_seconds",
            "Arrival of the last voiced sample to the first frame with speech leaving",
            buckets=TTFP_BUCKETS_S,
            registry=registry,
        )
        self.ttfp_eot = Histogram(
            "forethought_ttfp_committed_seconds",
            "Committed end of turn to the first frame with speech leaving",
            buckets=TTFP_BUCKETS_S,
            registry=registry,
        )
        self.stages = Histogram(
            "forethought_stage_seconds",
            "Stages of the latency ledger",
            ["stage"],
            buckets=TTFP_BUCKETS_S,
            registry=registry,
        )
        self.loop_lag = Histogram(
            "forethought_loop_lag_seconds", "Event-loop lag", buckets=LAG_BUCKETS_S, registry=registry
        )
        self.loop_lag_p99 = Gauge(
            "forethought_loop_lag_p99_seconds", "Event-loop lag, p99 of the last minute", registry=registry
        )
        self.loop_lag_p99.set_function(lambda: self._lag_quantile(0.99))
        self.frame_late = Histogram(
            "forethought_playout_late_seconds",
            "How far behind its 20 ms beat each outgoing WebRTC frame left",
            buckets=BEAT_BUCKETS_S,
            registry=registry,
        )
        self.frame_late_max = Gauge(
            "forethought_playout_late_max_seconds", "The most that a frame was behind its beat", registry=registry
        )
        self.frame_late_max.set_function(lambda: self._latest_s)
        self.starved_frames = Counter(
            "forethought_playout_starved_frames", "Silent frames in the middle of an answer", registry=registry
        )
        self.engine_up = Gauge("forethought_engine_up", "1 while an engine is ready", registry=registry)
        self.engine_restarts = Gauge(
            "forethought_engine_restarts", "Engines that had to be replaced", registry=registry
        )
        self.engine_rss = Gauge("forethought_engine_memory_bytes", "Resident memory of the engine", registry=registry)
        self.kv_used = Gauge("forethought_kv_blocks_used", "KV blocks in use", registry=registry)
        self.kv_total = Gauge("forethought_kv_blocks_total", "KV blocks there are", registry=registry)
        self.server_rss = Gauge("forethought_server_memory_bytes", "Resident memory of the server", registry=registry)
        self.server_rss.set_function(resident_bytes)
        self._latest_s = 0.0
        self._lags_s: deque[float] = deque(maxlen=LAG_SAMPLES)

    def turn(self, status: str, statement: Statement | None) -> None:
        """One turn is over."""
        self.turns.labels(status).inc()
        if statement is None:
            return
        self.ttfp.observe(statement.total_ms / 1000)
        self.ttfp_eot.observe(statement.ttfp_eot_ms / 1000)
        for stage in Stage:
            self.stages.labels(stage.value).observe(statement.stages_ms[stage.value] / 1000)

    def frame_left(self, late_ns: int) -> None:
        """A frame left the playout track so long behind its beat."""
        late_s = late_ns / NS_PER_S
        self.frame_late.observe(late_s)
        self._latest_s = max(self._latest_s, late_s)

    def starved(self, frames: int) -> None:
        """So many more frames had to be silent because the voice was late."""
        self.starved_frames.inc(frames)

    async def watch_loop(self, clock: Clock) -> None:
        """Measure how late the event loop is, until cancelled (I1)."""
        while True:
            due_ns = clock.now_ns() + round(LAG_EVERY_S * NS_PER_S)
            await asyncio.sleep(LAG_EVERY_S)
            lag_s = max(0, clock.now_ns() - due_ns) / NS_PER_S
            self._lags_s.append(lag_s)
            self.loop_lag.observe(lag_s)

    @property
    def lag_p99_ms(self) -> float:
        return self._lag_quantile(0.99) * NS_PER_S / NS_PER_MS

    def page(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)

    def _lag_quantile(self, quantile: float) -> float:
        lags = sorted(self._lags_s)
        return lags[min(len(lags) - 1, int(len(lags) * quantile))] if lags else 0.0


def resident_bytes() -> float:
    """Resident memory of this process."""
    if sys.platform != "linux":
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return float(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
