"""Helpers of all estimators: the conversion of items, the fit behind an estimator, its outputs and saved models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.data import read
from headstart.engine.options import Engine
from headstart.errors import DataError, ModelFolderError
from headstart.heads import HeadSearch
from headstart.model import TransferModel
from headstart.model.coverage import ConformalPredictor
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.tasks import base_kind
from headstart.transfer.fit_model import fit_model
from headstart.transfer.stages.context import Clock, RunContext
from headstart.transfer.stages.options import FitOptions
from headstart.tune import FrozenFeatures, Strategy
from headstart.types import Dataset, Features, Rows, Source, Task, group_codes

__all__ = [
    "Settings",
    "check_length",
    "conformal_of",
    "fitted_model",
    "item_list",
    "items_of",
    "outputs_of",
    "rows_of",
    "saved_model",
    "tags_for",
]

VECTOR = "vector"


class Settings(Protocol):
    """The parameters that the estimators with a head have in common.

    Attributes:
        source: name of a source, an open source, None for the installed one, or ``"auto"``.
        head: name or names of heads.
        strategy: name of a strategy, or a strategy.
        seed: seed of all randomness.
        time_limit: seconds for ranking and training.
        backend: the runtime of the body.
        cache: whether the feature store is used.

    Examples:
        >>> from headstart import TransferClassifier
        >>> settings: Settings = TransferClassifier(source="toy")
        >>> settings.strategy
        'frozen'
    """

    source: str | Source | None
    head: str | Sequence[str]
    strategy: str | Strategy
    seed: int
    time_limit: float | None
    backend: str
    cache: bool


def item_list(X: Any) -> Any:  # noqa: N803 (scikit-learn's name)
    """X as `headstart.data.read` takes it: a single item is refused, a column of texts or paths is flattened.

    Args:
        X: n items, or a column (n, 1) of texts or paths, as scikit-learn's ``ColumnTransformer`` passes it.

    Raises:
        DataError: for a single text or path, and for a list of lists of several texts.

    Examples:
        >>> item_list([["good"], ["bad"]])
        ['good', 'bad']
        >>> item_list("good")
        Traceback (most recent call last):
        headstart.errors.DataError: A single str was given as X; give a list of items, even for one item.
    """
    if isinstance(X, str | bytes | os.PathLike):
        raise DataError(f"A single {type(X).__name__} was given as X; give a list of items, even for one item.")
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and X.dtype.kind in "OUST":
        return X[:, 0].tolist()
    if isinstance(X, list) and X and all(isinstance(row, list | tuple) for row in X):
        return _unwrapped(X)
    return X


def _unwrapped(rows: list[Sequence[Any]]) -> list[Any]:
    texts = [any(isinstance(part, str | Path) for part in row) for row in rows]
    if not any(texts):
        return list(rows)
    wrong = next((k for k, row in enumerate(rows) if len(row) != 1), None)
    if wrong is not None:
        raise DataError(
            f"X is a list of lists of texts, and item {wrong} holds {len(rows[wrong])} of them; give one text for each "
            "item, such as ['first text', 'second text']."
        )
    return [row[0] for row in rows]


def items_of(X: Any) -> Dataset:  # noqa: N803 (scikit-learn's name)
    """The items of X without labels; raises `DataError` where they cannot be read.

    Examples:
        >>> items_of(["good", "bad"]).modality
        'text'
    """
    return read(item_list(X), labelled=False)


def check_length(items: int, labels: int) -> None:
    """Raise `DataError` unless there are as many labels as items.

    Examples:
        >>> check_length(2, 2)
    """
    if items != labels:
        raise DataError(f"{items} items came with {labels} labels; give one label for each item.")


def fitted_model(estimator: Settings, X: Any, y: NDArray[Any], task: Task, groups: ArrayLike | None) -> TransferModel:  # noqa: N803
    """The model that is fitted with an estimator's parameters.

    Args:
        estimator: the parameters.
        X: n items, or rows (n, d) that scikit-learn has checked where the source is ``"vector"``.
        y: labels as in `Dataset`.
        task: the label schema.
        groups: (n,) groups whose items are left out together in the choice of the head, or None.

    Raises:
        DataError: for items that cannot be read, or a wrong number of labels or groups.
        SourceError: where the source cannot be opened.
        UnknownNameError: for an unknown source, head or strategy.

    Examples:
        >>> from headstart import TransferClassifier
        >>> labels = np.array([0, 0, 1, 1])
        >>> task = Task("classification", ("-", "+"))
        >>> fitted_model(TransferClassifier("toy"), ["bad", "so bad", "good", "so good"], labels, task, None).task.kind
        'classification'
    """
    engine = Engine(estimator.backend, estimator.cache)
    search = HeadSearch((estimator.head,) if isinstance(estimator.head, str) else tuple(estimator.head))
    together = None if groups is None else np.asarray(groups)
    if together is not None:
        check_length(len(y), len(together))
    if estimator.source == VECTOR and estimator.strategy == "frozen":
        codes = None if together is None else group_codes(together, len(y))
        source = open_source(VECTOR)
        features = Features(X, y, tuple(map(str, range(len(y)))), codes, source.info)
        model = FrozenFeatures(search).solve(source, features, task, seed=estimator.seed)
        return replace(model, engine=engine)
    dataset = items_of(X)
    check_length(len(dataset), len(y))
    dataset = replace(dataset, task=task, y=y, groups=None if together is None else together.astype(str), columns=())
    options = FitOptions(estimator.source, search=search, strategy=estimator.strategy)
    clock = Clock.start(estimator.time_limit)
    return fit_model(dataset, options, RunContext(SilentReporter(), engine, estimator.seed, clock))


def outputs_of(estimator: BaseEstimator, X: Any) -> NDArray[np.float64]:  # noqa: N803 (scikit-learn's name)
    """Calibrated probabilities or values (n, k) of n items by a fitted estimator.

    Examples:
        >>> from headstart import TransferRegressor
        >>> outputs_of(TransferRegressor("vector").fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]), [[1.0]]).shape
        (1, 1)
    """
    check_is_fitted(estimator)
    model: TransferModel = estimator.model_
    if isinstance(estimator.source, str) and estimator.source == VECTOR:
        return model.outputs(validate_data(estimator, X, reset=False, dtype=np.float64))
    return model.predict_proba(items_of(X).items)


def conformal_of(estimator: BaseEstimator) -> ConformalPredictor:
    """What gives prediction sets or intervals of a fitted estimator; raises `DataError` without left-out scores.

    Examples:
        >>> from headstart import TransferRegressor
        >>> conformal_of(TransferRegressor("vector").fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])).exact
        True
    """
    check_is_fitted(estimator)
    model: TransferModel = estimator.model_
    return model.conformal()


def rows_of(estimator: BaseEstimator, X: Any) -> Rows:  # noqa: N803 (scikit-learn's name)
    """Rows (n, d) of the source for n items, by a fitted estimator.

    Examples:
        >>> from headstart import TransferRegressor
        >>> rows_of(TransferRegressor("vector").fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]), [[1.0]]).shape
        (1, 1)
    """
    check_is_fitted(estimator)
    model: TransferModel = estimator.model_
    if isinstance(estimator.source, str) and estimator.source == VECTOR:
        return cast("Rows", validate_data(estimator, X, reset=False, dtype=np.float64))
    return model.rows_of(items_of(X).items)


def saved_model(folder: str | Path, source: Source | None, kinds: Sequence[str]) -> TransferModel:
    """The saved model, for one of the given kinds of task; raises `NoModelError` or `ModelFolderError` for another.

    Examples:
        >>> saved_model("no-such-folder", None, ["regression"])
        Traceback (most recent call last):
        headstart.errors.NoModelError: 'no-such-folder' is not a model folder ...
    """
    model = TransferModel.load(folder, source=source)
    if base_kind(model.task) not in kinds:
        raise ModelFolderError(f"'{folder}' is a model for {model.task.kind}, not for {' or '.join(kinds)}.")
    return model


def tags_for(tags: Tags, source: str | Source | None) -> Tags:
    """scikit-learn's tags: rows of numbers are checked by its rules, other items by the source.

    Examples:
        >>> from sklearn.base import BaseEstimator
        >>> tags_for(BaseEstimator().__sklearn_tags__(), "toy").input_tags.string
        True
    """
    if source != VECTOR:
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
    return tags
