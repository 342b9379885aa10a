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
