"""From turns to the published page: the figures are arithmetic, the page says what the data say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import latency_page, latency_plots
from benchmarks.first_packet import Kept, steps
from benchmarks.latency_figures import Figure, figures, is_paused, physical_limits, table
from benchmarks.playout import Arrivals, quantile_ms
from benchmarks.samples import Sample
from client_demo.report import machine, percentiles
from client_demo.wire import AudioPacket

SEED_FILE = "00_add_piper.wav"


def turn(file: str, eos_ms: float, answer: str = "Yes.", **more: Any) -> dict[str, Any]:
    stages = {"arrival": 1.0, "endpoint_wait": eos_ms - 20, "thought": 10.0, "client": 9.0}
    notes = [{"ms": 5000.0 + 640 * k, "text": "word"} for k in range(4)]
    return {
        "file": file, "effort": None, "cut_in_ms": None, "ttfp_eos_ms": eos_ms, "ttfp_eot_ms": eos_ms - 200,
        "answer": answer, "ledger": {"stages_ms": stages}, "notes": notes, "thinking": {"tokens_before_turn_end": 5},
        "speech_end_ms": 9000.0, "counterfactual_ttfp_eos_ms": eos_ms + 300, "barge_in_stop_ms": None, **more,
    }  # fmt: skip


def run(turns: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    ranks = {name: percentiles(t[name] for t in turns) for name in ("ttfp_eos_ms", "ttfp_eot_ms")}
    return {
        "turns": turns,
        "summary": ranks,
        "failures": 0,
        "memory_mb": {"both": 900.0},
        "loop_lag_p99_ms": 3.0,
        **more,
    }


def everything() -> dict[str, Any]:
    cascade = [
        {"file": file, "ttfp_eos_ms": ms, "early_ends": cut, "stages_ms": {"vad_wait": 200.0, "recognition": ms - 200}}
        for file, ms, cut in (("a.0.wav", 1000.0, 1), (SEED_FILE, 1100.0, 0))
    ]
    runs = {
        "plain": run([turn(SEED_FILE, 280.0, effort="medium"), turn(SEED_FILE, 400.0, effort="minimal")],
                     efforts={"ratio_of_medians": 0.7}),
        "paused": run([turn("a.0.wav", 300.0), turn("a.1.wav", 5.0, cut_in_ms=200.0, barge_in_stop_ms=80.0)],
                      cut_ins={"share": 0.5, "short_pauses": {"share": 0.25}}),
        "long": run([turn("question.wav", 300.0), turn("question_after_talk.wav", 330.0)]),
        "held": run([turn("a.wav", 300.0, "Six."), turn("b.wav", 300.0, "Cut."), turn("b.wav", 300.0, "Two.")],
                    expected={"a.wav": "Six."}),
        "waited": run([turn("a.wav", 900.0, "six"), turn("b.wav", 900.0, "Three.")]),
        "no notes": run([turn("a.wav", 300.0)], correctness={"ours": {"exact_share": 0.0}}),
    }  # fmt: skip
    body = {"summary": {"ttfp_eos_ms": percentiles([1000.0, 1100.0])}, "turns": cascade}
    return {
        "commit": "c" * 40,
        "date": "2026-01-01",
        "machine": machine(),
        "read_bandwidth_gb_s": 27.0,
        "runs": runs,
        "cascade": body,
    }


def test_every_figure_comes_from_the_turns_it_names() -> None:
    found = {figure.name: figure for figure in figures(everything())}
    values = {name: figure.value for name, figure in found.items()}
    assert values["TTFP_eos p50"] == pytest.approx(290), "280 and 300: not minimal, not the one that cut in"
    assert found["TTFP_eos p50"].met and found["TTFP_eot p50"].met is False
    assert values["questions with inner pauses of up to 0.7 s that were answered into"] == 25
    assert values["the same, with one whose speaker pauses for longer"] == 50
    assert values["those fell silent after renewed speech, at most"] == 80
    assert values["TTFP_eos with thinking / without, medians"] == 0.7
    assert values["TTFP_eos after a minute of speech / after 3 s, medians"] == pytest.approx(1.1)
    assert values["answers equal to those after a full wait"] == 50, "a is equal, b is not"
    assert values["the same, where the turn was not cut"] == 100, "b was two turns"
    assert values["exact answers while listening is thinking"] == 100
    assert values["exact answers without notes and rehearsals"] == 0
    assert values["cascade: questions with inner pauses that it would have cut"] == 100
    assert values["memory of server and engine, most"] == 900
    assert values["WebSocket: TTFP_eos p50"] is None and found["WebSocket: TTFP_eos p50"].shown(None) == "–"


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_an_aim_is_met_on_its_own_side(value: float, aim: float) -> None:
    assert Figure("", value, aim).met == (value <= aim)
    assert Figure("", value, aim, at_least=True).met == (value >= aim)
    assert Figure("", None, aim).met is None and Figure("", value).met is None


def test_a_token_cannot_be_quicker_than_reading_its_weights() -> None:
    limits = {figure.name: figure.value for figure in physical_limits(everything())}
    assert limits["reading every weight once: a token without help"] == pytest.approx(5.0, abs=0.1)


def test_nothing_measured_is_shown_as_nothing() -> None:
    empty = {"runs": {}, "machine": machine(), "date": ""}
    shown = table(figures(empty))
    assert "**no**" not in shown and "yes" not in shown


def test_the_page_says_what_the_data_say() -> None:
    assert latency_page.update(check=True), "run python -m benchmarks.latency_page"


def test_the_section_holds_every_figure_and_the_beat() -> None:
    late = {"p50": 0.2, "p99": 1.5, "max": 9.0}
    playout = {
        "seconds": 600.0,
        "sessions": 4,
        "departure_late_ms": late,
        "arrival_jitter_ms": late,
        "starved_frames": 0,
    }
    section = latency_page.results(everything(), playout)
    for text in (
        "| TTFP_eos p50 | 290 ms | ≤ 300 ms | yes |",
        "10 min, 4 sessions",
        "first_packet.png",
        "| WebRTC, with",
    ):
        assert text in section


def test_json_keeps_one_line_for_each_turn() -> None:
    data = everything()
    text = latency_page.compact_json(data)
    assert json.loads(text) == data
    turns = sum(len(one["turns"]) for one in data["runs"].values()) + len(data["cascade"]["turns"])
    assert sum(line.lstrip().startswith('{"file"') for line in text.splitlines()) == turns


def test_plots_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    latency_plots.draw(everything(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"first_packet.png", "waterfall.png", "timeline.png"}
    latency_plots.draw({**everything(), "runs": {}}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_steps_that_are_done_are_kept_for_the_same_commit_only(tmp_path: Path) -> None:
    Kept(tmp_path, "one", resume=False).put("four sessions", {"turns": []})
    assert Kept(tmp_path, "one", resume=True).get("four sessions") == {"turns": []}
    assert Kept(tmp_path, "two", resume=True).get("four sessions") is None
    Kept(tmp_path, "two", resume=False).put("plain", {})
    assert Kept(tmp_path, "two", resume=False).get("plain") is None


def test_a_plan_asks_every_recording_and_a_quick_one_a_few() -> None:
    def sample(file: str, kind: str, group: str) -> Sample:
        return Sample(file, kind, f"{group}/{file}", group, "synthetic", "words", "Yes.", 1.0)

    samples = [sample(f"plain/{n}.wav", "plain", "seed" if n < 5 else "cards") for n in range(10)]
    samples += [sample(f"paused/{n}.{v}.wav", "paused", "seed") for n in range(10) for v in range(3)]
    samples += [sample(f"long/{n}.wav", "long", "hibari") for n in range(2)]
    plan = {step.name: step.options for step in steps(samples, Path("at"), quick=False)}
    assert len(plan["plain"].files) == 10 and len(plan["paused"].files) == 30
    assert len(plan["held"].files) == 20 and plan["held"].files == plan["waited"].files
    assert len(plan["barge-in"].files) == 5 and plan["four sessions"].sessions == 4
    assert all(len(step.options.files) <= 6 for step in steps(samples, Path("at"), quick=True))


@pytest.mark.parametrize(
    ("file", "paused"), [("a.0.wav", True), ("dhd.2934z.wav", False), ("001.wav", False), ("001.2.wav", True)]
)
def test_paused_recordings_are_known_by_their_names(file: str, paused: bool) -> None:
    assert is_paused(file) is paused


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200), st.sampled_from([0.5, 0.99]))
def test_a_quantile_of_a_histogram_lies_in_its_bucket(values: list[float], share: float) -> None:
    edges = [0.001, 0.005, 0.02, 0.1, float("inf")]
    buckets = [(edge, float(sum(value <= edge for value in values))) for edge in edges]
    found = quantile_ms(buckets, share)
    exact = sorted(values)[max(0, -(-int(share * len(values) * 1000) // 1000) - 1)]
    upper = next(edge for edge, count in buckets if count >= share * len(values))
    assert found is not None and found <= 1000 * min(upper, 0.1) + 1e-6
    assert exact <= upper and quantile_ms([(1.0, 0.0), (float("inf"), 0.0)], share) is None


def test_arrivals_are_late_against_the_least_delayed() -> None:
    arrivals = Arrivals(48_000)
    for index, delay_ms in enumerate([3, 1, 1, 6, 1]):
        at_ns = 10**12 + index * 20_000_000 + delay_ms * 1_000_000
        arrivals.push(AudioPacket(np.zeros(960, np.int16), 48_000, at_ns, index * 960))
    assert arrivals.late_ms == pytest.approx([0, 0, 0, 5, 0])
