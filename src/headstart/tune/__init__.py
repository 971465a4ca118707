"""Strategies: how knowledge is transferred from a source to a target task.

Those that fine-tune the body import torch, so they are loaded on first use: by name, ``STRATEGIES["lp_ft"]``, or from
their own modules. A strategy is one module and one line in `registry`; what strategies share is in the sub-packages.
"""

from headstart.tune.frozen import FrozenFeatures
from headstart.tune.moving.contract import MovingStrategy
from headstart.tune.registry import MOVING, STRATEGIES, Strategy, fit
from headstart.tune.training.settings import Budget, Training

__all__ = ["MOVING", "STRATEGIES", "Budget", "FrozenFeatures", "MovingStrategy", "Strategy", "Training", "fit"]
