"""scikit-learn estimators: transfer learning inside ``Pipeline``, ``cross_val_score`` and ``GridSearchCV``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.data import read
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import DataError, ModelFolderError
from headstart.heads import HeadSearch
from headstart.io import atomic_folder, check_replaceable, read_json, write_json
from headstart.model import TransferModel
from headstart.params import check_choice
from headstart.sources import open_saved, open_source
from headstart.sources.default import source_for
from headstart.tune import FrozenFeatures
from headstart.types import Dataset, Features, Source, Task, TaskKind

__all__ = ["TransferClassifier", "TransferEncoder", "TransferRegressor"]


class TransferClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classification by a frozen pretrained body and a head chosen by exact leave-one-out.

    Args:
        source: name of the source, an open source, or ``"auto"`` for what comes with the install.
        head: ``"solved"`` (ridge and LDA), ``"auto"`` (all kinds are compared), the name of a head, or several names.
        seed: for the choice where there are more than 5,000 rows, 0.
        backend: what runs the body: ``"auto"``, ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        cache: whether rows are looked up in the feature store and kept there.

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
        source: str | Source = "auto",
        *,
        head: str | Sequence[str] = "solved",
        seed: int = 0,
        backend: str = "auto",
        cache: bool = True,
    ) -> None:
        self.source = source
        self.head = head
        self.seed = seed
        self.backend = backend
        self.cache = cache

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Encode each item once and solve the head.

        Args:
            X: n items (paths, texts, PIL images, arrays), or rows (n, d) with ``source="vector"``.
            y: (n,) labels, or a 0/1 matrix (n, labels) for multi-label classification.
            groups: (n,) what is left out together while choosing (patient, speaker), or None.

        Raises:
            DataError: if there are fewer than two classes.
        """
        source, rows, labels = _encode_for_fit(self, X, y)
        check_classification_targets(labels)
        if type_of_target(labels) == "multilabel-indicator":
            kind: TaskKind = "multilabel"
            codes: NDArray[Any] = np.asarray(labels, dtype=np.float64)
            self.classes_ = np.arange(codes.shape[1])
        else:
            self.classes_, codes = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
            kind = "classification"
            if len(self.classes_) < 2:
                raise DataError("Classification needs items of at least two classes. Got one class instead.")
        task = Task(kind, tuple(str(label) for label in self.classes_))
        self.model_ = _fit_model(self, source, rows, codes, task=task, groups=groups)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
        """Calibrated probabilities (n, classes) of n items."""
        return _outputs(self, X)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """The likeliest label of each of n items, or a 0/1 matrix (n, labels) for multi-label."""
        probabilities = self.predict_proba(X)
        if self.model_.task.kind == "multilabel":
            return np.asarray(probabilities >= 0.5, dtype=int)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a model folder that `from_pretrained` and ``headstart predict`` open."""
        check_is_fitted(self)
        return self.model_.save(folder, extra={"classes.json": {"classes": self.classes_.tolist()}})

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, source: Source | None = None) -> Self:
        """Open a saved classifier, or the run of a fit, whose labels are strings.

        Raises:
            ModelFolderError: if the folder is no model, or one for another task.
        """
        model = _load(folder, source, ("classification", "multilabel"))
        estimator = cls("vector" if model.source.info.name == "vector" else model.source)
        estimator.model_, estimator.n_features_in_ = model, model.head.feature_map.num_inputs
        kept = Path(folder) / "classes.json"
        names = read_json(kept)["classes"] if kept.is_file() else list(model.task.labels)
        estimator.classes_ = np.arange(len(names)) if model.task.kind == "multilabel" else np.array(names)
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = _tags(super().__sklearn_tags__(), self.source)
        tags.classifier_tags.multi_label = True
        return tags


class TransferRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regression by a frozen pretrained body and a ridge head chosen by exact leave-one-out.

    Args:
        source: name of the source, an open source, or ``"auto"`` for what comes with the install.
        head: ``"solved"`` (ridge), ``"auto"`` (all kinds are compared), the name of a head, or several names.
        seed: for the choice where there are more than 5,000 rows, 0.
        backend: what runs the body: ``"auto"``, ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        cache: whether rows are looked up in the feature store and kept there.

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
        source: str | Source = "auto",
        *,
        head: str | Sequence[str] = "solved",
        seed: int = 0,
        backend: str = "auto",
        cache: bool = True,
    ) -> None:
        self.source = source
        self.head = head
        self.seed = seed
        self.backend = backend
        self.cache = cache

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803 (scikit-learn's name)
        """Encode each item once and solve the head.

        Args:
            X: n items, or rows (n, d) with ``source="vector"``.
            y: (n,) values, or (n, targets).
            groups: (n,) what is left out together while choosing, or None.
        """
        source, rows, values = _encode_for_fit(self, X, y, numeric=True)
        values = np.asarray(values, dtype=np.float64)
        self._one_target = values.ndim == 1
        values = values.reshape(len(values), -1)
        if len(values) < 2:
            raise DataError("Regression needs at least two items. Got n_samples=1 instead.")
        task = Task("regression", tuple(f"target {i}" for i in range(values.shape[1])))
        self.model_ = _fit_model(self, source, rows, values, task=task, groups=groups)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
        """Values (n,), or (n, targets) where the fit had several targets."""
        values = _outputs(self, X)
        return values[:, 0] if self._one_target else values

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a model folder that `from_pretrained` and ``headstart predict`` open."""
        check_is_fitted(self)
        return self.model_.save(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path, *, source: Source | None = None) -> Self:
        """Open a saved regressor.

        Raises:
            ModelFolderError: if the folder is no model, or one for another task.
        """
        model = _load(folder, source, ("regression",))
        estimator = cls("vector" if model.source.info.name == "vector" else model.source)
        estimator.model_, estimator.n_features_in_ = model, model.head.feature_map.num_inputs
        estimator._one_target = model.task.num_outputs == 1
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = _tags(super().__sklearn_tags__(), self.source)
        tags.target_tags.multi_output = True
        return tags


class TransferEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Items to the features of a pretrained body, as a transformer.

    Args:
        source: name of the source, an open source, or ``"auto"`` for what comes with the install.
        layers: ``"last"`` for the body's usual output, ``"all"`` for the pooled outputs of all blocks side by side.
        backend: what runs the body: ``"auto"``, ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        cache: whether rows are looked up in the feature store and kept there.

    Attributes:
        source_: the open source.
        n_features_in_: columns of X, with ``source="vector"``.

    References:
        Evci et al., "Head2Toe: Utilizing Intermediate Representations for Better Transfer Learning", ICML 2022.

    Examples:
        >>> TransferEncoder(source="vector").fit_transform([[1.0, 2.0]])
        array([[1., 2.]])
    """

    def __init__(
        self, source: str | Source = "auto", *, layers: str = "last", backend: str = "auto", cache: bool = True
    ) -> None:
        self.source = source
        self.layers = layers
        self.backend = backend
        self.cache = cache

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002, N803 (scikit-learn's signature)
        """Open the source; nothing is learnt from X."""
        check_choice(self.layers, "layers", "TransferEncoder", ("last", "all"))
        _engine(self)
        if self.source == "vector":
            validate_data(self, X, dtype=[np.float64, np.float32])
            self.source_ = open_source("vector")
        else:
            self.source_ = _items_and_source(X, self.source)[1]
        return self

    def transform(self, X: Any) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Features (n, d) of n items."""
        check_is_fitted(self)
        if self.source == "vector":
            return np.asarray(validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))
        rows = extract(self.source_, _items(X), engine=_engine(self), on_error="raise").rows
        blocks = self.source_.info.blocks
        return rows[:, -blocks[-1].width :] if self.layers == "last" and blocks else rows

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a folder that `from_pretrained` opens: the source's reference, and its checkpoint where it has one."""
        check_is_fitted(self)
        check_replaceable(Path(folder))
        with atomic_folder(Path(folder)) as scratch:
            reference = dict(self.source_.save(scratch / "body"))
            facts = {"layers": self.layers, "reference": reference, "modality": self.source_.info.modality}
            write_json(scratch / "config.json", {"model_type": "headstart", "encoder": facts})
        return Path(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Open a saved encoder, ready to transform.

        Raises:
            ModelFolderError: if the folder is no encoder.
            SourceError: if its source cannot be opened here.
        """
        saved = read_json(Path(folder) / "config.json").get("encoder")
        if not isinstance(saved, dict):
            raise ModelFolderError(
                f"'{folder}' is no encoder; give a folder that TransferEncoder.save_pretrained wrote."
            )
        source = open_saved(saved["reference"], Path(folder) / "body", saved["modality"])
        encoder = cls("vector" if source.info.name == "vector" else source, layers=saved["layers"])
        encoder.source_ = source
        return encoder

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002 (scikit-learn's signature)
        """Names such as ``"blocks.3_17"``, one a column."""
        check_is_fitted(self)
        blocks = self.source_.info.blocks
        if not blocks:
            return np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object)
        kept = blocks if self.layers == "all" else blocks[-1:]
        return np.array([f"{block.name}_{i}" for block in kept for i in range(block.width)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = _tags(super().__sklearn_tags__(), self.source)
        tags.requires_fit = True
        return tags


def _tags(tags: Tags, source: str | Source) -> Tags:
    if source != "vector":
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
    return tags


def _items(X: Any) -> Sequence[Any]:  # noqa: N803 (scikit-learn's name)
    return read(X, labelled=False).items


def _items_and_source(X: Any, source: str | Source) -> tuple[Dataset, Source]:  # noqa: N803 (scikit-learn's name)
    dataset = read(X, labelled=False)
    return dataset, source_for(dataset, None if isinstance(source, str) and source == "auto" else source)


def _encode_for_fit(
    estimator: Any,
    X: Any,  # noqa: N803 (scikit-learn's name)
    y: Any,
    *,
    numeric: bool = False,
) -> tuple[Source, NDArray[Any], Any]:
    """The open source, rows (n, d) and checked labels."""
    if isinstance(estimator.source, str) and estimator.source == "vector":
        rows, labels = validate_data(estimator, X, y, dtype=np.float64, multi_output=True, y_numeric=numeric)
        return open_source("vector"), rows, labels
    dataset, source = _items_and_source(X, estimator.source)
    labels = np.asarray(y)
    if len(labels) != len(dataset):
        raise DataError(f"{len(dataset)} items came with {len(labels)} labels; give one label for each item.")
    return source, extract(source, dataset.items, engine=_engine(estimator), on_error="raise").rows, labels


def _engine(estimator: Any) -> Engine:
    return Engine(estimator.backend, estimator.cache)


def _fit_model(
    estimator: Any, source: Source, rows: NDArray[Any], y: NDArray[Any], *, task: Task, groups: Any
) -> TransferModel:
    codes = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    features = Features(rows, y, tuple(str(i) for i in range(len(y))), codes, source.info)
    head = estimator.head
    strategy = FrozenFeatures(HeadSearch((head,) if isinstance(head, str) else tuple(head)))
    return replace(strategy.solve(source, features, task, seed=estimator.seed), engine=_engine(estimator))


def _outputs(estimator: Any, X: Any) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
    check_is_fitted(estimator)
    model: TransferModel = estimator.model_
    if isinstance(estimator.source, str) and estimator.source == "vector":
        return model.outputs(validate_data(estimator, X, reset=False, dtype=np.float64))
    return model.predict_proba(_items(X))


def _load(folder: str | Path, source: Source | None, kinds: Sequence[str]) -> TransferModel:
    model = TransferModel.load(folder, source=source)
    if model.task.kind not in kinds:
        raise ModelFolderError(f"'{folder}' is a model for {model.task.kind}, not for {' or '.join(kinds)}.")
    return model
