"""N-LEEP: LEEP for features without a source head; the components of a Gaussian mixture replace its classes.

A mixture of 5 C Gaussians is fitted to the principal components that explain 80% of the variance; the score is the LEEP
of its posteriors.

Reference: Li et al., "Ranking Neural Checkpoints", CVPR 2021. A public implementation averages probabilities instead of
their logarithms; here it is the mean of logarithms, as in the definition of LEEP.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from headstart.params import check_choice, check_number
from headstart.scores.inputs import check_classes, check_rows, class_spectrum, principal_rows
from headstart.scores.leep import leep
from headstart.scores.registry import CLASSES, MANY, RegisteredScore

__all__ = ["N_LEEP", "n_leep"]

ENERGY = 0.8  # share of the variance that the principal components explain, as published


def n_leep(
    x: ArrayLike,
    y: ArrayLike,
    *,
    components: int | None = None,
    covariance: Literal["diag", "full"] = "diag",
    seed: int = 0,
) -> float:
    """The LEEP of the posteriors of a Gaussian mixture fitted to the features without labels.

    The mixture needs many more rows than components, and the result depends on the seed.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes.
        components: of the mixture; default: 5 per class, but at most one for every 4 rows.
        covariance: ``"diag"`` (the default, since a component has too few rows for a full covariance and principal
            components are uncorrelated overall) or ``"full"`` as in the paper.
        seed: of the mixture's initialisation, default 0.

    Raises:
        ParameterError: if shapes, types or options are wrong.
        DataError: if a value is not finite, there is only one class, or all rows are the same.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 30)
        >>> informative, noise = 4 * y[:, None] + rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
        >>> n_leep(informative, y) > n_leep(noise, y)
        True
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    x = check_rows(x, "x", "n_leep")
    codes, classes = check_classes(y, len(x), "n_leep")
    check_choice(covariance, "covariance", "n_leep", ("diag", "full"))
    count = max(1, min(5 * classes, len(x) // 4)) if components is None else components
    check_number(count, "components", "n_leep", low=1, high=len(x), integer=True)
    spectrum = class_spectrum(x, codes, classes)
    energy = np.cumsum(spectrum.values)
    # the smallest number of leading components that explain 80% of the variance
    kept = 1 + int(np.searchsorted(energy, ENERGY * energy[-1])) if len(energy) else None
    z = principal_rows(spectrum, x, kept, "n_leep")
    # unit variance along the first component, since scikit-learn's variance floor is absolute
    z /= np.sqrt(spectrum.values[0] / len(x))
    mixture = GaussianMixture(count, covariance_type=covariance, random_state=seed)
    with warnings.catch_warnings():
        # too few distinct rows, or too few EM steps: the mixture is usable all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        posterior = mixture.fit(z).predict_proba(z)
    return leep(posterior, codes)


N_LEEP = RegisteredScore("n_leep", CLASSES, lambda x, y, _task, _groups, seed: n_leep(x, y, seed=seed), MANY)
