"""LogME: log maximum evidence of the labels under Bayesian linear regression on the features.

The evidence of each column of one-hot labels (or of values) from `headstart.scores.evidence`, divided by n and averaged
over columns. With (a, b) at the maximum, g = Σv/(v+t), m² = Σ vx²/(v+t)² and r² = Σx²t²/(v+t)² + ‖y‖² - ‖x‖²,

    ln p = (k/2) ln a + (n/2) ln b - ½ Σ_{i<=k} ln(a + bv_i) - (b/2) r² - (a/2) m² - (n/2) ln 2π,   k = rank(F).

Widely used code has d in place of k, although its log-determinant has k terms. It therefore rates features higher if
they have more columns than their rank; appending columns of zeros is enough.

Reference: You, Liu, Wang & Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", ICML 2021.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from headstart.scores.evidence import gaussian_evidence, spectrum_evidence
from headstart.scores.inputs import check_classes, check_rows, class_spectrum, one_hot
from headstart.scores.registry import EVERY_TASK, RegisteredScore

__all__ = ["LOGME", "logme"]


def logme(x: ArrayLike, y: ArrayLike, *, intercept: bool = True) -> float:
    """The mean maximal log evidence per row, in nats; comparable between sources on the same rows.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes, or (n, k) targets of regression or multi-label tasks.
        intercept: whether to include an intercept, default true; false gives the model of the paper.

    Raises:
        ParameterError: if shapes or types are wrong.
        DataError: if a value is not finite, there is only one class, or a target does not vary.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> y = np.repeat([0, 1], 20)
        >>> informative, noise = y[:, None] + rng.normal(size=(40, 3)) / 4, rng.normal(size=(40, 3))
        >>> logme(informative, y) > logme(noise, y)
        True
        >>> padded = np.hstack([informative, np.zeros((40, 400))])
        >>> abs(logme(padded, y) - logme(informative, y)) < 1e-10
        True
    """
    x = check_rows(x, "x", "logme", minimum=3)
    if np.ndim(y) == 2:
        return float(gaussian_evidence(x, y, intercept=intercept).per_row.mean())
    codes, classes = check_classes(y, len(x), "logme")
    if not intercept:
        return float(gaussian_evidence(x, one_hot(codes, classes), intercept=False).per_row.mean())
    return float(spectrum_evidence(class_spectrum(x, codes, classes)).per_row.mean())


LOGME = RegisteredScore("logme", EVERY_TASK, lambda x, y, _task, _groups, _seed: logme(x, y))
