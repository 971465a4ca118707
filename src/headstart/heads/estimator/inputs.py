"""Input checks of the estimators: validated rows and class codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.errors import DataError

__all__ = ["checked_rows", "class_codes"]

FLOATS = (np.float64, np.float32)


def class_codes(estimator: BaseEstimator, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Rows (n, d) and class codes (n,) of a fit; sets ``classes_`` and ``n_features_in_``.

    Args:
        estimator: a scikit-learn estimator that is being fitted.
        x: (n, d) finite rows; float32 stays float32.
        y: (n,) labels of any sortable type.

    Raises:
        DataError: if there are fewer than two classes.
        ValueError: from scikit-learn, if rows or labels have a wrong shape.

    Examples:
        >>> from sklearn.base import BaseEstimator
        >>> class_codes(BaseEstimator(), [[0.0], [1.0]], ["bee", "ant"])[1]
        array([1, 0])
    """
    rows, labels = validate_data(estimator, x, y, dtype=FLOATS)
    check_classification_targets(labels)
    estimator.classes_, codes = np.unique(labels, return_inverse=True)
    if len(estimator.classes_) < 2:
        raise DataError("A classification head needs rows of at least two classes. Got one class instead.")
    return rows, codes.astype(np.intp)


def checked_rows(estimator: BaseEstimator, x: ArrayLike) -> NDArray[Any]:
    """Validated rows (n, d) for a fitted estimator; raises scikit-learn's errors.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> checked_rows(GaussianNB().fit([[0.0], [1.0]], [0, 1]), [[2]]).dtype
        dtype('float64')
    """
    check_is_fitted(estimator)
    return np.asarray(validate_data(estimator, x, reset=False, dtype=FLOATS))
