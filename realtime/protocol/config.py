"""The settings of one session and how a client's patch changes them. It knows nothing of events, items or audio.

Merge rules of the protocol: a field that is absent stays, a null (or "" or []) clears to its default, `model` never
changes, `voice` is frozen once audio was sent. A refused patch changes nothing at all.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from realtime.errors import ClientError
from realtime.protocol.patch import (
    Eagerness,
    Effort,
    InputPatch,
    Modality,
    OutputPatch,
    SemanticVadPatch,
    ServerVadPatch,
    SessionPatch,
    TranscriptionSession,
    TurnDetectionPatch,
    VoiceId,
    Wire,
)

PCM_RATE_HZ = 24_000
G711_RATE_HZ = 8_000
DEFAULT_EFFORT: Effort = "medium"  # of `realtime.settings` too
# The longest wait of semantic_vad for each eagerness, from the protocol's page.
MAX_WAIT_MS: dict[Eagerness, int] = {"low": 8_000, "medium": 4_000, "high": 2_000, "auto": 4_000}

try:
    VERSION = importlib.metadata.version("forethought")
except importlib.metadata.PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0+source"


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How audio travels on the wire: always mono."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"

    @property
    def rate_hz(self) -> int:
        return PCM_RATE_HZ if self.type == "audio/pcm" else G711_RATE_HZ

    def wire(self) -> dict[str, Any]:
        # The published types have a rate for PCM only.
        return {"type": self.type, "rate": PCM_RATE_HZ} if self.type == "audio/pcm" else {"type": self.type}


@dataclass(frozen=True, slots=True)
class ServerVad:
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    idle_timeout_ms: int | None = None
    create_response: bool = True
    interrupt_response: bool = True

    def wire(self) -> dict[str, Any]:
        return {"type": "server_vad", **_as_dict(self)}


@dataclass(frozen=True, slots=True)
class SemanticVad:
    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    @property
    def max_wait_ms(self) -> int:
        return MAX_WAIT_MS[self.eagerness]

    def wire(self) -> dict[str, Any]:
        return {"type": "semantic_vad", **_as_dict(self)}


TurnDetection = ServerVad | SemanticVad


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Everything a client can set. `turn_detection` None is push-to-talk; `max_output_tokens` None is "inf"."""

    model: str
    voice: str
    instructions: str = ""
    output_modalities: tuple[Modality, ...] = ("audio",)
    speed: float = 1.0
    effort: Effort = DEFAULT_EFFORT
    max_output_tokens: int | None = None
    turn_detection: TurnDetection | None = field(default_factory=ServerVad)
    input_format: AudioFormat = AudioFormat()
    output_format: AudioFormat = AudioFormat()
    transcription: dict[str, Any] | None = field(default_factory=dict)  # None: no transcription events
    noise_reduction: dict[str, Any] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: str | dict[str, Any] = "auto"
    parallel_tool_calls: bool = True
    truncation: str | dict[str, Any] = "auto"
    tracing: str | dict[str, Any] | None = None
    include: tuple[str, ...] = ()
    extensions: bool = False  # send `forethought.*` events

    @property
    def speaks(self) -> bool:
        """True when answers are audio with a transcript, False when they are text."""
        return self.output_modalities == ("audio",)

    def wire(self) -> dict[str, Any]:
        """The session object without `id`, `expires_at` and `forethought`, which the session adds."""
        transcription = None if self.transcription is None else {"model": self.model, **self.transcription}
        session: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "model": self.model,
            "output_modalities": list(self.output_modalities),
            "instructions": self.instructions,
            "tools": list(self.tools),
            "tool_choice": self.tool_choice,
            "parallel_tool_calls": self.parallel_tool_calls,
            "max_output_tokens": wire_tokens(self.max_output_tokens),
            "truncation": self.truncation,
            "reasoning": {"effort": self.effort},
            "tracing": self.tracing,
            "audio": {
                "input": {
                    "format": self.input_format.wire(),
                    "transcription": transcription,
                    "noise_reduction": self.noise_reduction,
                    "turn_detection": self.turn_detection.wire() if self.turn_detection else None,
                },
                "output": {"format": self.output_format.wire(), "voice": self.voice, "speed": self.speed},
            },
        }
        if self.include:
            session["include"] = list(self.include)
        return session


def wire_tokens(limit: int | None) -> int | str:
    return "inf" if limit is None else limit


