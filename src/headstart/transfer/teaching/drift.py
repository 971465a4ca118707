"""How far labelled items lie from those that a model was fitted on."""

from __future__ import annotations

from headstart.linear.mean_drift import MeanDrift, mean_drift
from headstart.model import TransferModel
from headstart.tasks import is_classification, task_methods
from headstart.types import Dataset, Rows

__all__ = ["drift_of"]


def drift_of(model: TransferModel, dataset: Dataset, rows: Rows) -> MeanDrift | None:
    """The drift of the mean in the features of the head, given the classes of the items.

    Args:
        model: the model.
        dataset: n labelled items, coded by the model's task, perhaps with new classes.
        rows: (n, d) of the source.

    Returns:
        The drift; None for a model without moments, or too few items to tell.

    Examples:
        >>> import headstart
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> rows, labels = rng.normal(size=(80, 3)), ["a", "b"] * 40
        >>> model = headstart.fit((rows, labels), baselines="none", verbose=False).model
        >>> far = Dataset(rows + 5, tuple(map(str, range(80))), "vector", model.task, np.arange(80) % 2)
        >>> drift_of(model, far, far.items).differs
        True
    """
    if model.moments is None or not len(dataset):
        return None
    targets = None
    if is_classification(model.task):
        task, y = dataset.labelled()
        targets = task_methods(task).targets(y, task.num_outputs)[:, : model.task.num_outputs]
    return mean_drift(model.moments, model.head.feature_map(rows[:]), targets, units=dataset.group_codes)
