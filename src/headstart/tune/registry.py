"""The registry of strategies."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from headstart.model import TransferModel
from headstart.registry import Registry
from headstart.types import Features, Source, Task

__all__ = ["STRATEGIES", "Strategy"]


@runtime_checkable
class Strategy(Protocol):
    """A way to transfer; implementations are frozen dataclasses whose fields are the strategy's settings.

    Examples:
        >>> isinstance(STRATEGIES["frozen"], Strategy)
        True
    """

    def fit(self, source: Source, train: Features, task: Task, *, seed: int) -> TransferModel:
        """A model for ``task`` from labelled ``train`` rows that ``source`` gave."""
        ...


STRATEGIES: Registry[Strategy] = Registry("strategy", "strategies")
STRATEGIES.register("frozen", "headstart.tune.frozen:FROZEN")
