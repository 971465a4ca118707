"""Zero-shot knowledge as the prior mean of a head: what the classes are called, as rows of the same features.

A class's name or description, encoded by the same source, is a row t_c. As a row of weight w with label c it makes

    (X̃ᵀX̃ + wT̃ᵀT̃ + λI) B = X̃ᵀỸ + wT̃ᵀT̃_Y,

the ridge fit that shrinks towards B₀, the head fitted on the class rows alone, in the metric P = wT̃ᵀT̃ + λI of that fit:
min ‖Ỹ - X̃B‖² + ‖P^½(B - B₀)‖². With no example it is B₀; with many, B₀ is forgotten; there is no break between the two.
The discriminants of LDA then have w further rows of each class. Left-out losses of the labelled rows stay exact and
choose w among 0 (no prior), 1 and 2, and λ with it. Moments add, so update and removal stay exact too.

References: Lampert, Nickisch & Harmeling, "Attribute-Based Classification for Zero-Shot Visual Object Categorization",
TPAMI 2014; Raiffa & Schlaifer, "Applied Statistical Decision Theory", 1961 (a conjugate prior as further data).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.heads.feature_map import FeatureMap
from headstart.heads.problem import Problem
from headstart.linear.moments import Moments
from headstart.linear.spectrum import Spectrum

__all__ = ["PRIOR_WEIGHTS", "prior_moments", "spectra_with_prior", "spectrum_with_prior"]

# With a single text a class left-out loss has little to go by and prefers 4, which lost 2.8 points on training texts of
# BANKING77 that were not drawn (67.5 to 64.7, three draws); from 2 texts on it made no difference.
PRIOR_WEIGHTS = (0.0, 1.0, 2.0)


def prior_moments(prior: NDArray[Any], feature_map: FeatureMap, weight: float) -> Moments:
    """Moments of the class rows, each of the given weight with its own class as label.

    Args:
        prior: (C, d) source rows, one a class in the order of the task's labels.
        feature_map: from source rows to head rows.
        weight: how many rows a class row counts for, above 0.

    Examples:
        >>> prior_moments(np.eye(2), FeatureMap("rows", ((0, 2),), "none"), 2.0).w
        4.0
    """
    return Moments.from_rows(feature_map(prior), np.eye(len(prior)), np.full(len(prior), weight))


def spectra_with_prior(
    problem: Problem, feature_map: FeatureMap, spectrum: Spectrum, moments: Moments | None
) -> Iterator[tuple[float, Spectrum, Moments | None]]:
    """The spectrum with each weight of the class rows: (weight, spectrum, moments), first without them.

    Where a class has no row, the spectrum without class rows is left out: it would call that class impossible.

    Args:
        problem: rows, labels and class rows; without class rows the spectrum comes back as it is.
        feature_map: from source rows to head rows.
        spectrum: of the mapped rows.
        moments: of the mapped rows, where the spectrum is theirs.

    Examples:
        >>> from headstart.types import Task
        >>> x, whole = np.array([[0.0], [1.0]]), FeatureMap("rows", ((0, 1),), "none")
        >>> task = Task("classification", ("a", "b"))
        >>> problem = Problem(x, np.array([0, 1]), task, (), None, 0, prior=x)
        >>> found = spectra_with_prior(problem, whole, Spectrum.from_rows(x, np.eye(2)), None)
        >>> [(weight, one.weight) for weight, one, _ in found]
        [(0.0, 2.0), (1.0, 4.0), (2.0, 6.0)]
    """
    if problem.prior is None:
        yield 0.0, spectrum, moments
        return
    for weight in PRIOR_WEIGHTS:
        if weight:
            yield weight, *spectrum_with_prior(problem, problem.prior, feature_map, moments, weight)
        elif len(np.unique(problem.y)) == problem.task.num_outputs:
            yield 0.0, spectrum, moments


def spectrum_with_prior(
    problem: Problem, prior: NDArray[Any], feature_map: FeatureMap, moments: Moments | None, weight: float
) -> tuple[Spectrum, Moments | None]:
    """The spectrum of rows and class rows of the given weight, with its moments where those of the rows are given.

    Args:
        problem: rows and labels.
        prior: (C, d) class rows.
        feature_map: from source rows to head rows.
        moments: of the mapped rows, or None.
        weight: of each class row, above 0.

    Examples:
        >>> from headstart.types import Task
        >>> x, whole = np.array([[0.0], [1.0]]), FeatureMap("rows", ((0, 1),), "none")
        >>> problem = Problem(x, np.array([0, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> spectrum_with_prior(problem, x, whole, None, 2.0)[0].weight
        6.0
    """
    if moments is not None:
        joined = moments + prior_moments(prior, feature_map, weight)
        return Spectrum.from_moments(joined), joined
    own = np.ones(len(problem.y)) if problem.weights is None else problem.weights
    x = np.concatenate([feature_map(problem.rows[:]), feature_map(prior)])
    y = np.concatenate([problem.targets[:], np.eye(len(prior))])
    return Spectrum.from_rows(x, y, np.concatenate([own, np.full(len(prior), weight)])), None
