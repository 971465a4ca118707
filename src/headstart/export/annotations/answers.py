"""What a model that annotates items answers: by `predict`, and with its body in fp32, as an exported graph computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headstart.engine.body.machine import without_bf16
from headstart.engine.options import Engine
from headstart.errors import ItemError
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.masks.mask_head import MaskHead
from headstart.heads.masks.trained_head import TrainedMaskHead
from headstart.model.annotator import AnnotationModel

__all__ = ["ModelAnnotations", "model_annotations"]

EXACT = Engine(backend="torch", cache=False)


@dataclass(frozen=True, eq=False)
class ModelAnnotations:
    """What a model answers for the items that it can read.

    Attributes:
        items: n items as its head reads them.
        predicted: their annotations by `AnnotationModel.predict`.
        exact: the same with the body in fp32.
    """

    items: Sequence[Any]
    predicted: Sequence[Any]
    exact: Sequence[Any]


def model_annotations(model: AnnotationModel, items: Sequence[Any]) -> ModelAnnotations:
    """The answers of a model for those of the items that it can read.

    Args:
        model: the model.
        items: n items.

    Raises:
        ItemError: if it can read none of them.

    Examples:
        >>> import numpy as np
        >>> from headstart.export.annotations.toy import toy_box_model
        >>> found = model_annotations(toy_box_model(), [np.zeros((40, 90, 3), np.uint8), "no file"])
        >>> len(found.items), found.exact[0].size
        (1, (90, 40))
    """
    found = model.predict_readable(items)
    if not found.index:
        raise ItemError(f"None of the {len(items)} items can be read; the first: {next(iter(found.failures.values()))}")
    with without_bf16():
        exact = _unopened(model.head).annotate(model.source, found.items, engine=EXACT)
    return ModelAnnotations(found.items, found.found, exact)


def _unopened(head: AnnotationHead) -> AnnotationHead:
    """The head without the source that it keeps open, whose number format is chosen."""
    if isinstance(head, MaskHead):
        return replace(head, _opened={})
    return replace(head, _opened={}) if isinstance(head, TrainedMaskHead) else head
