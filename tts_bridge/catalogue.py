"""Every voice there is, by kind: the one place that knows them all. A new voice is a file and a case here."""

from __future__ import annotations

from tts_bridge.errors import VoiceMisconfigured
from tts_bridge.fallback import FallbackVoice
from tts_bridge.voice import Voice, VoiceSettings
from tts_bridge.voices.espeak import EspeakVoice
from tts_bridge.voices.hibari import HibariVoice
from tts_bridge.voices.openai_speech import OpenAISpeechVoice


def open_voice(settings: VoiceSettings) -> Voice:
    """The voice that `settings` ask for, with espeak-ng behind it where that is wanted and installed.

    Loads nothing yet: see `Voice.warm_up`. Raises VoiceMisconfigured.
    """
    voice = _open(settings)
    if not settings.fallback or settings.kind == "espeak":
        return voice
    espeak = EspeakVoice(program=settings.program, timeout_s=settings.timeout_s)
    return FallbackVoice(voice, espeak, settings.timeout_s) if espeak.is_installed() else voice


def _open(settings: VoiceSettings) -> Voice:
    match settings.kind:
        case "hibari":
            return HibariVoice(settings.speaker, allow_download=settings.allow_download)
        case "espeak":
            return EspeakVoice(settings.speaker, program=settings.program, timeout_s=settings.timeout_s)
        case "openai":
            return OpenAISpeechVoice(
                settings.url,
                model=settings.model,
                speaker=settings.speaker,
                response_format=settings.response_format,
                pcm_rate_hz=settings.pcm_rate_hz,
                api_key=settings.api_key,
                timeout_s=settings.timeout_s,
            )
        case _:
            raise VoiceMisconfigured(f"no voice of kind {settings.kind!r}: use hibari, espeak or openai")
