"""Proxy A-distance: how well a linear classifier separates the rows of two domains.

    PAD = 2 (1 - 2ε),   ε = the leave-one-out error, averaged over the two domains, clipped to at most ½.

0 means that the domains cannot be distinguished, 2 that they are separated without error; lower means closer. ε is the
exact leave-one-out error of a balanced ridge classifier (`headstart.linear`), which needs no held-out rows, no gradient
training and no seed. Implementations that train a classifier by SGD depend on the last epoch and can be negative.

Reference: Ben-David, Blitzer, Crammer & Pereira, "Analysis of Representations for Domain Adaptation", NIPS 2006.

Command: - (it compares two domains; Python)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.linear.leave_out import leave_one_out
from headstart.linear.ridge import lambda_grid
from headstart.linear.spectrum import Spectrum
from headstart.scores.inputs import check_rows, draw_rows

__all__ = ["proxy_a_distance"]

Array = NDArray[np.float64]


def proxy_a_distance(xs: ArrayLike, xt: ArrayLike, *, max_rows: int = 5000, seed: int = 0) -> float:
    """The distance of two domains, from 0 (indistinguishable) to 2.

    λ is the value of `lambda_grid` with the lowest leave-one-out squared error. Each domain has half of the weight.

    Args:
        xs: (n, d) source-domain rows.
        xt: (m, d) target-domain rows.
        max_rows: maximum number of rows per domain whose leave-one-out errors are counted, default 5,000; all rows are
            fitted.
        seed: of the random choice of these rows, default 0.

    Raises:
        ParameterError: if shapes are wrong.
        DataError: if a domain has fewer than 2 rows or a value is not finite.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(40, 2))
        >>> proxy_a_distance(x, x + 100), proxy_a_distance(x, x)
        (2.0, 0.0)
    """
    xs = check_rows(xs, "xs", "proxy_a_distance")
    xt = check_rows(xt, "xt", "proxy_a_distance", columns=xs.shape[1])
    n, m = len(xs), len(xt)
    side = np.concatenate([np.full(n, -1.0), np.full(m, 1.0)])
    # each domain has the total weight (n+m)/2, for any numbers of rows
    weights = np.where(side < 0, 0.5 * (n + m) / n, 0.5 * (n + m) / m)
    rows = np.concatenate([xs, xt])
    spectrum = Spectrum.from_rows(rows, side[:, None], weights)
    drawn = np.concatenate([draw_rows(n, max_rows, seed), n + draw_rows(m, max_rows, seed)])
    truth = side[drawn]
    path = leave_one_out(spectrum, rows[drawn], truth[:, None], lambda_grid(spectrum), sample_weight=weights[drawn])
    _, error = min(_errors(left.predictions[:, 0], truth) for left in path)
    # an error above chance counts as chance
    return 2 * (1 - 2 * min(error, 0.5))


def _errors(predictions: Array, truth: Array) -> tuple[float, float]:
    """Squared error and error rate, averaged over the two domains; a prediction of exactly 0 is half an error."""
    squared = (predictions - truth) ** 2
    wrong = 0.5 * (1 - np.sign(predictions) * truth)
    source = truth < 0
    return (
        0.5 * float(squared[source].mean() + squared[~source].mean()),
        0.5 * float(wrong[source].mean() + wrong[~source].mean()),
    )
