"""The kind of task of a record, as far as the reports differ by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.annotations.units import ITEM_OF
from headstart.tasks import TASKS
from headstart.types import ANNOTATION_KINDS

__all__ = ["base_of", "items_of"]


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


def items_of(record: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What the items are called: sentences or pictures where they are annotated, else by their modality.

    Args:
        record: the facts of a fit or of an evaluation.
        names: by modality.

    Examples:
        >>> facts = {"task": {"kind": "classification"}, "data": {"modality": "text"}}
        >>> items_of(facts, {"text": "texts"}), items_of(facts | {"task": {"kind": "token"}}, {"text": "texts"})
        ('texts', 'sentences')
    """
    kind = record["task"]["kind"]
    return f"{ITEM_OF[kind]}s" if kind in ITEM_OF else names[record["data"]["modality"]]
