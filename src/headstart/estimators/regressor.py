"""Regression as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from headstart.engine.capabilities import with_all_blocks
from headstart.errors import DataError
from headstart.estimators.fitting import conformal_of, fitted_model, outputs_of, rows_of, saved_model, tags_for
from headstart.estimators.labels import checked_values
from headstart.estimators.pickling import PicklableEstimator
from headstart.tune import Strategy
from headstart.types import Source, Task

__all__ = ["TransferRegressor"]


class TransferRegressor(RegressorMixin, PicklableEstimator):  # type: ignore[misc]
    """Regression by a frozen pretrained body and a ridge head chosen by exact leave-one-out.

    Args:
        source: name of the source, an open source, None for the installed source that suits the items of ``fit``, or
            ``"auto"`` for the best in a ranking of all available sources.
        head: ``"solved"`` (the closed-form ridge), ``"auto"`` (all kinds are compared), or names of heads.
        strategy: ``"frozen"`` (the body is not trained), ``"auto"`` (the body is fine-tuned where a pilot run predicts
            a gain) or another strategy, by name or as an object; fine-tuning is validated on a fifth of the items.
        seed: seed of all randomness; default 0.
        time_limit: seconds for ranking and training; None for no limit but that of ``strategy="auto"``.
        backend: what runs the body: ``"auto"``, ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        cache: whether features are read from the feature store and kept there; default True.

    Attributes:
        model_: the fitted `TransferModel`.
        n_features_in_: columns of X, with ``source="vector"``.

    References:
        Hoerl & Kennard, "Ridge Regression", Technometrics 1970.

    Examples:
        >>> X = [[0.0], [1.0], [2.0], [3.0], [4.0]]
        >>> TransferRegressor(source="vector").fit(X, [0.0, 2.0, 4.0, 6.0, 8.0]).predict([[1.5]]).round(2)
        array([3.])
    """

    def __init__(
        self,
        source: str | Source | None = None,
        *,
        head: str | Sequence[str] = "solved",
        strategy: str | Strategy = "frozen",
        seed: int = 0,
        time_limit: float | None = None,
        backend: str = "auto",
        cache: bool = True,
    ) -> None:
        self.source = source
        self.head = head
        self.strategy = strategy
        self.seed = seed
        self.time_limit = time_limit
        self.backend = backend
        self.cache = cache

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Encode each item once and fit the head.

        Args:
            X: n items, or rows (n, d) with ``source="vector"``.
            y: (n,) values, or (n, targets).
            groups: (n,) groups whose items are left out together in the choice of the head, or None.
        """
        items, values = checked_values(self, X, y)
        self._one_target = values.ndim == 1
        values = values.reshape(len(values), -1)
        if len(values) < 2:
            raise DataError("Regression needs at least two items. Got n_samples=1 instead.")
        task = Task("regression", tuple(f"target {i}" for i in range(values.shape[1])))
        self.model_ = fitted_model(self, items, values, task, groups)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
        """Values (n,), or (n, targets) where the fit had several targets."""
        values = outputs_of(self, X)
        return values[:, 0] if self._one_target else values

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:  # noqa: N803
        """Prediction intervals (n, 2), lower and upper end, by jackknife+; (n, targets, 2) with several targets.

        Args:
            X: as in ``predict``.
            coverage: the share of new items whose value lies in its interval, at least.

        Raises:
            DataError: if the left-out scores of the fit are too few for this coverage.
            ParameterError: if the coverage does not lie between 0 and 1.

        References:
            Barber, Candès, Ramdas & Tibshirani, "Predictive Inference with the Jackknife+", Annals of Statistics 2021.
        """
        ends = conformal_of(self).intervals(rows_of(self, X), coverage)
        return ends[:, 0] if self._one_target else ends

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a model folder that `from_pretrained` and ``headstart predict`` open."""
        check_is_fitted(self)
        return self.model_.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, source: Source | None = None) -> Self:
        """Open a saved regressor.

        Raises:
            ModelFolderError: if the folder is not a model, or is for another task.
        """
        model = saved_model(folder, source, ("regression",))
        estimator = cls("vector" if model.source.info.name == "vector" else with_all_blocks(model.source))
        estimator.model_, estimator.n_features_in_ = model, model.head.feature_map.num_inputs
        estimator._one_target = model.task.num_outputs == 1
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = tags_for(super().__sklearn_tags__(), self.source)
        tags.target_tags.multi_output = True
        return tags
