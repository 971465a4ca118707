"""TransRate: the mutual information of features and labels, estimated by coding rates.

    TrR = R(Z) - Σ_c (n_c/n) R(Z_c),   R(Z) = ½ ln det(I + ZᵀZ/(nε)),

for rows Z that are centred and scaled to tr cov(Z) = 1, since R depends on the scale of the features. Classes are
weighted by their frequency, which makes the difference a mutual information and never negative. The published code
weights them equally, which is the same for balanced classes. Determinants use the smaller of ZᵀZ and ZZᵀ.

Reference: Huang, Huang, Rong, Yang & Wei, "Frustratingly Easy Transferability Estimation", ICML 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headstart.errors import DataError
from headstart.params import check_number
from headstart.scores.inputs import check_classes, check_rows, class_spectrum
from headstart.scores.registry import CLASSES, RegisteredScore

__all__ = ["TRANSRATE", "transrate"]


def transrate(x: ArrayLike, y: ArrayLike, *, epsilon: float = 1e-4) -> float:
    """The reduction in coding rate when labels are known, in nats.

    Args:
        x: (n, d) features.
        y: (n,) integer class codes.
        epsilon: the distortion ε above 0, as a share of the total variance; default 1e-4, as published.

    Raises:
        ParameterError: if shapes or types are wrong, or ε is not positive.
        DataError: if a value is not finite, there is only one class, or all rows are the same.

    Examples:
        >>> x = np.array([[-1.0], [-1.0], [1.0], [1.0]])
        >>> transrate(x, [0, 1, 0, 1])
        0.0
        >>> y = np.repeat([0, 1], 20)
        >>> z = y[:, None] * [2.0, 0.0] + np.random.default_rng(0).normal(size=(40, 2))
        >>> transrate(z, y) > transrate(z, np.tile([0, 1], 20))
        True
    """
    x = check_rows(x, "x", "transrate")
    codes, classes = check_classes(y, len(x), "transrate")
    check_number(epsilon, "epsilon", "transrate", low=0, open_low=True)
    spectrum = class_spectrum(x, codes, classes)
    if not len(spectrum.values):
        raise DataError(f"transrate needs features that differ between rows. All {len(x)} rows are the same.")
    n, scale = len(x), float(spectrum.values.sum()) / len(x)
    # R(Z) from the eigenvalues: ln det = Σ ln(1 + s²/(nε)); instead of scaling rows, ε is multiplied by the variance
    rate = 0.5 * float(np.log1p(spectrum.values / (n * epsilon * scale)).sum())
    parts = (np.asarray(x[codes == c] - spectrum.mean, dtype=np.float64) for c in range(classes))
    return rate - sum(len(rows) / n * _rate(rows, epsilon * scale) for rows in parts)


def _rate(rows: NDArray[np.float64], epsilon: float) -> float:
    n, d = rows.shape
    # Sylvester: det(I + ZᵀZ) = det(I + ZZᵀ), so the smaller matrix is enough
    gram = rows.T @ rows if d < n else rows @ rows.T
    return 0.5 * float(np.linalg.slogdet(np.eye(len(gram)) + gram / (n * epsilon))[1])


TRANSRATE = RegisteredScore("transrate", CLASSES, lambda x, y, _task, _groups, _seed: transrate(x, y))
