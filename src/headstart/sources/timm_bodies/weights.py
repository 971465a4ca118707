"""Random weights of a timm body."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headstart.sources.bodies.seeded import initialization_key, seeded
from headstart.sources.bodies.weights import Weights
from headstart.sources.timm_bodies.module import TimmSpec, build

if TYPE_CHECKING:
    from torch import nn

__all__ = ["random_weights"]


def random_weights(spec: TimmSpec, seed: int) -> Weights[Callable[[], nn.Module]]:
    """Random weights, the same for the same seed.

    Examples:
        >>> random_weights(TimmSpec("test_resnet"), 0).digest[:17]
        'untrained, seed 0'
    """
    return Weights(initialization_key(seed), lambda: seeded(seed, lambda: build(spec)))
