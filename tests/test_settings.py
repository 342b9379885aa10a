"""Settings come from file, environment and flags, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.engine.messages import CHANNEL_VERSION, Ready
from realtime.errors import ConfigurationError
from realtime.server import asks_endpoint_model
from realtime.settings import load_settings


def test_flags_win_over_environment_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "forethought.toml"
    file.write_text("[server]\nport = 1001\nmax_sessions = 2\nhost = 'localhost'\n")
    monkeypatch.setenv("FORETHOUGHT_SERVER__PORT", "1002")
    monkeypatch.setenv("FORETHOUGHT_SERVER__MAX_SESSIONS", "3")
    server = load_settings(file, {"server": {"port": 1003, "max_sessions": None}}).server
    assert (server.port, server.max_sessions, server.host) == (1003, 3, "localhost")


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "f.toml"
    file.write_text("[thinking]\neffort = 'high'\n")
    monkeypatch.setenv("FORETHOUGHT_CONFIG", str(file))
    assert load_settings().thinking.effort == "high"


@pytest.mark.parametrize(
    ("content", "named"),
    [("[server]\nprt = 1\n", "server.prt"), ("[server]\nport = 70000\n", "server.port"), ("[nope]\n", "nope"),
     ("[server\n", "TOML"), ("[thinking]\neffort = 'much'\n", "thinking.effort")],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "f.toml"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=named):
        load_settings(file)


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_settings(Path("/nonexistent/forethought.toml"))


def test_effort_is_a_budget_in_ms() -> None:
    thinking = load_settings().thinking
    budgets = [thinking.budget_ms(effort) for effort in ("minimal", "low", "medium", "high", "xhigh")]
    assert budgets == sorted(budgets) and budgets[0] == 0
    assert thinking.budget_ms(None) == thinking.budget_ms(thinking.effort)


@pytest.mark.parametrize(
    ("said", "hears_endings", "asked"),
    [(None, True, False), (None, False, True), ("true", True, True), ("false", False, False), ("auto", False, True)],
)
def test_the_end_of_turn_model_is_asked_where_the_model_hears_no_endings(
    said: str | None, hears_endings: bool, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said is not None:
        monkeypatch.setenv("FORETHOUGHT_TURNS__USE_ENDPOINT_MODEL", said)
    ready = Ready(CHANNEL_VERSION, "m", 1, "cpu", 0.0, "", hears_endings)
    assert asks_endpoint_model(load_settings().turns.use_endpoint_model, ready) is asked


@pytest.mark.parametrize(
    ("voice", "said", "foresees"),
    [("hibari", "auto", True), ("espeak", "auto", True), ("openai", "auto", False), ("openai", "true", True),
     ("hibari", "false", False)],
)  # fmt: skip
def test_clauses_are_said_ahead_where_nobody_counts_them(
    voice: str, said: str, foresees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORETHOUGHT_SPEECH__VOICE", voice)
    monkeypatch.setenv("FORETHOUGHT_SPEECH__FORESEE", said)
    assert load_settings().speech.foresees is foresees
