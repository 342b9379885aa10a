"""The engine channel: every message that crosses between the server process and the engine process.

Frozen values only; this module imports neither torch nor asyncio and knows nothing of sockets or models.
Framing on the byte stream: a 4-byte big-endian length, then one msgpack message (`encode`/`decode`).

A `turn` is one user turn of a session, counted from 1. An `attempt` is one try at answering it: a tentative
end of turn starts attempt n, a revocation makes it stale, the next tentative end starts attempt n + 1.
Whoever receives a message with an old turn or attempt drops it at the door.
"""

from __future__ import annotations

import msgspec

CHANNEL_VERSION = 2
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
INPUT_SAMPLE_RATE_HZ = 16_000


class _Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """Base of all messages: a frozen struct whose msgpack form carries its class name as `type`."""


# --- server -> engine -------------------------------------------------------------------------------


class OpenSession(_Message, frozen=True, tag="open"):
    """A conversation begins. `instructions` replaces the model's own system prompt when it is not None."""

    session: str
    instructions: str | None = None


class UpdateSession(_Message, frozen=True, tag="update"):
    """New instructions for a conversation; history stays."""

    session: str
    instructions: str | None


class StartTurn(_Message, frozen=True, tag="start_turn"):
    """The user began to speak. Audio of this turn follows; its first sample is `at_sample` of the session."""

    session: str
    turn: int
    at_sample: int


class Audio(_Message, frozen=True, tag="audio"):
    """16 kHz mono s16le samples of the current turn, in order, without gaps."""

    session: str
    turn: int
    at_sample: int
    pcm: bytes


class EndTurn(_Message, frozen=True, tag="end_turn"):
    """A tentative end: speech stopped at `at_sample`. Begin the held answer. Audio may go on arriving.

    `think_ms` is the deadline for reasoning, counted from this message; None means no deadline.
    `respond` False only listens to the end (transcript, no answer). `spoken` False is an answer to be read, which buys
    no time to think meanwhile: its thought is not cut short before the deadline.
    """

    session: str
    turn: int
    attempt: int
    at_sample: int
    think_ms: int | None = None
    respond: bool = True
    max_tokens: int = 512
    spoken: bool = True


class Commit(_Message, frozen=True, tag="commit"):
    """The tentative end was the end: the user's part becomes history under the id `item`."""

    session: str
    turn: int
    attempt: int
    item: str


class Revoke(_Message, frozen=True, tag="revoke"):
    """The user went on: the attempt is void, the audio received since belongs to the turn."""

    session: str
    turn: int
    attempt: int


class DiscardTurn(_Message, frozen=True, tag="discard_turn"):
    """The turn was no turn (a click, a cleared buffer): forget it and its audio."""

    session: str
    turn: int


class Respond(_Message, frozen=True, tag="respond"):
    """Answer the history as it stands (a text turn, or a response asked for out of order).

    `instructions` hold for this answer alone. `spoken`: see `EndTurn`.
    """

    session: str
    turn: int
    attempt: int
    instructions: str | None = None
    think_ms: int | None = None
    max_tokens: int = 512
    spoken: bool = True


class Cancel(_Message, frozen=True, tag="cancel"):
    """Stop answering `turn`. The history keeps `heard` as the answer under the id `item`, marked as interrupted."""

    session: str
    turn: int
    item: str | None = None
    heard: str = ""


class Played(_Message, frozen=True, tag="played"):
    """`bought_ms` of this attempt's answer are synthesised and not yet heard: for so long nobody waits for more.

    Sent when a clause is queued and some times a second while it is heard, until the answer is done.
    """

    session: str
    turn: int
    attempt: int
    bought_ms: int


class AnswerHeard(_Message, frozen=True, tag="answer_heard"):
    """The whole answer of `turn` was played (or sent as text); it becomes history under the id `item`."""

    session: str
    turn: int
    item: str


class PutText(_Message, frozen=True, tag="put_text"):
    """Put a text item into the history behind `after` ("root" = first, None = last)."""

    session: str
    item: str
    role: str  # "system" | "user" | "assistant"
    text: str
    after: str | None = None


class DropItem(_Message, frozen=True, tag="drop_item"):
    """Remove an item from the history."""

    session: str
    item: str


