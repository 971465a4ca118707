"""The items on which models disagree, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.comparison import PairedComparison
from headstart.tasks import is_regression, task_methods
from headstart.transfer.comparing.predictions import PredictedByAll

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["deciding_rows", "item_table", "loss_differences"]


def loss_differences(found: PairedComparison) -> NDArray[np.float64]:
    """The difference of the loss of each item (n,): second minus first of two models, else largest minus least.

    Args:
        found: the comparison.

    Examples:
        >>> from headstart.evaluate.comparison import compare_outputs
        >>> from headstart.types import Task
        >>> found = compare_outputs(Task("regression", ("y",)), [1.0, 2.0, 3.0], [[1.0, 2, 4], [2.0, 2, 3]], ["a", "b"])
        >>> loss_differences(found).tolist()
        [1.0, 0.0, -1.0]
    """
    losses = found.losses
    return losses[:, 1] - losses[:, 0] if losses.shape[1] == 2 else losses.max(axis=1) - losses.min(axis=1)


def deciding_rows(found: PairedComparison, predicted: PredictedByAll) -> NDArray[np.intp]:
    """Positions of the items on which the answers differ, the largest difference of the loss first.

    Args:
        found: the comparison.
        predicted: the outputs that it is of.

    Examples:
        >>> from headstart.evaluate.comparison import compare_outputs
        >>> from headstart.types import Task
        >>> task, y = Task("regression", ("y",)), np.array([[1.0], [2.0], [3.0]])
        >>> sides = [np.array([[1.5], [2.0], [5.0]]), np.array([[2.0], [2.0], [3.0]])]
        >>> found = compare_outputs(task, y, sides, ["a", "b"])
        >>> deciding_rows(found, PredictedByAll(task, ("0", "1", "2"), y, sides, None, (0, 0), ""))
        array([2, 0])
    """
    answers = [task_methods(found.task).decode(one, found.task) for one in predicted.outputs]
    differ = np.array(
        [any(one != first for one in others) for first, *others in zip(*answers, strict=True)], dtype=bool
    )
    sizes = np.abs(loss_differences(found))
    return np.array([row for row in np.argsort(-sizes, kind="stable") if differ[row]], dtype=np.intp)


def item_table(found: PairedComparison, predicted: PredictedByAll, rows: NDArray[np.intp]) -> pd.DataFrame:
    """One row per item: id, label, and the prediction, whether it is right, and the loss of each model.

    Args:
        found: the comparison.
        predicted: the outputs that it is of.
        rows: positions of the items.

    Examples:
        >>> from headstart.evaluate.comparison import compare_outputs
        >>> from headstart.types import Task
        >>> task, y = Task("classification", ("ant", "bee")), np.array([0, 1])
        >>> sides = [np.eye(2), np.eye(2)[::-1]]
        >>> found = compare_outputs(task, y, sides, ["a", "b"])
        >>> table = item_table(found, PredictedByAll(task, ("0", "1"), y, sides, None, (0, 0), ""), np.array([1]))
        >>> table[["label", "predicted.a", "predicted.b", "right.b"]].values.tolist()
        [['bee', 'bee', 'ant', False]]
    """
    import pandas as pd

    task, methods = found.task, task_methods(found.task)
    truth = methods.decode(methods.targets(predicted.y[rows], task.num_outputs), task)
    columns: dict[str, Any] = {"id": [predicted.ids[row] for row in rows], "label": truth}
    for k, (name, outputs) in enumerate(zip(found.names, predicted.outputs, strict=True)):
        answers = methods.decode(outputs[rows], task)
        columns[f"predicted.{name}"] = answers
        if not is_regression(task):
            columns[f"right.{name}"] = [one == label for one, label in zip(answers, truth, strict=True)]
        columns[f"loss.{name}"] = found.losses[rows, k]
    return pd.DataFrame(columns | {"loss_difference": loss_differences(found)[rows]})
