"""How a session opens: the operator's settings and the client's wishes become its protocol. Knows no wire."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from realtime.protocol import (
    IdSource,
    ProtocolSession,
    SemanticVad,
    ServerVad,
    SessionConfig,
    merged,
    validate_session,
)
from realtime.settings import Settings
from realtime.transport.link import WireKind

MODEL_NAME = "forethought"


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a session before its first event."""

    transport: WireKind
    output_rate_hz: int
    session: dict[str, Any] | None  # the client's first settings, as it sent them
    extensions: bool
    human_speech: str
    expires_at: int


def session_defaults(settings: Settings) -> SessionConfig:
    """What a session begins with when the client asks for nothing."""
    turns = settings.turns
    detection = SemanticVad(eagerness=turns.eagerness) if turns.detection == "semantic_vad" else ServerVad()
    base = SessionConfig(model=MODEL_NAME, voice=settings.speech.voice)
    return replace(base, turn_detection=detection, effort=settings.thinking.effort)


def open_protocol(settings: Settings, opening: Opening, ids: IdSource) -> ProtocolSession:
    """The session's protocol. Raises `ClientError` where the client's settings cannot be."""
    config = session_defaults(settings)
    if opening.session:
        patch = validate_session({"type": "realtime", **opening.session})
        config, _ = merged(config, patch, default_voice=config.voice)
    return ProtocolSession(
        session_id=ids.new("sess"),
        model=config.model,
        voice=config.voice,
        transport=opening.transport,
        human_speech=opening.human_speech,
        ids=ids,
        defaults=config,
        extensions=opening.extensions,
        expires_at=opening.expires_at,
    )
