"""Whole turns at the pace of speech, over both transports: the right words, thought while listening, a true ledger."""

from __future__ import annotations

import asyncio

import pytest

from client_demo import AskOptions, AskResult, ask
from tests.live_client import plain
from tests.live_server import SAMPLES, LiveServer, expected

pytestmark = pytest.mark.engine

QUESTIONS = ("00_add_piper.wav", "02_subtract_flite.wav", "05_sequence_kokoro.wav")


def assert_right(result: AskResult, sample: str) -> None:
    wanted = expected(sample)
    assert result.message is None and result.errors == () and result.order_problems == ()
    assert len(result.turns) == 1, [turn.transcript for turn in result.turns]
    turn = result.turns[0]
    assert turn.status == "completed"
    assert plain(turn.transcript) == wanted["transcript"]
    assert plain(wanted["key"]) in plain(turn.answer)
    assert plain(turn.heard) == plain(turn.answer), "the whole answer was played"


def assert_thought_while_listening(result: AskResult) -> None:
    turn = result.turns[0]
    assert turn.turn_end_ms is not None
    early = [note for note in turn.notes if note.ms < turn.turn_end_ms]
    noted = plain(" ".join(note.text for note in early)).split()
    assert len(noted) >= 2, turn.notes
    assert plain(turn.transcript).split()[: len(noted) - 1] == noted[:-1], "notes are the turn's own first words"
    assert turn.thinking["tokens_before_turn_end"] >= len(noted)


def assert_ledger_is_true(result: AskResult) -> None:
    """I6: stages sum to a total that was measured without them, by the client's stopwatch."""
    ledger = result.turns[0].ledger
    assert ledger is not None
    assert ledger.clock == "shared", "client and server share CLOCK_MONOTONIC here"
    assert abs(ledger.total_ms - sum(ledger.stages_ms.values())) <= 5, ledger
    assert abs(ledger.server_residual_ms) <= 5
    assert all(ms >= 0 for ms in ledger.stages_ms.values()), ledger
    assert result.turns[0].ttfp_eos_ms == pytest.approx(ledger.total_ms, abs=0.001)


@pytest.mark.parametrize("sample", QUESTIONS)
async def test_two_callers_at_once_are_both_answered_right(server: LiveServer, sample: str) -> None:
    options = [AskOptions(SAMPLES / sample, url=server.url, transport=name) for name in ("webrtc", "websocket")]
    results = await asyncio.gather(*(ask(option) for option in options))
    for result in results:
        assert_right(result, sample)
        assert_thought_while_listening(result)
        assert_ledger_is_true(result)
