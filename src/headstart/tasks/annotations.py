"""The kinds of tasks whose items hold annotations: named spans of words, boxes, masks."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.annotations.units import ANNOTATIONS_OF, ITEM_OF
from headstart.registry import Registry
from headstart.types import Modality

__all__ = ["ANNOTATION_TASKS", "AnnotationTask"]


@dataclass(frozen=True)
class AnnotationTask:
    """What is known about a kind of annotation task without any data.

    Attributes:
        kind: its name, which is the ``unit`` of its tasks.
        modality: of its items.
        main_metric: the first metric of its evaluations; larger is better.
        problem_type: its name in the configurations of transformers.
        item: what an item is called in messages, such as ``"sentence"``.
        annotations: what is annotated, such as ``"spans"``.

    Examples:
        >>> ANNOTATION_TASKS["box"].main_metric
        'ap50'
    """

    kind: str
    modality: Modality
    main_metric: str
    problem_type: str
    item: str
    annotations: str


TOKEN = AnnotationTask("token", "text", "span_f1", "token_classification", ITEM_OF["token"], ANNOTATIONS_OF["token"])
BOX = AnnotationTask("box", "image", "ap50", "object_detection", ITEM_OF["box"], ANNOTATIONS_OF["box"])
MASK = AnnotationTask("mask", "image", "miou", "semantic_segmentation", ITEM_OF["mask"], ANNOTATIONS_OF["mask"])

ANNOTATION_TASKS: Registry[AnnotationTask] = Registry("annotation task")
for _task in (TOKEN, BOX, MASK):
    ANNOTATION_TASKS.register(_task.kind, _task)
