"""`measure`: several sessions, honest failures, percentiles, and a page that needs no network."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from client_demo import ExitCode, MeasureOptions, html_report, measure, measure_progress, print_measure
from client_demo import cascade as comparison
from client_demo.errors import CascadeFailed, CascadeMissing, ServerUnreachable, UsageFailure
from client_demo.ledger import ClientStamps, ServerLedger, join
from client_demo.measure import effort_of
from client_demo.report import MeasuredTurn, MeasureResult, cut_ins, efforts, machine, percentiles, score, summary
from client_demo.turn_record import Note, TurnReport
from tests.client_scripted_server import Script, scripted_server

SAMPLES = Path(__file__).parent.parent / "models/embedded/samples"
FILES = (SAMPLES / "09_category_espeak.wav", SAMPLES / "01_geography_espeak.wav")


def turn(index: int, eos_ms: float | None, *, lost_ms: float = 0.0, status: str = "completed") -> TurnReport:
    total = eos_ms or 0.0
    server = ServerLedger({"endpoint_wait": total * 0.6, "thought": total * 0.3 - lost_ms}, total * 0.9)
    return TurnReport(
        index=index, item_id=f"u{index}", response_id=f"r{index}", status=status, error=None, transcript="<b>",
        notes=(Note(640, "word"),), thought="t", answer="a", heard="a", speech_end_ms=1000, turn_end_ms=1300,
        ttfp_eos_ms=eos_ms, ttfp_eot_ms=None if eos_ms is None else eos_ms * 0.4, ttfp_eot_server_ms=None, revoked=0,
        answer_ms=500, thinking={}, ledger=join(server, ClientStamps(0, 0, round(total * 1e6)), same_machine=False),
    )  # fmt: skip


def result(reports: list[TurnReport | None]) -> MeasureResult:
    turns = tuple(MeasuredTurn(0, "<file>.wav", one, None if one else "no_speech") for one in reports)
    return MeasureResult("webrtc", 1, turns, (), (), 0.5, 60.0, "seed")


async def test_sessions_ask_the_files_round_robin_and_every_turn_is_counted() -> None:
    calls: list[tuple[int, int]] = []
    async with scripted_server(Script(answer_ms=200)) as server:
        options = MeasureOptions(FILES, server.url, "websocket", turns=2, sessions=2, pause_s=0.1)
        found = await measure(options, lambda done, wanted: calls.append((done, wanted)))
        assert server.script.sessions == 2
    assert found.exit_code == ExitCode.OK and found.failures == 0 and found.order_problems == ()
    asked = {(one.session, one.file) for one in found.turns}
    assert asked == {(session, file.name) for session in (0, 1) for file in FILES}
    assert calls[-1] == (4, 4)
    body = json.loads(json.dumps(found.to_json()))
    assert {"turns", "summary", "machine"} <= body.keys() and len(body["turns"]) == 4
    for name in ("ttfp_eos_ms", "ttfp_eot_ms", "endpoint_share", "arrival", "endpoint_wait", "thought", "client"):
        assert body["summary"][name].keys() == {"p50", "p90", "p95", "p99"}
        assert body["summary"][name]["p50"] is not None
    assert body["unbalanced_ledgers"] == 0
    assert all(350 < one["ttfp_eos_ms"] < 1000 for one in body["turns"])


async def test_fresh_opens_a_connection_for_each_turn() -> None:
    async with scripted_server(Script(answer_ms=60)) as server:
        found = await measure(MeasureOptions(FILES[:1], server.url, "websocket", turns=2, fresh=True, pause_s=0.0))
        assert server.script.sessions == 2 and len(found.reports) == 2


async def test_recordings_that_go_unheard_are_failures_not_gaps() -> None:
    async with scripted_server(Script(hears=False)) as server:
        found = await measure(MeasureOptions(FILES[:1], server.url, "websocket", grace_s=0.2, pause_s=0.0))
    assert found.failures == 1 and found.exit_code == ExitCode.NO_SPEECH
    assert found.to_json()["turns"][0]["status"] == "no_speech"


async def test_a_lost_session_leaves_the_turns_it_gave() -> None:
    async with scripted_server(Script(hangs_up=True, answer_ms=1000)) as server:
        found = await measure(MeasureOptions(FILES[:1], server.url, "websocket", turns=3, pause_s=0.0))
    assert len(found.turns) == 1 and found.exit_code == ExitCode.FAILED and found.errors


async def test_nothing_to_measure_is_an_error_and_not_an_empty_report() -> None:
    with pytest.raises(ServerUnreachable):
        await measure(MeasureOptions(FILES, "http://127.0.0.1:9", sessions=2))
    for wrong in (MeasureOptions(()), MeasureOptions(FILES, sessions=0), MeasureOptions(FILES, turns=0)):
        with pytest.raises(UsageFailure):
            await measure(wrong)


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=200))
def test_percentiles_rise_and_stay_within_the_values(values: list[float]) -> None:
    ranks = [rank for rank in percentiles(values).values() if rank is not None]
    assert ranks == sorted(ranks) and min(values) - 1e-3 <= ranks[0] and ranks[-1] <= max(values) + 1e-3
    assert ranks[0] == pytest.approx(float(np.median(values)), abs=1e-3)


def test_turns_without_a_figure_do_not_count_as_zero() -> None:
    assert percentiles([]) == {"p50": None, "p90": None, "p95": None, "p99": None}
    assert summary([turn(1, 100.0), turn(2, None)])["ttfp_eos_ms"]["p50"] == 100.0


def test_the_page_is_whole_escaped_and_draws_both_plots() -> None:
    page = html_report(result([turn(1, 400.0), turn(2, 600.0), None]))
    assert page.count("<svg") == 2 and page.count("</svg>") == 2
    assert "&lt;file&gt;.wav" in page and "<file>" not in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    for text in ("TTFP_eos", "endpoint_share", "no_speech", machine()["python"]):
        assert text in page


def test_a_page_of_nothing_is_still_a_page() -> None:
    assert "No first packet was measured" in html_report(result([None]))


def test_the_table_says_how_well_the_ledgers_sum() -> None:
    console = Console(width=120)
    with console.capture() as shown:
        print_measure(result([turn(1, 400.0), turn(2, 600.0, lost_ms=20.0), None]), console)
    assert "1 of 2 ledgers sum to the stopwatch within 5 ms (worst 20.0 ms" in shown.get()
    assert "1 without a completed answer" in shown.get() and "500.0" in shown.get()


def test_progress_is_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with measure_progress() as progress:
        progress(1, 2)
    assert capsys.readouterr().err == ""


async def test_efforts_take_turns_and_change_places() -> None:
    async with scripted_server(Script(answer_ms=60)) as server:
        options = MeasureOptions(
            FILES, server.url, "websocket", turns=4, pause_s=0.0, effort="medium", compare_effort="minimal"
        )
        found = await measure(options)
        said = [event["session"].get("reasoning") for event in server.script.received if "session" in event]
    assert [(turn.file, turn.effort) for turn in found.turns] == [
        (FILES[0].name, "medium"), (FILES[1].name, "minimal"), (FILES[0].name, "minimal"), (FILES[1].name, "medium"),
    ]  # fmt: skip
    assert [one["effort"] for one in said if one] == ["medium", "minimal", "minimal", "medium"]
    three = MeasureOptions((*FILES, FILES[0].parent / "11_open_piper.wav"), compare_effort="minimal")
    rounds = [[effort_of(three, 3 * round_ + place) for place in range(3)] for round_ in range(2)]
    assert all({first, second} == {"medium", "minimal"} for first, second in zip(*rounds, strict=True))
    compared = efforts(found)
    assert compared is not None and compared["ratio_of_medians"] == pytest.approx(1, abs=0.5)
    with pytest.raises(UsageFailure):
        await measure(MeasureOptions(FILES, effort="low", compare_effort="low"))


async def test_a_block_of_questions_is_one_conversation() -> None:
    async with scripted_server(Script(answer_ms=60)) as server:
        found = await measure(MeasureOptions(FILES, server.url, "websocket", turns=3, block=2, pause_s=0.0))
        assert server.script.sessions == 2 and [turn.question for turn in found.turns] == [0, 1, 2]


async def test_barge_in_speaks_into_the_answer_and_times_its_end() -> None:
    async with scripted_server(Script(answer_ms=4000)) as server:
        found = await measure(MeasureOptions(FILES, server.url, "webrtc", turns=2, barge_in_ms=300, pause_s=0.0))
    assert [turn.file for turn in found.turns] == [file.name for file in FILES]
    first, second = (turn.report for turn in found.turns)
    assert first is not None and first.status == "cancelled" and first.barge_in_stop_ms is not None
    assert 0 <= first.barge_in_stop_ms < 500 and second is not None and second.answered
    assert found.failures == 0 and found.to_json()["cut_ins"]["cut"] == 0


def test_an_answer_into_the_question_counts_once_and_in_no_percentile() -> None:
    whole = turn(2, 400.0)
    early = replace(turn(1, 10.0), barge_in_stop_ms=80.0)
    turns = (
        MeasuredTurn(0, "a.wav", early, question=0, cut_in_ms=300.0),
        MeasuredTurn(0, "a.wav", whole, question=0),
        MeasuredTurn(0, "b.wav", whole, question=1, pause_ms=700.0),
        MeasuredTurn(0, "c.wav", early, question=2, cut_in_ms=300.0, pause_ms=700.1),
        MeasuredTurn(0, "c.wav", whole, question=2, pause_ms=700.1),
    )
    found = replace(result([]), turns=turns)
    assert cut_ins(turns) == {
        "questions": 3, "cut": 2, "share": 0.6667,
        "short_pauses": {"pause_ms": 700, "questions": 2, "cut": 1, "share": 0.5},
        "stop_ms": percentiles([80.0, 80.0]) | {"max": 80.0},
    }  # fmt: skip
    assert found.to_json()["summary"]["ttfp_eos_ms"]["p50"] == 400.0
    console = Console(width=200)
    with console.capture() as shown:
        print_measure(found, console)
    assert "2 of 3 questions (66.7 %) were answered into; of those with no pause over 700 ms, 1 of 2." in shown.get()


async def test_answers_and_words_are_judged_against_what_was_expected(tmp_path: Path) -> None:
    expect = tmp_path / "expect.json"
    entry = {"file": f"some/where/{FILES[0].name}", "text": "A question, please", "expected": "Nobody knows."}
    expect.write_text(json.dumps([entry]))
    async with scripted_server(Script(answer_ms=60)) as server:
        found = await measure(MeasureOptions(FILES, server.url, "websocket", pause_s=0.0, expect=expect))
    judged = score(found)
    assert judged is not None
    ours = judged["ours"]
    assert (ours["questions"], ours["exact"], ours["words"], ours["word_errors"]) == (1, 0, 3, 1)
    expect.write_text("{}")
    with pytest.raises(UsageFailure):
        await measure(MeasureOptions(FILES, expect=tmp_path / "none.json"))


async def test_the_cascade_runs_over_the_same_files_and_stands_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = percentiles([1000.0])
    body = {"turns": [{"file": FILES[0].name, "ttfp_eos_ms": 1000.0, "transcript": "", "answer": "", "early_ends": 1}],
            "summary": {"ttfp_eos_ms": ranks, "recognition": ranks}}  # fmt: skip
    monkeypatch.setattr(comparison, "COMMAND", (sys.executable, "-c", f"print({json.dumps(json.dumps(body))})"))
    async with scripted_server(Script(answer_ms=60)) as server:
        found = await measure(MeasureOptions(FILES[:1], server.url, "websocket", pause_s=0.0, cascade=True))
    assert found.to_json()["cascade"] == body
    page = html_report(found)
    console = Console(width=120)
    with console.capture() as shown:
        print_measure(found, console)
    for text in (page, shown.get()):
        assert "cascade" in text and "1000" in text and "recognition p50" in text
    exits = "import sys; print('needs make cascade', file=sys.stderr); sys.exit({})"
    for code, failure in ((69, CascadeMissing), (1, CascadeFailed)):
        monkeypatch.setattr(comparison, "COMMAND", (sys.executable, "-c", exits.format(code)))
        with pytest.raises(failure, match="make cascade"):
            await measure(MeasureOptions(FILES, cascade=True))