def merged(
    config: SessionConfig, patch: SessionPatch | TranscriptionSession, *, default_voice: str, voice_frozen: bool = False
) -> tuple[SessionConfig, frozenset[str]]:
    """`config` with `patch` applied, and the names of the fields whose value is now another one.

    Raises `ClientError`: a transcription session, a stored prompt, or another voice after the first audio.
    """
    if isinstance(patch, TranscriptionSession):
        raise ClientError(
            "Transcription sessions are not served here; open a 'realtime' session and read its transcription events.",
            param="session.type",
            code="unsupported_session_type",
        )
    if patch.prompt is not None:
        raise ClientError(
            "Stored prompts do not exist here; send the text as 'instructions'.",
            param="session.prompt",
            code="unsupported_parameter",
        )
    changes = _top_level(patch)
    if patch.audio is not None and patch.audio.input is not None:
        changes |= _input(config, patch.audio.input)
    if patch.audio is not None and patch.audio.output is not None:
        changes |= output_changes(patch.audio.output, default_voice)
    if voice_frozen and changes.get("voice", config.voice) != config.voice:
        raise voice_is_frozen("session.audio.output.voice")
    after = replace(config, **changes)
    names = (entry.name for entry in fields(SessionConfig))
    return after, frozenset(name for name in names if getattr(after, name) != getattr(config, name))


def voice_is_frozen(param: str) -> ClientError:
    return ClientError(
        "The voice cannot change after the session has sent audio; open a new session for another voice.",
        param=param,
        code="cannot_update_voice",
    )


def output_changes(patch: OutputPatch, default_voice: str) -> dict[str, Any]:
    """What `audio.output` changes, for a session as for one response."""
    changes: dict[str, Any] = {}
    for name, value in patch.present().items():
        if name == "format":
            changes["output_format"] = AudioFormat(value.type) if value else AudioFormat()
        elif name == "voice":
            changes["voice"] = value.id if isinstance(value, VoiceId) else value or default_voice
        else:
            changes["speed"] = 1.0 if value is None else value
    return changes


# Top-level fields that are stored as they come; the value is what null clears to.
_PLAIN: dict[str, Any] = {
    "instructions": "",
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "truncation": "auto",
    "tracing": None,
}


def _top_level(patch: SessionPatch) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in patch.present().items():
        if name in _PLAIN:
            changes[name] = _PLAIN[name] if value is None else _plain(value)
        elif name == "output_modalities":
            changes[name] = tuple(value or ("audio",))
        elif name == "tools":
            changes[name] = tuple(_plain(tool) for tool in value or ())
        elif name == "include":
            changes[name] = tuple(value or ())
        elif name == "max_output_tokens":
            changes[name] = value if isinstance(value, int) else None
        elif name == "reasoning":
            changes["effort"] = (value.effort if value else None) or DEFAULT_EFFORT
        elif name == "forethought":
            changes["extensions"] = bool(value and value.events)
    return changes


def _input(config: SessionConfig, patch: InputPatch) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in patch.present().items():
        if name == "format":
            changes["input_format"] = AudioFormat(value.type) if value else AudioFormat()
        elif name == "turn_detection":
            changes[name] = _turn_detection(config.turn_detection, value)
        elif value is None:
            changes[name] = None
        else:  # transcription and noise_reduction: settings that are kept and shown
            before: dict[str, Any] = getattr(config, name) or {}
            sent = before | value.present()
            changes[name] = {key: entry for key, entry in sent.items() if entry is not None}
    return changes


def _turn_detection(before: TurnDetection | None, patch: TurnDetectionPatch | None) -> TurnDetection | None:
    """Another type begins from that type's defaults; the same type keeps what was not sent."""
    if patch is None:
        return None
    sent = {name: value for name, value in patch.present().items() if name != "type"}
    base: TurnDetection
    if isinstance(patch, ServerVadPatch):
        base = before if isinstance(before, ServerVad) else ServerVad()
    else:
        assert isinstance(patch, SemanticVadPatch)
        base = before if isinstance(before, SemanticVad) else SemanticVad()
    defaults = _as_dict(type(base)())
    return replace(base, **{name: defaults[name] if value is None else value for name, value in sent.items()})


def _plain(value: Any) -> Any:
    """A wire model as the JSON that was sent; anything else as it is."""
    return value.model_dump(exclude_unset=True) if isinstance(value, Wire) else value


def _as_dict(value: ServerVad | SemanticVad) -> dict[str, Any]:
    return {entry.name: getattr(value, entry.name) for entry in fields(value)}
