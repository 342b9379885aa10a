"""The voices: engines, the talkers made from them, and `Voices`, which speaks a text and says where its words end."""

from training.data.voices.cast import FAMILIES, Speech, Voices
from training.data.voices.talker import Talker, Utterance

__all__ = ["FAMILIES", "Speech", "Talker", "Utterance", "Voices"]
