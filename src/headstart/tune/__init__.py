"""Strategies: how knowledge is transferred from a source to a target task."""

from headstart.tune.frozen import FrozenFeatures
from headstart.tune.registry import STRATEGIES, Strategy

__all__ = ["STRATEGIES", "FrozenFeatures", "Strategy"]
