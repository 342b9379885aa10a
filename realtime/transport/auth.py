"""Who may come in: Host, Origin and key checks as values. It opens no socket and keeps no secret longer than a call.

A server on localhost is reachable by every page the user has open. Two checks keep those out: the Host header must
name us (a page whose DNS name was rebound to 127.0.0.1 still says its own name), and the Origin, which only browsers
send, must be ours. Keys come as `Authorization: Bearer`, or from browsers, whose WebSocket cannot set a header, as the
subprotocol `openai-insecure-api-key.<KEY>`.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
KEY_SUBPROTOCOL = "openai-insecure-api-key."
REALTIME_SUBPROTOCOL = "realtime"
CLIENT_SECRET_PREFIX = "ek_"  # noqa: S105 - a prefix, not a secret


class SecretVerifier(Protocol):
    """Knows the client secrets that were handed out."""

    def verify(self, token: str) -> Mapping[str, Any] | None:
        """The session configuration bound to a valid `ek_…` token ({} for none), or None; constant time."""
        ...


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Who is let in.

    `hosts`: host names, without port, that this server answers to; "*" for any. `origins`: whole origins
    ("https://example.org") that may use it from a browser besides its own pages and loopback; "*" for any.
    `keys`: API keys. With none, callers on this machine need no key and all others need a client secret.
    """

    hosts: frozenset[str] = LOOPBACK_NAMES
    origins: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    loopback_origins: bool = True


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says about where it comes from; `peer` is the address at the other end of the socket."""

    host: str
    origin: str | None = None
    authorization: str | None = None
    subprotocols: tuple[str, ...] = ()
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """`session` is the configuration a client secret was minted with; `by_key` says that no secret was used."""

    session: Mapping[str, Any] | None = None
    by_key: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    status: int  # 401 or 403
    code: str
    message: str


Verdict = Admitted | Refused


def check(policy: AccessPolicy, caller: Caller, verifier: SecretVerifier | None = None) -> Verdict:
    """The place first (403), then the key (401)."""
    return check_place(policy, caller) or check_key(policy, caller, verifier)


def check_place(policy: AccessPolicy, caller: Caller) -> Refused | None:
    """Host and Origin; None where both are fine."""
    host = host_name(caller.host)
    if "*" not in policy.hosts and (host is None or host not in policy.hosts):
        return Refused(403, "host_not_allowed", "this server does not answer to that Host; add it to the allowed hosts")
    if caller.origin is not None and not origin_allowed(policy, caller.origin, caller.host):
        return Refused(403, "origin_not_allowed", "pages of that origin may not use this server; add it to the origins")
    return None


def check_key(policy: AccessPolicy, caller: Caller, verifier: SecretVerifier | None) -> Verdict:
    token = presented_key(caller)
    if token is not None and token.startswith(CLIENT_SECRET_PREFIX):
        session = verifier.verify(token) if verifier is not None else None
        if session is None:
            return Refused(401, "invalid_client_secret", "the client secret is wrong or has expired; ask for a new one")
        return Admitted(session=session or None, by_key=False)
    if policy.keys:
        if token is not None and _is_one_of(token, policy.keys):
            return Admitted()
        return Refused(401, "invalid_api_key", "a valid key is needed: Authorization: Bearer KEY")
    if is_loopback(caller.peer):
        return Admitted()
    return Refused(401, "missing_client_secret", "callers from other machines need a client secret or an API key")


def presented_key(caller: Caller) -> str | None:
    if caller.authorization is not None:
        scheme, _, token = caller.authorization.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    for name in caller.subprotocols:
        if name.startswith(KEY_SUBPROTOCOL):
            return name.removeprefix(KEY_SUBPROTOCOL)
    return None


def select_subprotocol(offered: Iterable[str]) -> str | None:
    """`realtime` where it was offered. Never the one with the key: the answer would repeat it in the clear."""
    return REALTIME_SUBPROTOCOL if REALTIME_SUBPROTOCOL in offered else None


def host_name(host_header: str) -> str | None:
    """The name in a Host header without port and brackets, lower case; None where there is none."""
    try:
        parts = urlsplit(f"//{host_header}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if name is None or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return name.rstrip(".")


def origin_allowed(policy: AccessPolicy, origin: str, host_header: str) -> bool:
    """An allowed origin, a page that this server served itself, or (if the policy says so) one of this machine."""
    if "*" in policy.origins or origin in policy.origins:
        return True
    try:
        parts = urlsplit(origin)
        name = parts.hostname
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or name is None:
        return False
    if parts.netloc.lower() == host_header.lower():
        return True
    return policy.loopback_origins and name in LOOPBACK_NAMES


def is_loopback(peer: str) -> bool:
    return peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1") or peer.startswith("127.")


def _is_one_of(token: str, keys: tuple[str, ...]) -> bool:
    # All are compared, each in constant time: the time tells neither which key is near nor how near.
    found = False
    for key in keys:
        found |= hmac.compare_digest(token.encode(), key.encode())
    return found
