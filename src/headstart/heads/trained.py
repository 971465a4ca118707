"""Trained head: the linear layer trained jointly with its body by a fine-tuning strategy.

Command: headstart fit DATA --strategy full
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRAINED", "TrainedHead"]


@dataclass(frozen=True)
class TrainedHead:
    """A linear head trained by gradient descent; fine-tuning strategies create it, head selection never does.

    Attributes:
        name: ``"trained"``.
        tasks: empty, since it is no candidate for the features of a frozen body.
        complexity: 1, linear.

    Examples:
        >>> from headstart.heads.registry import HEADS
        >>> HEADS["trained"].name, sorted(HEADS["trained"].tasks)
        ('trained', [])
    """

    name: str = "trained"
    tasks: frozenset[str] = frozenset()
    complexity: int = 1


TRAINED = TrainedHead()
