"""OpenAI Realtime (GA) without I/O: client events in, server events and commands out.

It knows nothing of sockets, tasks, clocks, weights or how anything is carried out.
"""

from realtime.protocol.commands import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    Command,
    CommitAudio,
    ConfigChanged,
    CreateResponse,
    DropItem,
    PutItem,
    Reaction,
    ResponseParams,
    ServerEvent,
    TruncateItem,
    Usage,
)
from realtime.protocol.config import AudioFormat, SemanticVad, ServerVad, SessionConfig, TurnDetection, merged
from realtime.protocol.events import CLIENT_EVENT_TYPES, MAX_EVENT_BYTES, validate_session
from realtime.protocol.faults import error_body, http_error_body
from realtime.protocol.ids import CountedIds, IdSource, RandomIds
from realtime.protocol.secrets import ClientSecret, ClientSecrets
from realtime.protocol.session import ProtocolSession

__all__ = [
    "CLIENT_EVENT_TYPES",
    "MAX_EVENT_BYTES",
    "AppendAudio",
    "AudioFormat",
    "CancelResponse",
    "ClearAudio",
    "ClearOutput",
    "ClientSecret",
    "ClientSecrets",
    "Command",
    "CommitAudio",
    "ConfigChanged",
    "CountedIds",
    "CreateResponse",
    "DropItem",
    "IdSource",
    "ProtocolSession",
    "PutItem",
    "RandomIds",
    "Reaction",
    "ResponseParams",
    "SemanticVad",
    "ServerEvent",
    "ServerVad",
    "SessionConfig",
    "TruncateItem",
    "TurnDetection",
    "Usage",
    "error_body",
    "http_error_body",
    "merged",
    "validate_session",
]
