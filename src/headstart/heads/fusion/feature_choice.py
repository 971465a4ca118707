"""Compare candidate features by leave-one-out loss (layers of one source, or several sources alone and fused)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from headstart.heads.contenders.contender import FeatureChoice
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.feature_map import candidate_maps
from headstart.heads.fusion.choice import choose_fusion
from headstart.heads.fusion.head2toe import selection_contender
from headstart.heads.fusion.maps import is_fused, scaled_map, spans_of
from headstart.heads.problem import HeadSearch, Problem
from headstart.heads.registry import SpectralHead

__all__ = ["choose_features"]


def choose_features(problem: Problem, search: HeadSearch, heads: Sequence[SpectralHead]) -> FeatureChoice:
    """Compare feature maps by the leave-one-out loss of closed-form heads.

    Args:
        problem: rows and labels.
        search: ``layers`` and, for several sources, ``fusion`` are used.
        heads: the closed-form heads to fit on each feature map.

    Examples:
        >>> import numpy as np
        >>> from headstart.heads.ridge import RIDGE
        >>> from headstart.types import Task
        >>> problem = Problem(np.eye(4), np.array([0, 0, 1, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> [one.feature_map.name for one in choose_features(problem, HeadSearch(), [RIDGE]).contenders]
        ['rows as they are', 'standardised rows']
    """
    contend = partial(spectral_contenders, problem, heads=heads)
    if is_fused(problem.blocks):
        return choose_fusion(problem, search, contend)
    found, tried = contend(candidate_maps(problem.rows, problem.blocks, search.layers))
    if search.layers == "select" and len(problem.blocks) > 1:
        all_blocks = scaled_map("all blocks", spans_of(problem.blocks), problem.rows)
        contender, more = selection_contender(problem, all_blocks, f"selected of {len(problem.blocks)} blocks", contend)
        found, tried = [*found, contender], [*tried, *more]
    return FeatureChoice(found, tried)
