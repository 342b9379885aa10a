"""One voice per file. Import what you need from here; `tts_bridge.open_voice` opens one from settings."""

from tts_bridge.voices.espeak import EspeakVoice
from tts_bridge.voices.hibari import HibariVoice
from tts_bridge.voices.openai_speech import OpenAISpeechVoice

__all__ = ["EspeakVoice", "HibariVoice", "OpenAISpeechVoice"]
