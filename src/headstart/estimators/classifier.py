"""Classification as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.validation import check_is_fitted

from headstart.engine.capabilities import with_all_blocks
from headstart.errors import DataError, ModelFolderError
from headstart.estimators.fitting import conformal_of, fitted_model, outputs_of, rows_of, saved_model, tags_for
from headstart.estimators.labels import checked_labels, class_names
from headstart.estimators.pickling import PicklableEstimator
from headstart.io import read_json
from headstart.tasks import is_multilabel
from headstart.tune import Strategy
from headstart.types import Source, Task, TaskKind

__all__ = ["TransferClassifier"]


class TransferClassifier(ClassifierMixin, PicklableEstimator):  # type: ignore[misc]
    """Classification by a frozen pretrained body and a head chosen by exact leave-one-out.

    Args:
        source: name of the source, an open source, None for the installed source that suits the items of ``fit``, or
            ``"auto"`` for the best in a ranking of all available sources.
        head: ``"solved"`` (the closed-form ridge and LDA), ``"auto"`` (all kinds are compared), or names of
            heads.
        strategy: ``"frozen"`` (the body is not trained), ``"auto"`` (the body is fine-tuned where a pilot run predicts
            a gain) or another strategy, by name or as an object; fine-tuning is validated on a fifth of the items.
        seed: seed of all randomness; default 0.
        time_limit: seconds for ranking and training; None for no limit but that of ``strategy="auto"``.
        backend: what runs the body: ``"auto"``, ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        cache: whether features are read from the feature store and kept there; default True.

    Attributes:
        classes_: (classes,) sorted labels.
        model_: the fitted `TransferModel`.
        n_features_in_: columns of X, with ``source="vector"``.

    References:
        Donahue et al., "DeCAF", ICML 2014; Hastie, Tibshirani & Buja, JASA 1994.

    Examples:
        >>> X, y = [[0.0], [0.2], [0.4], [2.0], [2.2], [2.4]], ["low"] * 3 + ["high"] * 3
        >>> classifier = TransferClassifier(source="vector").fit(X, y)
        >>> classifier.predict([[0.1], [2.3]]).tolist(), classifier.score(X, y)
        (['low', 'high'], 1.0)
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
            X: n items (paths, texts, PIL images, arrays), or rows (n, d) with ``source="vector"``.
            y: (n,) labels, or a 0/1 matrix (n, labels) for multi-label classification.
            groups: (n,) groups (patients, speakers) whose items are left out together in the choice of the head.

        Raises:
            DataError: if there are fewer than two classes.
        """
        items, labels = checked_labels(self, X, y)
        if labels.ndim == 2 and labels.shape[1] > 1:
            kind: TaskKind = "multilabel"
            codes: NDArray[Any] = np.asarray(labels, dtype=np.float64)
            self.classes_ = np.arange(codes.shape[1])
        else:
            self.classes_, codes = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
            kind = "classification"
            if len(self.classes_) < 2:
                raise DataError("Classification needs items of at least two classes. Got one class instead.")
        self.model_ = fitted_model(self, items, codes, Task(kind, class_names(self.classes_)), groups)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
        """Calibrated probabilities (n, classes) of n items."""
        return outputs_of(self, X)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The most probable label of each of n items, or a 0/1 matrix (n, labels) for multi-label."""
        probabilities = self.predict_proba(X)
        if is_multilabel(self.model_.task):
            return np.asarray(probabilities >= 0.5, dtype=int)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_set(self, X: Any, coverage: float = 0.9, *, per_class: bool = False) -> NDArray[np.bool_]:  # noqa: N803
        """Prediction sets (n, classes) of n items: which of ``classes_`` cannot be ruled out, by conformal prediction.

        Args:
            X: as in ``predict``.
            coverage: the share of new items whose set holds the right label, at least.
            per_class: whether it is promised for each class, not only for all together.

        Raises:
            DataError: if the left-out scores of the fit are too few for this coverage.
            ParameterError: if the coverage does not lie between 0 and 1.

        References:
            Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 2015.
        """
        return conformal_of(self).sets(rows_of(self, X), coverage, per_class=per_class)

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a model folder that `from_pretrained` and ``headstart predict`` open."""
        check_is_fitted(self)
        return self.model_.save(folder, extra={"classes.json": {"classes": self.classes_.tolist()}})

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, source: Source | None = None) -> Self:
        """Open a saved classifier, or the run of a fit, whose labels are strings.

        Raises:
            ModelFolderError: if the folder is not a model, is for another task, or is damaged.
        """
        model = saved_model(folder, source, ("classification", "multilabel"))
        estimator = cls("vector" if model.source.info.name == "vector" else with_all_blocks(model.source))
        estimator.model_, estimator.n_features_in_ = model, model.head.feature_map.num_inputs
        estimator.classes_ = _saved_classes(Path(folder) / "classes.json", model.task)
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = tags_for(super().__sklearn_tags__(), self.source)
        tags.classifier_tags.multi_label = True
        return tags


def _saved_classes(file: Path, task: Task) -> NDArray[Any]:
    """(classes,) as `save_pretrained` wrote them; the model's labels where a fit wrote the folder."""
    if is_multilabel(task):
        return np.arange(task.num_outputs)
    names: Any = read_json(file).get("classes") if file.is_file() else list(task.labels)
    plain = isinstance(names, list) and all(isinstance(name, str | int | float) for name in names)
    if not plain or len(names) != task.num_outputs or len(set(names)) < len(names):
        raise ModelFolderError(f"'{file}' does not name the {task.num_outputs} classes; copy or fit the model again.")
    return np.array(names)
