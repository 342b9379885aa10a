"""The one error tree. It knows nothing of sockets, models or the wire format.

    ForethoughtError
    ├── ConfigurationError      what the operator set cannot work (local fault)
    │   ├── CheckpointError     weights are missing, damaged or not what they claim to be
    │   └── TapeError           a recording is damaged, or of a version or model that is not here
    ├── ClientError             what a client sent is wrong (remote fault); carries `param`
    │   ├── AudioError          audio that cannot be used: rate, width, NaN, empty
    │   └── LimitError          a limit was passed: size, rate, number of sessions
    ├── EngineError             the engine failed or is gone
    │   ├── EngineLost          the engine process died; a new one is being started
    │   └── EngineOverloaded    no KV blocks or queue room left for this work
    └── VoiceError              a voice gave no usable audio

Each message says what was wrong, where, and what to do. No message contains what was said or heard.
`code` is the machine-readable name that reaches the wire; the translation happens once, in `realtime.protocol`.
"""

from __future__ import annotations


class ForethoughtError(Exception):
    """Base of every error that Forethought raises on purpose."""

    code = "internal_error"
    retryable = False

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code


class ConfigurationError(ForethoughtError):
    code = "configuration_error"


class CheckpointError(ConfigurationError):
    code = "checkpoint_error"


class TapeError(ConfigurationError):
    code = "tape_error"


class ClientError(ForethoughtError):
    code = "invalid_request"


class AudioError(ClientError):
    code = "invalid_audio"


class LimitError(ClientError):
    code = "limit_exceeded"


class EngineError(ForethoughtError):
    code = "engine_error"


class EngineLost(EngineError):
    code = "engine_lost"
    retryable = True


class EngineOverloaded(EngineError):
    code = "engine_overloaded"
    retryable = True


class VoiceError(ForethoughtError):
    code = "voice_error"
    retryable = True
