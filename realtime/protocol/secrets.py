"""Short-lived client secrets (`ek_…`), each bound to a session configuration. It knows no clock and no HTTP.

Time is passed in: `now_ns` monotonic decides whether a secret is still good, so a jump of the wall clock neither
revives nor kills one; `epoch_s` only makes the `expires_at` that the protocol wants to see. Secrets are kept as
SHA-256 digests: the place in the table says nothing about a secret, and the final comparison takes constant time.
Page: "Create client secret" of the OpenAI Realtime GA reference.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from realtime.errors import ClientError, LimitError
from realtime.protocol.config import SessionConfig, merged
from realtime.protocol.events import validate_session
from realtime.protocol.patch import Wire

PREFIX = "ek_"  # the browser SDK refuses any other key
MIN_SECONDS, DEFAULT_SECONDS, MAX_SECONDS = 10, 600, 7_200  # the protocol's bounds
MAX_LIVE_SECRETS = 4_096
MAX_TOKEN_CHARS = 256
NS_PER_S = 1_000_000_000


class _ExpiresAfter(Wire):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(ge=MIN_SECONDS, le=MAX_SECONDS)] = DEFAULT_SECONDS


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret just minted. `value` is shown once and kept nowhere."""

    value: str
    expires_at: int  # seconds since the epoch
    config: SessionConfig
    session_id: str

    def wire(self) -> dict[str, Any]:
        """The body of the answer to `POST /v1/realtime/client_secrets`."""
        session = {**self.config.wire(), "id": self.session_id, "expires_at": 0}
        return {"value": self.value, "expires_at": self.expires_at, "session": session}


@dataclass(frozen=True, slots=True)
class _Entry:
    digest: bytes
    deadline_ns: int
    config: SessionConfig


class ClientSecrets:
    """Mints and checks. With `single_use` a secret opens one session; the hosted API lets it open several."""

    def __init__(
        self,
        base: SessionConfig,
        *,
        random_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
        single_use: bool = False,
        max_live: int = MAX_LIVE_SECRETS,
    ) -> None:
        self._base = base
        self._random_token = random_token
        self._single_use = single_use
        self._max_live = max_live
        self._entries: dict[bytes, _Entry] = {}

    def mint(self, body: object, *, session_id: str, now_ns: int, epoch_s: int) -> ClientSecret:
        """A secret for the request `body` (`{expires_after?, session?}` or None).

        Raises `ClientError` for a wrong body, `LimitError` when too many secrets are live.
        """
        request = {} if body is None else body
        if not isinstance(request, dict):
            raise ClientError("The body must be a JSON object.", code="invalid_json")
        seconds = _lifetime_s(request.get("expires_after"))
        config = self._base
        if request.get("session") is not None:
            patch = validate_session(request["session"])
            config, _ = merged(config, patch, default_voice=config.voice)
        self._forget_expired(now_ns)
        if len(self._entries) >= self._max_live:
            raise LimitError(f"There are {self._max_live} live client secrets already; wait until some expire.")
        value = PREFIX + self._random_token()
        digest = _digest(value)
        self._entries[digest] = _Entry(digest, now_ns + seconds * NS_PER_S, config)
        return ClientSecret(value, epoch_s + seconds, config, session_id)

    def check(self, token: str, *, now_ns: int) -> SessionConfig | None:
        """The configuration that a good secret is bound to; None when it is unknown, expired, used or not a secret."""
        if not token.startswith(PREFIX) or len(token) > MAX_TOKEN_CHARS:
            return None
        digest = _digest(token)
        entry = self._entries.get(digest)
        if entry is None or not hmac.compare_digest(entry.digest, digest) or now_ns >= entry.deadline_ns:
            return None
        if self._single_use:
            del self._entries[digest]
        return entry.config

    @property
    def live(self) -> int:
        """How many secrets are kept, expired ones included until the next mint."""
        return len(self._entries)

    def _forget_expired(self, now_ns: int) -> None:
        self._entries = {digest: entry for digest, entry in self._entries.items() if now_ns < entry.deadline_ns}


def _lifetime_s(expires_after: object) -> int:
    if expires_after is None:
        return DEFAULT_SECONDS
    try:
        return _ExpiresAfter.model_validate(expires_after).seconds
    except ValidationError:
        raise ClientError(
            f"'expires_after' must be {{anchor: 'created_at', seconds: {MIN_SECONDS} to {MAX_SECONDS}}}.",
            param="expires_after",
            code="invalid_value",
        ) from None


def _digest(token: str) -> bytes:
    # surrogatepass: a header may hold anything, and a token that is not text must be refused, not raise.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
