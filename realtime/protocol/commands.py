"""What a client's event asks of the conversation, as frozen values. It knows nothing of how it is carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from realtime.protocol.config import AudioFormat, SessionConfig
from realtime.protocol.patch import Effort, Modality

ServerEvent = dict[str, Any]  # ready for JSON
Role = Literal["system", "user", "assistant"]
ROOT = "root"  # the `previous` of an item that goes first


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """s16le mono samples at `rate_hz`: 24,000 for audio/pcm, 8,000 for G.711. At least one sample."""

    pcm16: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """End the turn now; it becomes item `item_id` behind item `previous` (None: the first). Answer with
    `audio_committed`. No response is asked for."""

    item_id: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget the audio that is not committed. Answer with `audio_cleared`."""


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """`changed` holds the names of the `SessionConfig` fields whose value is now another one."""

    config: SessionConfig
    changed: frozenset[str]


@dataclass(frozen=True, slots=True)
class ResponseParams:
    """Settings of one response: the session's, with those of `response.create` on top.

    `instructions` is None where the session's hold. `max_output_tokens` None is "inf".
    """

    output_modalities: tuple[Modality, ...]
    voice: str
    speed: float
    output_format: AudioFormat
    effort: Effort
    max_output_tokens: int | None = None
    instructions: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def speaks(self) -> bool:
        return self.output_modalities == ("audio",)


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Answer the history as it stands. Call `response_started(response_id)`, or `response_finished` if it cannot be."""

    response_id: str
    params: ResponseParams


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop this response and call `response_finished(response_id, "cancelled", "client_cancelled", …)`."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PutItem:
    """Text for the model's history, behind item `previous`: None is the end, "root" the beginning.

    `previous` is always an item that the model has.
    """

    item_id: str
    role: Role
    text: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class DropItem:
    """Remove an item from the model's history."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """The user heard `item_id` up to `audio_end_ms` of its audio. Answer with `item_truncated`."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ClearOutput:
    """WebRTC: stop what is playing. Answer with `output_audio_cleared`."""


Command = (
    AppendAudio
    | CommitAudio
    | ClearAudio
    | ConfigChanged
    | CreateResponse
    | CancelResponse
    | PutItem
    | DropItem
    | TruncateItem
    | ClearOutput
)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one client event leads to: events to send back at once, and commands for the conversation, in order."""

    events: list[ServerEvent] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response. Cached tokens are those that were in the KV cache already, a part of the input."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    cached_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    def wire(self) -> dict[str, Any]:
        read = self.input_text_tokens + self.input_audio_tokens
        written = self.output_text_tokens + self.output_audio_tokens
        return {
            "total_tokens": read + written,
            "input_tokens": read,
            "output_tokens": written,
            "input_token_details": {
                "text_tokens": self.input_text_tokens,
                "audio_tokens": self.input_audio_tokens,
                "image_tokens": 0,
                "cached_tokens": self.cached_tokens,
                # Only the sum is known: a KV block does not say whether it holds text or audio.
                "cached_tokens_details": {"text_tokens": self.cached_tokens, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": self.output_text_tokens, "audio_tokens": self.output_audio_tokens},
        }
