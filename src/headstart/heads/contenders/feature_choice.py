"""What passes between the choice of features and the choice of the head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headstart.heads.contenders.contender import Contender
from headstart.heads.feature_map import FeatureMap
from headstart.heads.fitted import Candidate

__all__ = ["Contend", "FeatureChoice"]

Contend = Callable[[Sequence[FeatureMap]], tuple[list[Contender], list[Candidate]]]
"""Gives the contenders of feature maps, and everything that was tried for them."""


@dataclass(frozen=True, eq=False)
class FeatureChoice:
    """Features in the running.

    Attributes:
        contenders: heads on them with their left-out evidence.
        tried: everything that was compared.
        notes: what was found, in one sentence each.

    Examples:
        >>> FeatureChoice([], [], ("Fusing does not help here.",)).notes
        ('Fusing does not help here.',)
    """

    contenders: Sequence[Contender]
    tried: Sequence[Candidate]
    notes: tuple[str, ...] = ()
