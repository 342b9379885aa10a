"""Addresses, the inbox, and work beside a body."""

from __future__ import annotations

import asyncio

import pytest

from client_demo.errors import UsageFailure, WireLost
from client_demo.source import PacedSource
from client_demo.wire import Inbox, ServerAddress, WireEvent, beside, open_wire


@pytest.mark.parametrize(
    ("url", "http", "websocket", "loopback"),
    [
        ("http://localhost:8080", "http://localhost:8080/x", "ws://localhost:8080/x", True),
        ("localhost:8080/", "http://localhost:8080/x", "ws://localhost:8080/x", True),
        ("https://voice.example/base", "https://voice.example:443/base/x", "wss://voice.example:443/base/x", False),
        ("ws://127.0.0.9", "http://127.0.0.9:80/x", "ws://127.0.0.9:80/x", True),
        ("http://[::1]:9", "http://[::1]:9/x", "ws://[::1]:9/x", True),
        ("http://10.0.0.1:9", "http://10.0.0.1:9/x", "ws://10.0.0.1:9/x", False),
    ],
)
def test_one_address_serves_both_transports(url: str, http: str, websocket: str, loopback: bool) -> None:
    address = ServerAddress.parse(url)
    assert (address.http("/x"), address.websocket("/x"), address.loopback) == (http, websocket, loopback)
    assert address.http("/x", a="b c") == f"{http}?a=b+c"


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://host:99999", ""])
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(UsageFailure, match="http://localhost:8080"):
        ServerAddress.parse(url)


def test_an_unknown_transport_is_said() -> None:
    with pytest.raises(UsageFailure, match="carrier pigeon"):
        open_wire("carrier pigeon", ServerAddress("h", 1, False), PacedSource(24_000))  # type: ignore[arg-type]


async def test_an_inbox_that_is_not_read_ends_the_wire_instead_of_growing() -> None:
    inbox = Inbox()
    for index in range(Inbox.LIMIT + 10):
        inbox.put(WireEvent({"n": index}, 0))
    assert inbox.closed
    for _ in range(Inbox.LIMIT):
        assert await inbox.get(1) is not None
    with pytest.raises(WireLost, match="five minutes"):
        await inbox.get(1)


async def test_an_empty_inbox_says_so_in_time_and_the_first_reason_stands() -> None:
    inbox = Inbox()
    assert await inbox.get(0.01) is None
    inbox.close(WireLost("first"))
    inbox.close(WireLost("second"))
    inbox.put(WireEvent({}, 0))
    with pytest.raises(WireLost, match="first"):
        await inbox.get(0.01)


async def test_work_beside_a_body_ends_with_it_however_it_ends() -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    async with beside(work("a"), work("b")):
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="body"):
        async with beside(work("c")):
            await asyncio.sleep(0)
            raise ValueError("body")
    assert sorted(ended) == ["a", "b", "c"]
