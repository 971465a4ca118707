"""Where the weights of a timm body come from: a file, or random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.sources.bodies.seeded import initialization_key, seeded
from headstart.sources.timm_bodies.module import TimmSpec, build

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Weights", "random_weights"]


@dataclass(frozen=True)
class Weights:
    """The origin of a body's weights.

    Attributes:
        digest: identifies them: the sha256 digest of their file, or a description.
        load: returns the body with the weights.
        file: the safetensors file; None if there is none.
        lasting: whether a later process can load them again.
        note: returns what went wrong when they were loaded that the user can fix; empty if nothing did.

    Examples:
        >>> Weights("0" * 64, load=lambda: None).file is None
        True
    """

    digest: str
    load: Callable[[], nn.Module]
    file: Path | None = None
    lasting: bool = True
    note: Callable[[], str] = lambda: ""


def random_weights(spec: TimmSpec, seed: int) -> Weights:
    """Random weights, the same for the same seed.

    Examples:
        >>> random_weights(TimmSpec("test_resnet"), 0).digest[:17]
        'untrained, seed 0'
    """
    return Weights(initialization_key(seed), lambda: seeded(seed, lambda: build(spec)))
