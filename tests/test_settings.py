"""Settings come from file, environment and flags, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.errors import ConfigurationError
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
