"""Admission: places (403) before keys (401), and nothing let in by a trick of spelling.

Fault-matrix rows: 31 (the transport's part), 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.transport.auth import (
    AccessPolicy,
    Admitted,
    Caller,
    Refused,
    check,
    check_place,
    host_name,
    select_subprotocol,
)


class OneSecret:
    """A verifier that knows one secret."""

    def verify(self, token: str) -> Mapping[str, Any] | None:
        return {"instructions": "bound"} if token == "ek_good" else None


def local(**changes: Any) -> Caller:
    return Caller(**{"host": "localhost:8080", "peer": "127.0.0.1", **changes})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "localhost.:8080"]
)
def test_our_own_names(host: str) -> None:
    assert check_place(AccessPolicy(), local(host=host)) is None


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8", "localhost.evil.test", "127.0.0.1.evil.example", "localhost@evil.example",
     "localhost:x", "localhost/evil", "[::1", "169.254.169.254", "localhost localhost"],
)  # fmt: skip
def test_foreign_and_rebound_names_are_refused(host: str) -> None:  # row 32
    refused = check_place(AccessPolicy(), local(host=host))
    assert refused is not None and (refused.status, refused.code) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    ("origin", "fine"),
    [
        (None, True),
        ("http://localhost:8080", True),
        ("http://localhost:3000", True),
        ("http://[::1]:8080", True),
        ("https://page.example", True),
        ("https://page.example:444", False),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("null", False),
        ("", False),
        ("file://localhost", False),
        ("http://[", False),
    ],
)
def test_origins(origin: str | None, fine: bool) -> None:
    policy = AccessPolicy(origins=frozenset({"https://page.example"}))
    assert (check_place(policy, local(origin=origin)) is None) is fine


def test_loopback_origins_can_be_shut_out_but_not_our_own_page() -> None:
    policy = AccessPolicy(loopback_origins=False)
    assert check_place(policy, local(origin="http://localhost:3000")) is not None
    assert check_place(policy, local(origin="http://localhost:8080")) is None


@pytest.mark.parametrize(
    ("keys", "caller", "outcome"),
    [
        ((), local(), "in"),
        ((), local(authorization="Bearer anything"), "in"),
        ((), local(peer="192.0.2.7"), "missing_client_secret"),
        ((), local(peer="192.0.2.7", authorization="Bearer ek_good"), "in"),
        ((), local(authorization="Bearer ek_bad"), "invalid_client_secret"),
        (("k1", "k2"), local(), "invalid_api_key"),
        (("k1", "k2"), local(authorization="Bearer k2"), "in"),
        (("k1", "k2"), local(authorization="bearer  k2"), "in"),
        (("k1", "k2"), local(authorization="Basic k2"), "invalid_api_key"),
        (("k1", "k2"), local(authorization="Bearer k3"), "invalid_api_key"),
        (("k1",), local(authorization="Bearer ek_good"), "in"),
        (("k1",), local(subprotocols=("realtime", "openai-insecure-api-key.k1")), "in"),
        (("k1",), local(subprotocols=("realtime", "openai-insecure-api-key.ek_good")), "in"),
        (("k1",), local(subprotocols=("realtime", "openai-insecure-api-key.")), "invalid_api_key"),
    ],
)
def test_keys(keys: tuple[str, ...], caller: Caller, outcome: str) -> None:  # row 31
    verdict = check(AccessPolicy(keys=keys), caller, OneSecret())
    if outcome == "in":
        assert isinstance(verdict, Admitted)
    else:
        assert isinstance(verdict, Refused)
        assert (verdict.status, verdict.code) == (401, outcome)


def test_a_secret_brings_its_session_and_cannot_pass_as_a_key() -> None:
    verdict = check(AccessPolicy(), local(authorization="Bearer ek_good"), OneSecret())
    assert verdict == Admitted(session={"instructions": "bound"}, by_key=False)


def test_the_place_is_checked_before_the_key() -> None:
    verdict = check(AccessPolicy(keys=("k",)), local(host="evil.example"), OneSecret())
    assert isinstance(verdict, Refused) and verdict.status == 403


def test_only_realtime_is_ever_selected() -> None:
    assert select_subprotocol(["openai-insecure-api-key.k", "realtime", "v1"]) == "realtime"
    assert select_subprotocol(["openai-insecure-api-key.k"]) is None
    assert select_subprotocol([]) is None


@given(st.text(max_size=40), st.text(max_size=40) | st.none(), st.text(max_size=40) | st.none())
def test_any_header_gives_a_verdict(host: str, origin: str | None, authorization: str | None) -> None:
    name = host_name(host)
    verdict = check(AccessPolicy(keys=("k",)), Caller(host, origin, authorization, (), "127.0.0.1"), OneSecret())
    assert isinstance(verdict, Refused) or name in {"localhost", "127.0.0.1", "::1"}
