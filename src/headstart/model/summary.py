"""The facts in the ``repr`` of a model."""

from __future__ import annotations

from headstart.heads import FittedHead
from headstart.tasks import is_classification, is_multilabel
from headstart.types import SourceInfo, Task

__all__ = ["model_facts"]

SHOWN = 8  # labels that are listed


def model_facts(task: Task, head: FittedHead, info: SourceInfo) -> list[tuple[str, str]]:
    """Task, source and head as names and values.

    Args:
        task: the label schema.
        head: the fitted head.
        info: what is known of the source.

    Examples:
        >>> import numpy as np
        >>> from headstart.heads import select_head
        >>> task = Task("classification", ("low", "high"))
        >>> head = select_head(np.array([[0.0], [0.2], [2.0], [2.2]], np.float32), np.array([0, 0, 1, 1]), task)
        >>> model_facts(task, head, SourceInfo("vector", "vector"))[0]
        ('task', 'classification into 2: low, high')
    """
    names = ", ".join(task.labels[:SHOWN]) + (", ..." if len(task.labels) > SHOWN else "")
    what = "into" if is_classification(task) else "with labels," if is_multilabel(task) else "of"
    size = f", {info.parameters / 1e6:.1f} M parameters" if info.parameters else ""
    licence = f", licence {info.license}" if info.license else ""
    return [
        ("task", f"{task.kind} {what} {len(task.labels)}: {names}"),
        ("source", f"{info.name} ({info.modality}){size}{licence}"),
        ("head", f"{head.head} on {head.feature_map.name} ({head.feature_map.num_features} features)"),
    ]
