"""An architecture as a candidate: its columns, its head, and its exact leave-one-out or out-of-fold loss."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from headstart.errors import ParameterError
from headstart.heads.architecture import Architecture
from headstart.heads.contenders.contender import Contender
from headstart.heads.contenders.estimators import estimator_contenders
from headstart.heads.contenders.spectral import spectral_contenders
from headstart.heads.feature_map import FeatureMap, candidate_maps
from headstart.heads.fitted import Candidate
from headstart.heads.fusion.maps import scaled_map, spans_of
from headstart.heads.problem import Problem
from headstart.heads.registry import HEADS, EstimatorHead, SpectralHead, heads_for

__all__ = ["architecture_contender", "map_of"]


def map_of(problem: Problem, architecture: Architecture) -> FeatureMap:
    """The columns that an architecture reads, and how they are scaled.

    Several blocks have the same total variance, before the last one is multiplied by gamma.

    Args:
        problem: rows with their blocks.
        architecture: positions of blocks, gamma and scaling are used.

    Raises:
        ParameterError: for a block that the source does not have.

    Examples:
        >>> from headstart.types import Block, Task
        >>> rows, blocks = np.random.default_rng(0).normal(size=(50, 6)), (Block("stem", 2), Block("last", 4))
        >>> problem = Problem(rows, np.arange(50) % 2, Task("classification", ("a", "b")), blocks, None, 0)
        >>> both = map_of(problem, Architecture((0, 1), gamma=4.0))(rows)
        >>> (both[:, 2:].var(axis=0).sum() / both[:, :2].var(axis=0).sum()).round(6)     # gamma²
        np.float64(16.0)
    """
    blocks = problem.blocks
    if not blocks:
        plain, standardised = candidate_maps(problem.rows, ())
        return standardised if architecture.scaling == "standardised" else plain
    chosen = architecture.blocks or tuple(range(len(blocks)))
    if chosen[-1] >= len(blocks):
        raise ParameterError(f"An architecture reads block {chosen[-1]} of a source with {len(blocks)} blocks.")
    spans = [spans_of(blocks)[k] for k in chosen]
    if architecture.scaling == "standardised":
        spans = [replace(span, numbers=True) for span in spans]
    name = " + ".join(blocks[k].name for k in chosen)
    if len(spans) == 1 and not spans[0].numbers:
        only = spans[0]
        return FeatureMap(name, ((only.start, only.stop),), "unit_norm", width=problem.rows.shape[1])
    joined = scaled_map(name, spans, problem.rows)
    last = np.ones(joined.num_features)
    last[joined.num_features - (spans[-1].stop - spans[-1].start) :] = architecture.gamma
    return replace(joined, scale=joined.scale / last)


def architecture_contender(problem: Problem, architecture: Architecture) -> tuple[Contender, list[Candidate]]:
    """The candidate that an architecture stands for, and every λ that was tried for it.

    Ridge and LDA are compared by exact leave-one-out loss, logistic regression and neighbours by their own
    leave-one-out scores, cells by five-fold cross-validation that keeps groups together.

    Args:
        problem: rows and labels.
        architecture: what to fit.

    Raises:
        ParameterError: if the head does not support the task, or rows are weighted and it is not closed-form.

    Examples:
        >>> from headstart.types import Task
        >>> x = np.random.default_rng(0).normal(size=(90, 2))
        >>> y = (np.linalg.norm(x, axis=1) > 1.2).astype(int)
        >>> problem = Problem(x, y, Task("classification", ("in", "out")), (), None, 0)
        >>> plain = architecture_contender(problem, Architecture(head="ridge"))[0]
        >>> curved = architecture_contender(problem, Architecture(head="ridge", random_features=256))[0]
        >>> curved.candidate.loss < 0.5 * plain.candidate.loss
        True
    """
    (kind,) = heads_for(problem.task, (architecture.head,))
    feature_map = map_of(problem, architecture)
    if isinstance(kind, SpectralHead) and not architecture.expands:
        found, tried = spectral_contenders(problem, [feature_map], [kind])
        return min(found, key=lambda one: one.candidate.loss), tried
    if problem.weights is not None:
        raise ParameterError(
            "Class weights work only with heads that are solved in closed form ('ridge', 'lda'). Got the architecture "
            f"'{architecture}'; drop the class weights."
        )
    head = _estimator_head(problem, architecture, feature_map)
    contenders, tried = estimator_contenders(problem, feature_map, [head])
    return contenders[0], tried


def _estimator_head(problem: Problem, architecture: Architecture, feature_map: FeatureMap) -> EstimatorHead:
    if architecture.head == "cell":
        from headstart.heads.cell import CellKind

        widths = tuple(stop - start for start, stop in feature_map.blocks) if problem.blocks else None
        cell = CellKind(architecture.cell, widths, architecture.width, architecture.decay)
        return cast("EstimatorHead", cell)
    if not architecture.expands:
        return cast("EstimatorHead", HEADS[architecture.head])
    from headstart.heads.random_features import RandomFeaturesHead

    expanded = RandomFeaturesHead(
        architecture.head, architecture.projection, architecture.random_features, architecture.bandwidth
    )
    return cast("EstimatorHead", expanded)
