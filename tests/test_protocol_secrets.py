"""Client secrets: what they are bound to, when they end, and what is refused (fault matrix row 31)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from openai.types.realtime import ClientSecretCreateResponse

from realtime.errors import ClientError, LimitError
from realtime.protocol import ClientSecrets, SessionConfig

BASE = SessionConfig("forethought", "hibari")
S = 1_000_000_000


def mint(secrets: ClientSecrets, body: Any = None, now_ns: int = 0) -> str:
    return secrets.mint(body, session_id="sess_1", now_ns=now_ns, epoch_s=1_790_000_000).value


def test_a_secret_carries_its_session() -> None:
    secrets = ClientSecrets(BASE)
    body = {"session": {"type": "realtime", "instructions": "Be brief."}, "expires_after": {"seconds": 60}}
    minted = secrets.mint(body, session_id="sess_1", now_ns=5 * S, epoch_s=1_790_000_000)
    assert minted.value.startswith("ek_") and minted.expires_at == 1_790_000_060
    config = secrets.check(minted.value, now_ns=64 * S)
    assert config is not None and config.instructions == "Be brief."
    published = ClientSecretCreateResponse.model_validate(minted.wire())
    assert published.session.type == "realtime"


def test_row_31_it_ends_on_the_monotonic_clock() -> None:
    secrets = ClientSecrets(BASE)
    value = mint(secrets, {"expires_after": {"anchor": "created_at", "seconds": 10}})
    assert secrets.check(value, now_ns=10 * S - 1) is not None
    assert secrets.check(value, now_ns=10 * S) is None


def test_row_31_anything_else_is_refused() -> None:
    secrets = ClientSecrets(BASE)
    value = mint(secrets)
    tampered = value[:-1] + ("A" if value[-1] != "A" else "B")
    for token in ("", "ek_", tampered, value + "x", value.upper(), "sk_" + value, "ek_" + "\ud800", "ek_" + "x" * 9999):
        assert secrets.check(token, now_ns=0) is None
    assert secrets.check(value, now_ns=0) is not None


def test_row_31_a_single_use_secret_cannot_be_replayed() -> None:
    secrets = ClientSecrets(BASE, single_use=True)
    value = mint(secrets)
    assert secrets.check(value, now_ns=0) is not None
    assert secrets.check(value, now_ns=0) is None


def test_the_number_of_live_secrets_is_bounded_and_expired_ones_make_room() -> None:
    numbers = itertools.count()
    secrets = ClientSecrets(BASE, random_token=lambda: str(next(numbers)), max_live=2)
    assert [mint(secrets), mint(secrets)] == ["ek_0", "ek_1"]
    with pytest.raises(LimitError):
        mint(secrets, now_ns=600 * S - 1)
    assert mint(secrets, now_ns=600 * S) == "ek_2"
    assert secrets.live == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"expires_after": {"seconds": 9}}, "expires_after"),
        ({"expires_after": {"seconds": 7201}}, "expires_after"),
        ({"expires_after": {"anchor": "now"}}, "expires_after"),
        ({"session": {"type": "transcription"}}, "session.type"),
        ({"session": {}}, "session.type"),
        ({"session": 5}, "session"),
        ({"session": {"type": "realtime", "audio": {"output": {"speed": "fast"}}}}, "session.audio.output.speed"),
    ],
)
def test_a_wrong_request_is_named(body: Any, param: str | None) -> None:
    secrets = ClientSecrets(BASE)
    with pytest.raises(ClientError) as caught:
        mint(secrets, body)
    assert caught.value.param == param
    assert secrets.live == 0
