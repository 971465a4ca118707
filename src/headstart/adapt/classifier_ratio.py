"""Classifier ratio: importance weights of source rows from a classifier that tells the domains apart.

    w(x) = p(target | x) / p(source | x) · n / m.

The classifier is a ridge fit of the domain. Its probabilities are those of exact leave-one-out scores, calibrated by
Platt scaling, so that a row's own membership does not make its weight.

References: Bickel, Brückner & Scheffer, "Discriminative Learning Under Covariate Shift", JMLR 2009; Sugiyama, Krauledat
& Müller, "Covariate Shift Adaptation by Importance Weighted Cross Validation", JMLR 2007.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.adapt.domains.rows import check_domains
from headstart.adapt.domains.weights import checked_weights, effective_size
from headstart.linear.affine import AffineMap, identity_map
from headstart.linear.calibration import fit_platt
from headstart.linear.leave_out import leave_one_out
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.params import check_number

__all__ = ["ClassifierRatio"]

Array = NDArray[np.float64]


@dataclass
class ClassifierRatio:
    """Weights by the ratio of a domain classifier's probabilities; both domains stay as they are.

    Args:
        flatten: exponent of the ratios, 0 to 1; default 1. Smaller ones vary less, at the price of a bias.
        bound: the largest ratio before flattening, default 1000.

    Attributes:
        weights: (n,) weights of the source rows, of mean 1, after fitting.
        effective: effective sample size of the weights.
        lam: the classifier's λ, of the least leave-one-out squared error.
        target_map_: the identity.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> xs, xt = rng.normal(size=(200, 1)), 0.5 + rng.normal(size=(100, 1))
        >>> weights = ClassifierRatio().fit(xs, xt).weights          # the ratio is e^(0.5 x - 0.125)
        >>> slope = np.polyfit(xs[:, 0], np.log(weights), 1)[0]
        >>> bool(0.2 < slope < 0.8)
        True
    """

    flatten: float = 1.0
    bound: float = 1000.0
    weights: Array = field(init=False, repr=False)
    effective: float = field(init=False, repr=False)
    lam: float = field(init=False, repr=False)
    target_map_: AffineMap = field(init=False, repr=False)

    def fit(self, xs: ArrayLike, xt: ArrayLike, ys: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Fit the classifier, and take the ratios of its left-out probabilities for the source rows.

        Args:
            xs: (n, d) source rows.
            xt: (m, d) target rows.
            ys: not used; the contract has it.

        Raises:
            ParameterError: if shapes or options are wrong.
            DataError: if a domain has fewer than two rows, a value is not finite, or the weights amount to fewer than a
                tenth of the rows.
        """
        check_number(self.flatten, "flatten", "ClassifierRatio", low=0, high=1)
        check_number(self.bound, "bound", "ClassifierRatio", low=0, open_low=True)
        source, target = check_domains(xs, xt, "ClassifierRatio")
        n, m = len(source), len(target)
        rows, side = np.concatenate([source, target]), np.r_[np.zeros(n), np.ones(m)]
        spectrum = Spectrum.from_rows(rows, side[:, None])
        path = leave_one_out(spectrum, rows, side[:, None], lambda_grid(spectrum))
        best = min(path, key=lambda left: float(((left.predictions[:, 0] - side) ** 2).mean()))
        self.lam = best.lam
        # the mean of the domain without a row is lower for target rows, which alone would separate the domains
        scores = best.predictions[:, 0] - (m - side) / (n + m - 1)
        slope, intercept = fit_platt(scores, side.astype(np.intp))
        if slope <= 0:  # left-out rows are not told apart better than by chance
            slope, intercept = 0.0, np.log(m / n)
        # p / (1 - p) = e^(slope · score + intercept)
        ratio = np.exp(np.minimum(slope * scores[:n] + intercept + np.log(n / m), np.log(self.bound)))
        self.weights = checked_weights(ratio, self.flatten, "ClassifierRatio")
        self.effective = effective_size(self.weights)
        self.target_map_ = identity_map(source.shape[1])
        return self

    def transform(self, x: ArrayLike) -> NDArray[Any]:
        """Target rows (n, d), as they are.

        Args:
            x: (n, d) target rows.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)

    def transform_source(self, x: ArrayLike) -> NDArray[Any]:
        """Source rows (n, d), as they are: a head takes ``weights`` into account.

        Args:
            x: (n, d) source rows.

        Raises:
            ParameterError: if d is wrong.
        """
        return self.target_map_.apply(x)
