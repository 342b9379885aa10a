"""One turn's milliseconds, from the last voiced sample leaving the client to the first packet with speech coming back.

Pure arithmetic over stamps; it knows no clock, no wire and no event. The server measures from the arrival of what
*it* takes for the end of speech to the first frame with speech leaving it. The client knows the end of speech of the
file it sent, when each sample left, and when the answer arrived. This module joins the two:

    client clock   |-- arrival --|----------------- server stages -----------------|-- client --|
                   ^ last voiced sample left                          first packet with speech ^

Rebasing. The server's end of speech E_s and the client's E_c differ by what the two detectors differ. The stretch
between them is waiting for the end of the turn, so `endpoint_wait` is moved by left(E_s) - left(E_c), the difference of
the moments at which the two samples left the client.

The two ends. Where server and client share a clock (one machine: CLOCK_MONOTONIC), the server's two stamps give
`arrival` and `client` directly. Where they do not, what the server cannot have seen is split evenly between the two.

The residual is the stopwatch's total less the sum of the stages; it must stay within 5 ms. With a shared clock it
checks the whole way. Split in two halves it can only show that the server's own stages do not sum to its total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# In the order in which they pass.
STAGES = (
    "arrival",
    "endpoint_wait",
    "encode",
    "prefill",
    "thought",
    "first_clause",
    "first_audio",
    "hold",
    "pacing",
    "client",
)
RESIDUAL_LIMIT_MS = 5.0

NS_PER_MS = 1_000_000
# Stamps of one clock cannot run backwards; this much is allowed for the rounding of ms on the wire.
CLOCK_SLACK_NS = 1 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class ServerLedger:
    """What the server says of a turn; times in ms, the two stamps in ns of the server's monotonic clock."""

    stages_ms: Mapping[str, float]
    total_ms: float
    speech_end_ms: float | None = None  # the server's E_s, position in the input stream
    turn_end_ms: float | None = None
    ttfp_eot_ms: float | None = None
    thinking: Mapping[str, float] | None = None
    arrival_ns: int | None = None  # the sample at E_s arrived at the server
    first_frame_ns: int | None = None  # the first frame with speech left the server


@dataclass(frozen=True, slots=True)
class ClientStamps:
    """What the client's stopwatch says of the same turn, ns of the client's monotonic clock."""

    speech_end_left_ns: int  # the sample at E_c, the end of speech in the file, left the client
    server_speech_end_left_ns: int  # the sample at the server's E_s left the client
    first_packet_ns: int  # the first packet with speech arrived


@dataclass(frozen=True, slots=True)
class TurnLedger:
    """Stages in ms that sum to `total_ms`, the stopwatch's figure, but for `residual_ms`."""

    stages_ms: Mapping[str, float]
    total_ms: float
    residual_ms: float
    server_residual_ms: float  # the server's own total less the sum of its own stages
    clock: Literal["shared", "split", "server"]

    @property
    def balanced(self) -> bool:
        return abs(self.residual_ms) <= RESIDUAL_LIMIT_MS

    def to_json(self) -> dict[str, object]:
        return {
            "stages_ms": {name: round(value, 3) for name, value in self.stages_ms.items()},
            "total_ms": round(self.total_ms, 3),
            "residual_ms": round(self.residual_ms, 3),
            "server_residual_ms": round(self.server_residual_ms, 3),
            "clock": self.clock,
        }


def join(server: ServerLedger, client: ClientStamps, *, same_machine: bool) -> TurnLedger:
    """The turn's whole ledger from both halves (see the module's head)."""
    total_ms = (client.first_packet_ns - client.speech_end_left_ns) / NS_PER_MS
    shift_ms = (client.server_speech_end_left_ns - client.speech_end_left_ns) / NS_PER_MS
    middle = rebase(_in_order(server.stages_ms), shift_ms)
    ends = _shared_clock_ends(server, client) if same_machine else None
    clock: Literal["shared", "split"] = "shared"
    if ends is None:
        clock = "split"
        unseen_ms = max(0.0, total_ms - (server.total_ms + shift_ms))
        ends = (unseen_ms / 2, unseen_ms / 2)
    stages = {"arrival": ends[0], **middle, "client": ends[1]}
    return TurnLedger(
        stages_ms=stages,
        total_ms=total_ms,
        residual_ms=total_ms - sum(stages.values()),
        server_residual_ms=server.total_ms - sum(server.stages_ms.values()),
        clock=clock,
    )


def server_only(server: ServerLedger) -> TurnLedger:
    """The server's half as it stands, for a turn whose end of speech or first packet the client did not see."""
    residual = server.total_ms - sum(server.stages_ms.values())
    return TurnLedger(_in_order(server.stages_ms), server.total_ms, residual, residual, "server")


def rebase(stages_ms: Mapping[str, float], shift_ms: float) -> dict[str, float]:
    """Move the beginning of the first stage `shift_ms` earlier (later where negative); the sum moves by as much.

    A stage cannot last less than nothing: what a negative shift cannot take from the first stage it takes from the
    next, and what no stage can give stays with the last, so that the sum is always exact.
    """
    moved = dict(stages_ms) or {"endpoint_wait": 0.0}
    names = list(moved)
    first = "endpoint_wait" if "endpoint_wait" in moved else names[0]
    if shift_ms >= 0:
        moved[first] += shift_ms
        return moved
    owed = -shift_ms
    for name in names[names.index(first) :]:
        given = min(owed, max(0.0, moved[name]))
        moved[name] -= given
        owed -= given
    moved[names[-1]] -= owed
    return moved


def _in_order(stages_ms: Mapping[str, float]) -> dict[str, float]:
    """Known stages in their order, then any that this client does not know; the client's own two left out."""
    own = {"arrival", "client"}
    known = {name: float(stages_ms[name]) for name in STAGES if name in stages_ms and name not in own}
    unknown = {name: float(value) for name, value in stages_ms.items() if name not in STAGES}
    return known | unknown


def _shared_clock_ends(server: ServerLedger, client: ClientStamps) -> tuple[float, float] | None:
    """`arrival` and `client` in ms from the server's stamps, or None where they cannot be of our clock."""
    if server.arrival_ns is None or server.first_frame_ns is None:
        return None
    arrival_ns = server.arrival_ns - client.server_speech_end_left_ns
    client_ns = client.first_packet_ns - server.first_frame_ns
    if min(arrival_ns, client_ns, server.first_frame_ns - server.arrival_ns) < -CLOCK_SLACK_NS:
        return None
    return max(0, arrival_ns) / NS_PER_MS, max(0, client_ns) / NS_PER_MS
