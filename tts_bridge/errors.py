"""What can go wrong between an answer's text and the ear. Knows nothing of the wire or of the rest of the server.

    TtsBridgeError
    ├── VoiceMisconfigured   the settings of a voice cannot work, or are refused (raised before any synthesis)
    ├── VoiceFailure         this text could not be turned into sound now; carries `voice`
    │   ├── VoiceUnavailable the program, library or server is not there, or refused
    │   ├── VoiceTimeout     it did not answer in time
    │   ├── VoiceOverloaded  too many texts are waiting for it already
    │   ├── EmptySpeech      it answered without any audible sound
    │   └── BadSpeech        it answered with something that is not the audio it promised, or too much of it
    └── PlayoutFull          more audio than the playout is allowed to hold

No message contains what was to be said. `code` is the machine-readable name; whoever owns the wire translates it.
"""

from __future__ import annotations


class TtsBridgeError(Exception):
    """Base of every error that tts_bridge raises on purpose."""

    code = "voice_error"
    retryable = False

    def __init__(self, message: str, *, voice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.voice = voice


class VoiceMisconfigured(TtsBridgeError):
    code = "voice_misconfigured"


class VoiceFailure(TtsBridgeError):
    code = "voice_failure"
    retryable = True


class VoiceUnavailable(VoiceFailure):
    code = "voice_unavailable"


class VoiceTimeout(VoiceFailure):
    code = "voice_timeout"


class VoiceOverloaded(VoiceFailure):
    code = "voice_overloaded"


class EmptySpeech(VoiceFailure):
    code = "voice_silent"


class BadSpeech(VoiceFailure):
    code = "voice_bad_audio"


class PlayoutFull(TtsBridgeError):
    code = "playout_full"
    retryable = True
