"""Answer text to sound: segmenter, spoken form, voices, playout. Imports none of the other rooms."""

from tts_bridge.catalogue import open_voice
from tts_bridge.errors import (
    BadSpeech,
    EmptySpeech,
    PlayoutFull,
    TtsBridgeError,
    VoiceFailure,
    VoiceMisconfigured,
    VoiceOverloaded,
    VoiceTimeout,
    VoiceUnavailable,
)
from tts_bridge.fallback import FallbackVoice
from tts_bridge.levels import ready_for_playout, resample, trim_silence, with_pause
from tts_bridge.playout import Heard, Playout, PlayoutFrame, PlayoutSnapshot
from tts_bridge.segmenter import Break, Clause, ClauseLimits, Segmenter
from tts_bridge.spoken import spoken
from tts_bridge.voice import Pcm, Voice, VoiceSettings

__all__ = [
    "BadSpeech",
    "Break",
    "Clause",
    "ClauseLimits",
    "EmptySpeech",
    "FallbackVoice",
    "Heard",
    "Pcm",
    "Playout",
    "PlayoutFrame",
    "PlayoutFull",
    "PlayoutSnapshot",
    "Segmenter",
    "TtsBridgeError",
    "Voice",
    "VoiceFailure",
    "VoiceMisconfigured",
    "VoiceOverloaded",
    "VoiceSettings",
    "VoiceTimeout",
    "VoiceUnavailable",
    "open_voice",
    "ready_for_playout",
    "resample",
    "spoken",
    "trim_silence",
    "with_pause",
]
