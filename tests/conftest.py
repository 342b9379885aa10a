"""Fixtures that several files share: one real server for all tests that only talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live_server import LiveServer, live_server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The default settings and the embedded model. Tests that break a server start their own."""
    with live_server(tmp_path_factory.mktemp("server") / "server.log") as running:
        yield running


@pytest.fixture
def server(shared_server: LiveServer) -> Iterator[LiveServer]:
    """The shared server, without a session, before and after the test."""
    shared_server.wait_until_idle()
    yield shared_server
    shared_server.wait_until_idle()


# Files whose tests keep time with the clock, beside those marked `engine` and `browser`.
ON_THE_CLOCK = ("test_client_", "test_hearing", "test_transport_", "test_tts_")
# Each takes a minute or two. Begun last, it would leave the other core idle.
LONGEST = ("test_training_export.py", "test_engine_process.py", "test_training_evaluate.py", "test_server_process.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs the machine for itself, and puts the longest files first; the Makefile says what that is for.

    A test marked `engine` that a busy neighbour makes slower and not wrong is marked `unhurried` beside it.
    """
    for item in items:
        is_marked = any(item.get_closest_marker(mark) for mark in ("engine", "browser"))
        if (is_marked or item.path.name.startswith(ON_THE_CLOCK)) and not item.get_closest_marker("unhurried"):
            item.add_marker(pytest.mark.realtime)
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
