"""Recorded speech out of two free adventure games with full voice acting. It knows their files and no model.

Both are in Debian's main section, free to share and to change: Flight of the Amazon Queen (4.6 h, many actors, its
script among the data, so nearly every line comes with what was to be said) and Beneath a Steel Sky (2.2 h, without
its script here: a labeller has to write it down). Nothing of either is part of this repository.
"""

from training.data.talkies.utterance import Talkie, TalkieUnreadable, Utterance, open_talkie

__all__ = ["Talkie", "TalkieUnreadable", "Utterance", "open_talkie"]