class TruncateItem(_Message, frozen=True, tag="truncate_item"):
    """An answer that is already history was heard only up to `heard`."""

    session: str
    item: str
    heard: str


class CloseSession(_Message, frozen=True, tag="close"):
    session: str


class Ping(_Message, frozen=True, tag="ping"):
    nonce: int


ToEngine = (
    OpenSession
    | UpdateSession
    | StartTurn
    | Audio
    | EndTurn
    | Commit
    | Revoke
    | DiscardTurn
    | Respond
    | Cancel
    | Played
    | AnswerHeard
    | PutText
    | DropItem
    | TruncateItem
    | CloseSession
    | Ping
)

# --- engine -> server -------------------------------------------------------------------------------


class Ready(_Message, frozen=True, tag="ready"):
    """The engine has loaded and warmed up. Sent once, first."""

    version: int
    model: str
    parameters: int
    device: str
    load_ms: float
    human_speech: str  # how well it hears people, in words, for every place that shows the model
    hears_endings: bool  # its vote on the end of a turn rests on how the last words sounded, too


class Note(_Message, frozen=True, tag="note"):
    """Words noted while listening. `at_ms`: input of the session that had been heard by then."""

    session: str
    turn: int
    text: str
    tokens: int
    at_ms: int


class Thought(_Message, frozen=True, tag="thought"):
    """A piece of reasoning of one attempt, `while_speaking` if its answer had begun by then."""

    session: str
    turn: int
    attempt: int
    text: str
    tokens: int
    at_ms: int
    while_speaking: bool = False


class Transcript(_Message, frozen=True, tag="transcript"):
    """What the model heard in the turn, whole, once it is complete.

    `ready` is the mind's vote on the end of the turn, 0..1: how surely the line ends here; `closing`, `doubt`,
    `prior`, `unheard` and `finish` are what it was made of (see `realtime.mind.readiness`).
    """

    session: str
    turn: int
    attempt: int
    text: str
    ready: float = 0.5
    closing: float = 0.0
    doubt: float = 0.0
    prior: float | None = None
    unheard: int | None = None
    finish: float | None = None


class Foreseen(_Message, frozen=True, tag="foreseen"):
    """How the answer would have begun if the turn had ended a moment ago; `whole` if there is no more of it.

    For a voice that has time: it may never be said.
    """

    session: str
    turn: int
    text: str
    whole: bool


class Answer(_Message, frozen=True, tag="answer"):
    """A piece of the answer of one attempt."""

    session: str
    turn: int
    attempt: int
    text: str


class Timing(_Message, frozen=True, tag="timing"):
    """When each engine stage of an attempt ended, CLOCK_MONOTONIC nanoseconds (see `realtime.ledger`)."""

    session: str
    turn: int
    attempt: int
    received_ns: int
    encoded_ns: int
    prefilled_ns: int
    thought_ns: int
    answered_ns: int  # first answer token


class Done(_Message, frozen=True, tag="done"):
    """An attempt has ended. `reason`: "stop" | "length" | "no_response"."""

    session: str
    turn: int
    attempt: int
    reason: str
    input_audio_frames: int
    input_tokens: int
    thought_tokens: int
    answer_tokens: int


class Fault(_Message, frozen=True, tag="fault"):
    """Something failed. Without a session the engine as a whole is meant."""

    code: str
    message: str
    session: str | None = None
    turn: int | None = None


class Pong(_Message, frozen=True, tag="pong"):
    nonce: int
    kv_blocks_total: int
    kv_blocks_used: int
    sessions: int
    rss_bytes: int


FromEngine = Ready | Note | Thought | Transcript | Foreseen | Answer | Timing | Done | Fault | Pong

_encoder = msgspec.msgpack.Encoder()
_to_engine: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)
_from_engine: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)


def encode(message: ToEngine | FromEngine) -> bytes:
    """One message as bytes, its length in front."""
    body = _encoder.encode(message)
    return len(body).to_bytes(4, "big") + body


def decode_to_engine(body: bytes) -> ToEngine:
    """Raises `msgspec.ValidationError` or `msgspec.DecodeError` on anything that is not a known message."""
    return _to_engine.decode(body)


def decode_from_engine(body: bytes) -> FromEngine:
    """Raises `msgspec.ValidationError` or `msgspec.DecodeError` on anything that is not a known message."""
    return _from_engine.decode(body)
