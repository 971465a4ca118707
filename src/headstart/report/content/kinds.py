"""The kind of task of a record, as far as the reports differ by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.tasks import TASKS
from headstart.types import ANNOTATION_KINDS

__all__ = ["base_of"]


def base_of(record: Mapping[str, Any]) -> str:
    """``"classification"``, ``"multilabel"``, ``"regression"``, or the kind of an annotation task.

    Args:
        record: the facts of a fit or of an evaluation.

    Examples:
        >>> base_of({"task": {"kind": "regression"}}), base_of({"task": {"kind": "box"}})
        ('regression', 'box')
    """
    kind: str = record["task"]["kind"]
    return kind if kind in ANNOTATION_KINDS else TASKS[kind].base
