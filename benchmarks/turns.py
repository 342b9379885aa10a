"""How soon and how wrongly turns end, on recordings; and what the detectors cost. Prints docs/turns.md's tables.

python -m benchmarks.turns          (from the repository's root; about a minute on an idle machine)
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from realtime.turns import Committed, TentativeEnd, TurnPolicy, TurnStarted
from realtime.turns.decisions import SAMPLES_PER_MS, Decision
from realtime.turns.detectors import EndpointDetector, VoiceDetector, WebRtcVoiceDetector
from realtime.turns.listener import FRAME_SAMPLES, as_float32
from realtime.turns.logmel import front_padded, log_mel
from realtime.turns.offline import decisions_of
from realtime.turns.policy import Patience
from tests.turns_material import HUMAN, MODELS, SETS, Pcm16, load, natural_pauses, quiet, quietest_places, with_pauses

TAIL_MS = 2_500
PAUSES_MS = (300, 500, 700)
POLICIES = {
    "end-of-turn model alone, acted on at 240 ms": replace(
        TurnPolicy.semantic_vad(),
        patience=Patience(sure_ms=240, likely_ms=240, plausible_ms=900, ceiling_ms=900, objected_ms=900),
    ),
    "semantic_vad, end-of-turn model alone": TurnPolicy.semantic_vad(),
    "server_vad 500 ms": TurnPolicy.server_vad(),
}


def main() -> None:
    voice = VoiceDetector.load(MODELS / "vad")
    endpoint = EndpointDetector.load(MODELS / "endpoint")
    print(f"Machine: {processor()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}\n")
    report_verdicts(voice, endpoint)
    report_pauses(voice, endpoint)
    report_costs(voice, endpoint)


def processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].split(':', 1)[1].strip()}, {len(names)} logical cores" if names else platform.processor()


def turns_of(decisions: list[Decision]) -> list[Committed]:
    return [d for d in decisions if isinstance(d, Committed)]


def delay_ms(committed: Committed) -> int:
    return (committed.at_sample - committed.speech_end_sample) // SAMPLES_PER_MS


def report_verdicts(voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    """Each file as it was recorded, then silence: which vote ended the turn, and when."""
    print("| file | smart-turn at the end | tentative ends | settled by | endpoint wait ms | turns |")
    print("| --- | --- | --- | --- | --- | --- |")
    waits: dict[str, list[int]] = {}
    for name, paths in SETS.items():
        for path in paths:
            pcm = load(path)
            decided = decisions_of(
                np.concatenate([pcm, quiet(pcm, TAIL_MS)]), TurnPolicy.semantic_vad(), voice, endpoint=endpoint
            )
            ends = turns_of(decided)
            tentative = sum(isinstance(d, TentativeEnd) for d in decided)
            last = ends[-1]
            waits.setdefault(name, []).append(delay_ms(last))
            vote = last.votes.get("endpoint")
            print(
                f"| {path.stem} | {'-' if vote is None else f'{vote:.2f}'} | {tentative} | {last.reason} "
                f"| {delay_ms(last)} | {len(ends)} |"
            )
    print("\n| set | files | endpoint wait ms p50 | p90 | max |\n| --- | --- | --- | --- | --- |")
    for name, values in waits.items():
        p50, p90 = np.percentile(values, [50, 90])
        print(f"| {name} | {len(values)} | {p50:.0f} | {p90:.0f} | {max(values)} |")
    print()


def report_pauses(voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    """Inner pauses: natural ones made longer (synthetic), new ones at the quietest places (human). How many cut in?"""
    print("| policy | voices | inner pause ms | pauses | cut-ins | endpoint wait ms p50 | p90 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for policy_name, policy in POLICIES.items():
        for pause_ms in PAUSES_MS:
            for voices in ("synthetic", "human"):
                report_row(f"{policy_name} | {voices}", policy, voice, endpoint, pause_ms, voices, with_mind=False)
    for pause_ms in PAUSES_MS:
        for voices in ("synthetic", "human"):
            name = f"semantic_vad, a mind that is always right | {voices}"
            report_row(name, TurnPolicy.semantic_vad(), voice, endpoint, pause_ms, voices, with_mind=True)
    print()


def report_row(
    name: str,
    policy: TurnPolicy,
    voice: VoiceDetector,
    endpoint: EndpointDetector,
    pause_ms: int,
    voices: str,
    *,
    with_mind: bool,
) -> None:
    pauses = 0
    cut_ins = 0
    waits: list[int] = []
    for path in (p for set_name, paths in SETS.items() if voices in set_name for p in paths):
        pcm, count, speech_end = paused(path, voice, pause_ms)
        mind = oracle(speech_end) if with_mind else None
        ends = turns_of(decisions_of(pcm, policy, voice, endpoint=endpoint, mind=mind))
        pauses += count
        cut_ins += max(0, len(ends) - 1)
        waits.append(delay_ms(ends[-1]))
    p50, p90 = np.percentile(waits, [50, 90])
    share = f"{cut_ins} ({100 * cut_ins / pauses:.0f} %)" if pauses else "-"
    print(f"| {name} | {pause_ms} | {pauses} | {share} | {p50:.0f} | {p90:.0f} |")


def paused(path: Path, voice: VoiceDetector, pause_ms: int) -> tuple[Pcm16, int, int]:
    """The recording with pauses inside its speech and silence behind; how many pauses; where its speech ends."""
    pcm = load(path)
    tail = quiet(pcm, TAIL_MS)
    patient = TurnPolicy.server_vad(silence_duration_ms=2_000)
    plain = decisions_of(np.concatenate([pcm, tail]), patient, voice)
    speech_sample = next(d.speech_sample for d in plain if isinstance(d, TurnStarted))
    places = quietest_places if path in HUMAN else natural_pauses
    inner = places(pcm, speech_sample, turns_of(plain)[-1].speech_end_sample)
    longer = np.concatenate([with_pauses(pcm, inner, pause_ms), tail])
    return longer, len(inner), turns_of(decisions_of(longer, patient, voice))[-1].speech_end_sample


def oracle(speech_end_sample: int) -> Callable[[TentativeEnd], float]:
    """A mind that knows where the question ends: the bound of what the mind's vote can win."""
    return lambda tentative: 1.0 if tentative.speech_end_sample >= speech_end_sample - FRAME_SAMPLES else 0.0


