"""The mind: what to run next for one conversation. Pure decisions over token ids; testable without weights."""

from realtime.mind.dialect import Dialect, SpecialTokens
from realtime.mind.mind import Mind, TurnState, Work
from realtime.mind.trunk import Item, Trunk

__all__ = ["Dialect", "Item", "Mind", "SpecialTokens", "Trunk", "TurnState", "Work"]
