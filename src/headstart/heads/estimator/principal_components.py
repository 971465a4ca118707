"""A head on the leading principal components, standardised: for heads whose cost or habits ask for few columns."""

from __future__ import annotations

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from headstart.heads.estimator.protocols import Estimator

__all__ = ["on_principal_components"]


def on_principal_components(estimator: Estimator, *, n: int, d: int, most: int, seed: int) -> Pipeline:
    """The estimator on at most ``most`` principal components of the rows, each of unit variance.

    Args:
        estimator: unfitted.
        n: rows of the whole fit; a fold of it has at least half as many.
        d: columns.
        most: components.
        seed: of the randomised decomposition.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> on_principal_components(GaussianNB(), n=100, d=10, most=64, seed=0)["components"].n_components
        10
    """
    kept = max(1, min(most, d, n // 2))
    components = PCA(kept, svd_solver="auto" if min(n, d) <= 500 else "randomized", random_state=seed)
    return Pipeline([("components", components), ("scaled", StandardScaler()), ("head", estimator)])
