"""The mind: what to run next for one conversation. Pure decisions over token ids; testable without weights."""

from realtime.mind.dialect import Dialect, SpecialTokens
from realtime.mind.mind import Mind
from realtime.mind.pace import Order, ThinkingPlan
from realtime.mind.trunk import Item, Trunk
from realtime.mind.turn import TurnState
from realtime.mind.work import Work

__all__ = ["Dialect", "Item", "Mind", "Order", "SpecialTokens", "ThinkingPlan", "Trunk", "TurnState", "Work"]
