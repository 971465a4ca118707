"""Tasks: how labels become targets, scores become probabilities, and predictions are scored.

A kind of task goes in here, one file each; it provides what `TaskMethods` names, and is registered in `TASKS`.
"""

from headstart.tasks.labels import check_labels, encode_labels
from headstart.tasks.reading import base_dataset, read_labelled
from headstart.tasks.registry import (
    TASKS,
    CalibratesTogether,
    Calibration,
    TaskMethods,
    base_kind,
    base_task,
    is_classification,
    is_multilabel,
    is_regression,
    task_methods,
)

__all__ = [
    "TASKS",
    "CalibratesTogether",
    "Calibration",
    "TaskMethods",
    "base_dataset",
    "base_kind",
    "base_task",
    "check_labels",
    "encode_labels",
    "is_classification",
    "is_multilabel",
    "is_regression",
    "read_labelled",
    "task_methods",
]