def report_costs(voice: VoiceDetector, endpoint: EndpointDetector) -> None:
    window = front_padded(as_float32(np.concatenate([load(p) for p in SETS["seed samples (synthetic)"][:3]])))
    frame = window[:FRAME_SAMPLES].copy()
    webrtc = WebRtcVoiceDetector()
    print("| work, one thread | CPU ms | p50 ms | p95 ms | share of real time |\n| --- | --- | --- | --- | --- |")
    rows: list[tuple[str, Callable[[], object], int, float]] = [
        ("Silero, one 32 ms frame", lambda: voice.probability(frame), 500, 32.0),
        ("webrtcvad, one 32 ms frame", lambda: webrtc.probability(frame), 500, 32.0),
        ("smart-turn, one call on 8 s", lambda: endpoint.probability(window), 40, 0.0),
        ("of which log-mel", lambda: log_mel(window), 40, 0.0),
    ]
    for name, work, times, period_ms in rows:
        cpu, p50, p95 = timed(work, times)
        share = f"{100 * cpu / period_ms:.2f} %" if period_ms else "per pause"
        print(f"| {name} | {cpu:.3f} | {p50:.3f} | {p95:.3f} | {share} |")


def timed(work: Callable[[], object], times: int) -> tuple[float, float, float]:
    """Median CPU time of this thread (what is left when nobody else is on the core), then wall time p50 and p95, ms."""
    work()
    cpu_ms, wall_ms = [], []
    for _ in range(times):
        wall_start_ns, cpu_start_ns = time.perf_counter_ns(), time.thread_time_ns()
        work()
        cpu_ms.append((time.thread_time_ns() - cpu_start_ns) / 1e6)
        wall_ms.append((time.perf_counter_ns() - wall_start_ns) / 1e6)
    return float(np.median(cpu_ms)), float(np.median(wall_ms)), float(np.percentile(wall_ms, 95))


if __name__ == "__main__":
    main()
