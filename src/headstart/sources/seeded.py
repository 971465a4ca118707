"""Small helpers that bodies share: random weights by seed, and a choice of blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

__all__ = ["seeded", "spread"]

T = TypeVar("T")


def seeded(seed: int, make: Callable[[], T]) -> T:
    """What ``make`` gives with torch's generator at ``seed``; the generator is put back afterwards.

    Examples:
        >>> import torch
        >>> bool((seeded(1, lambda: torch.rand(3)) == seeded(1, lambda: torch.rand(3))).all())
        True
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return make()


def spread(names: Sequence[str], most: int) -> list[str]:
    """At most ``most`` of the names, evenly spread, with the first and the last one.

    Examples:
        >>> spread("abcde", 3)
        ['a', 'c', 'e']
    """
    if len(names) <= most:
        return list(names)
    return [names[k] for k in np.linspace(0, len(names) - 1, most).round().astype(int)]
