"""Standardised principal components as input, for estimators that are slow or overfit with many columns."""

from __future__ import annotations

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from headstart.heads.estimator.protocols import Estimator

__all__ = ["on_principal_components"]


def on_principal_components(estimator: Estimator, *, n: int, d: int, most: int, seed: int) -> Pipeline:
    """A pipeline: at most ``most`` principal components, each scaled to unit variance, then the estimator.

    Args:
        estimator: unfitted.
        n: number of training rows; a cross-validation fold has at least half as many.
        d: number of columns.
        most: the maximum number of components.
        seed: of the randomised decomposition.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> on_principal_components(GaussianNB(), n=100, d=10, most=64, seed=0)["components"].n_components
        10
    """
    # n // 2, so that the same number is possible on the training part of any fold
    kept = max(1, min(most, d, n // 2))
    components = PCA(kept, svd_solver="auto" if min(n, d) <= 500 else "randomized", random_state=seed)
    return Pipeline([("components", components), ("scaled", StandardScaler()), ("head", estimator)])
