"""Kolmogorov-Smirnov and chi-squared tests of single columns: which columns of a table have shifted.

A column of more than ten different values is tested by the two-sample Kolmogorov-Smirnov test, another by the
chi-squared test of its values, of which those too rare for it (fewer than five expected) are put together. The p-values
of all columns are corrected by Holm's method.

Reference: Massey, "The Kolmogorov-Smirnov Test for Goodness of Fit", JASA 1951; Rabanser, Günnemann & Lipton, "Failing
Loudly: An Empirical Study of Methods for Detecting Dataset Shift", NeurIPS 2019.
Command: headstart drift RUN NEW.csv
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.intervals.holm import holm

__all__ = ["FeatureShift", "feature_shifts"]

Array = NDArray[np.float64]
MOST_LEVELS = 10
LEAST_EXPECTED = 5.0


@dataclass(frozen=True)
class FeatureShift:
    """How one column differs between two samples.

    Attributes:
        name: of the column.
        test: ``"KS"`` or ``"chi-squared"``.
        statistic: largest distance of the distribution functions, or chi-squared.
        p_value: of this column alone.
        p_holm: corrected for all columns.
        moved: mean of the new values minus that of the reference, in standard deviations of the reference; nan where
            these are all equal.

    Examples:
        >>> FeatureShift("age", "KS", 0.4, 0.001, 0.004, 0.8).p_holm
        0.004
    """

    name: str
    test: str
    statistic: float
    p_value: float
    p_holm: float
    moved: float


def feature_shifts(reference: Array, new: Array, names: Sequence[str]) -> tuple[FeatureShift, ...]:
    """Test every column; the surest first.

    Args:
        reference: (m, d) rows that are independent of each other.
        new: (k, d) rows, likewise.
        names: of the d columns.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> found = feature_shifts(rng.normal(size=(80, 2)), rng.normal(size=(50, 2)) + [0, 1], ["age", "weight"])
        >>> found[0].name, found[0].test, found[0].p_holm < 0.01, found[1].p_holm > 0.05
        ('weight', 'KS', True, True)
    """
    tests = [_test(reference[:, j], new[:, j]) for j in range(len(names))]
    corrected = holm([p_value for _, _, p_value in tests])
    found = [
        FeatureShift(name, *test, float(p_holm), _moved(reference[:, j], new[:, j]))
        for j, (name, test, p_holm) in enumerate(zip(names, tests, corrected, strict=True))
    ]
    return tuple(sorted(found, key=lambda one: (one.p_holm, one.p_value)))


def _test(reference: Array, new: Array) -> tuple[str, float, float]:
    levels, codes = np.unique(np.concatenate([reference, new]), return_inverse=True)
    if len(levels) <= MOST_LEVELS:
        return "chi-squared", *_chi_squared(codes, len(reference))
    from scipy.stats import ks_2samp

    found = ks_2samp(reference, new, method="asymp")
    return "KS", float(found.statistic), float(min(found.pvalue, 1.0))


def _chi_squared(codes: NDArray[np.intp], first: int) -> tuple[float, float]:
    """Pearson's statistic of a table of levels and samples, and its p-value."""
    counts = np.stack([np.bincount(part, minlength=int(codes.max()) + 1) for part in (codes[:first], codes[first:])])
    shares = counts.sum(axis=1, keepdims=True) / counts.sum()
    rare = (counts.sum(axis=0) * shares.min()) < LEAST_EXPECTED
    table = np.concatenate([counts[:, ~rare], counts[:, rare].sum(axis=1, keepdims=True)], axis=1)
    if not rare.any() or table[:, -1].sum() * shares.min() < LEAST_EXPECTED:  # what is too rare even together
        table = table[:, :-1]
    if table.shape[1] < 2:
        return 0.0, 1.0
    from scipy.special import chdtrc

    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(table.shape[1] - 1, statistic))


def _moved(reference: Array, new: Array) -> float:
    spread = float(reference.std())
    return float((new.mean() - reference.mean()) / spread) if spread > 0 else float("nan")
