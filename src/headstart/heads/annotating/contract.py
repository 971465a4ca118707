"""The contract of heads that annotate an item, and their registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.registry import Registry
from headstart.reporting import Progress
from headstart.types import Source, Task

__all__ = ["ANNOTATION_HEADS", "AnnotationHead", "AnnotationHeadKind"]


@runtime_checkable
class AnnotationHead(Protocol):
    """Annotates items from the rows of their positions; a frozen dataclass, which knows its decoder.

    Attributes:
        name: its name in `ANNOTATION_HEADS`.
    """

    @property
    def name(self) -> str:
        """Its name in `ANNOTATION_HEADS`."""
        ...

    def annotate(
        self, source: Source, items: Sequence[Any], *, engine: Engine, progress: Progress | None = None
    ) -> list[Any]:
        """A tuple of spans, `Boxes` or a `Mask` for each of n items; raises `ItemError` on an unreadable one.

        Args:
            source: the source as its user opened it; the head chooses the layers and positions that it reads.
            items: n items of the task's modality.
            engine: how items are encoded.
            progress: receives what is done.
        """
        ...

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """Its arrays by name, for ``model.safetensors``."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values, for ``config.json``."""
        ...


class AnnotationHeadKind(Protocol):
    """What is registered for a kind of head: the class itself.

    Attributes:
        kind: the kind of task that it annotates for.
    """

    @property
    def kind(self) -> str:
        """``"token"``, ``"box"`` or ``"mask"``."""
        ...

    def from_saved(self, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], task: Task) -> AnnotationHead:
        """The head that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit together or to the task, or a number is not finite or out of its range. What
                is read comes from a file, so nothing in it is trusted.
        """
        ...


ANNOTATION_HEADS: Registry[AnnotationHeadKind] = Registry("annotation head")
ANNOTATION_HEADS.register("words", "headstart.heads.words.head:WordsHead")
ANNOTATION_HEADS.register("pixels", "headstart.heads.masks.mask_head:MaskHead")
ANNOTATION_HEADS.register("mask decoder", "headstart.heads.masks.trained_head:TrainedMaskHead")
ANNOTATION_HEADS.register("solved_boxes", "headstart.heads.boxes.solved:SolvedBoxes")
ANNOTATION_HEADS.register("dense_boxes", "headstart.heads.boxes.dense:DenseBoxes")
ANNOTATION_HEADS.register("tiled_boxes", "headstart.heads.boxes.tiled:TiledBoxes")
