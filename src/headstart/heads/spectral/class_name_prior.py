"""Class-name prior: the encoded names or descriptions of the classes as the prior mean of a closed-form head.

The name or description of class c, encoded by the same source, is a row t_c. Added with weight w and label c it gives

    (X̃ᵀX̃ + wT̃ᵀT̃ + λI) B = X̃ᵀỸ + wT̃ᵀT̃_Y.

This is ridge regression that shrinks towards B₀, the head fitted on the class rows alone, in the metric
P = wT̃ᵀT̃ + λI: min ‖Ỹ - X̃B‖² + ‖P^½(B - B₀)‖². Without examples the result is B₀ (zero-shot); with more examples the
influence of B₀ fades continuously. LDA gets w further rows of each class in the same way. Leave-one-out losses of the
labelled rows stay exact; they choose w from 0 (no prior), 1 and 2, jointly with λ. Moments add up, so updating and
removing rows stay exact too.

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

# A weight of 4 is not offered: with one text per class the leave-one-out loss is noisy and prefers it, which cost 2.8
# points of accuracy on BANKING77 texts outside the draw (67.5 to 64.7, three draws). From 2 texts per class on it made
# no difference.
PRIOR_WEIGHTS = (0.0, 1.0, 2.0)


def prior_moments(prior: NDArray[Any], feature_map: FeatureMap, weight: float) -> Moments:
    """Moments of the class rows, each with the given weight and its own class as label.

    Args:
        prior: (C, d) source rows, one per class in the order of the task's labels.
        feature_map: from source rows to head rows.
        weight: of each class row, in rows, above 0.

    Examples:
        >>> prior_moments(np.eye(2), FeatureMap("rows", ((0, 2),), "none"), 2.0).w
        4.0
    """
    return Moments.from_rows(feature_map(prior), np.eye(len(prior)), np.full(len(prior), weight))


def spectra_with_prior(
    problem: Problem, feature_map: FeatureMap, spectrum: Spectrum, moments: Moments | None
) -> Iterator[tuple[float, Spectrum, Moments | None]]:
    """The spectrum for each prior weight, as (weight, spectrum, moments), starting without the class rows.

    If a class has no training rows, the spectrum without class rows is skipped, since it would make that class
    impossible.

    Args:
        problem: rows, labels and class rows; without class rows the given spectrum is returned unchanged.
        feature_map: from source rows to head rows.
        spectrum: of the mapped rows.
        moments: of the mapped rows, if the spectrum was computed from them.

    Yields:
        A prior weight, the spectrum that includes the class rows, and its moments or None.

    Examples:
        >>> from headstart.types import Task
        >>> x, identity = np.array([[0.0], [1.0]]), FeatureMap("rows", ((0, 1),), "none")
        >>> task = Task("classification", ("a", "b"))
        >>> problem = Problem(x, np.array([0, 1]), task, (), None, 0, prior=x)
        >>> found = spectra_with_prior(problem, identity, Spectrum.from_rows(x, np.eye(2)), None)
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
    """The spectrum of the rows plus class rows of the given weight, with its moments if those of the rows are given.

    Args:
        problem: rows and labels.
        prior: (C, d) class rows.
        feature_map: from source rows to head rows.
        moments: of the mapped rows, or None.
        weight: of each class row, above 0.

    Examples:
        >>> from headstart.types import Task
        >>> x, identity = np.array([[0.0], [1.0]]), FeatureMap("rows", ((0, 1),), "none")
        >>> problem = Problem(x, np.array([0, 1]), Task("classification", ("a", "b")), (), None, 0)
        >>> spectrum_with_prior(problem, x, identity, None, 2.0)[0].weight
        6.0
    """
    # class rows are further weighted rows, so their moments simply add
    if moments is not None:
        joined = moments + prior_moments(prior, feature_map, weight)
        return Spectrum.from_moments(joined), joined
    own = np.ones(len(problem.y)) if problem.weights is None else problem.weights
    x = np.concatenate([feature_map(problem.rows[:]), feature_map(prior)])
    y = np.concatenate([problem.targets[:], np.eye(len(prior))])
    return Spectrum.from_rows(x, y, np.concatenate([own, np.full(len(prior), weight)])), None
