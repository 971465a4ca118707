"""The head that was trained together with its body."""

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
        >>> TRAINED.name
        'trained'
    """

    name: str = "trained"
    tasks: frozenset[str] = frozenset()
    complexity: int = 1


TRAINED = TrainedHead()
