"""Trained head: the linear layer that was trained together with its body.

Command: headstart fit DATA --strategy full
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRAINED", "TrainedHead"]


@dataclass(frozen=True)
class TrainedHead:
    """A linear head whose weights came from gradients; strategies that move the body make it, nothing chooses it.

    Attributes:
        name: ``"trained"``.
        tasks: none: it never competes for the rows of a frozen body.
        complexity: 1: it is linear.

    Examples:
        >>> from headstart.heads.registry import HEADS
        >>> HEADS["trained"].name, sorted(HEADS["trained"].tasks)
        ('trained', [])
    """

    name: str = "trained"
    tasks: frozenset[str] = frozenset()
    complexity: int = 1


TRAINED = TrainedHead()
