"""What the closed-form head for masks was solved from: the moments of cells, by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.heads.annotating.contract import AnnotationHead
from headstart.heads.annotating.sums import named_arrays, packed_bytes, saved_moments
from headstart.heads.masks.cell_rows import read_cells, tells_objects_apart
from headstart.heads.masks.class_moments import ClassMoments, ClassSums
from headstart.heads.masks.linear_map import linear_maps
from headstart.heads.masks.mask_head import MaskHead
from headstart.reporting import Progress
from headstart.types import Dataset, Source, Task

__all__ = ["MaskSums"]


@dataclass(frozen=True, eq=False)
class MaskSums:
    """Moments of the cells of each class, from which the linear map follows.

    Blocks, λ, the kind of fit and the decoder are those of the head.

    Attributes:
        moments: of the columns that the head reads.
        beta: exponent of the class weights.

    Examples:
        >>> import numpy as np
        >>> cells = ClassSums(2)
        >>> cells.add(np.array([[0.0], [1.0]]), np.eye(2))
        >>> sums = MaskSums(cells.finish(), 0.5)
        >>> (sums + sums).moments.counts, (sums + sums - sums).moments.counts
        (array([2., 2.]), array([1., 1.]))
    """

    moments: ClassMoments
    beta: float

    @property
    def nbytes(self) -> int:
        """Bytes that they take on disk."""
        return sum(map(packed_bytes, self.moments.parts))

    def solved(self, head: AnnotationHead, task: Task) -> MaskHead:  # noqa: ARG002 - the classes are those of the head
        """The head of these sums.

        Args:
            head: of masks, whose choices are kept.
            task: the label schema.
        """
        own = _masks(head)
        chosen = own.linear
        return replace(own, linear=linear_maps(self.moments.balanced(self.beta), [chosen.lam], [chosen.kind])[0])

    def of_items(
        self,
        head: AnnotationHead,
        source: Source,
        dataset: Dataset,
        *,
        engine: Engine,
        progress: Progress | None = None,
    ) -> MaskSums:
        """The sums of other pictures.

        Args:
            head: of masks; it reads pictures in the same way.
            source: as its user opened it.
            dataset: pictures with masks.
            engine: how they are encoded.
            progress: receives what is done.

        Raises:
            DataError: if a mask has another shape than its picture, or the head tells objects apart and the masks do
                not.
            ItemError: if a picture cannot be read.
        """
        own = _masks(head)
        boundary = own.decoder.boundary
        if boundary and not tells_objects_apart(dataset):
            raise DataError(
                "The model tells objects apart, and these masks do not number their objects; give masks that do, or "
                "fit again on all data."
            )
        sums = ClassSums(own.num_classes + boundary)
        index = range(len(dataset.items))
        for each in read_cells(own.maps(source), dataset, index, engine=engine, boundary=boundary, progress=progress):
            sums.add(each.rows, each.targets.shares, each.targets.labelled)
        return replace(self, moments=sums.finish())

    def for_task(self, task: Task) -> MaskSums:
        """Itself; masks get no further classes, since the pixels of such a class were labelled as another one.

        Raises:
            DataError: for a task with further classes.
        """
        if task.num_outputs > len(self.moments.parts):  # a part more stands for outlines
            raise DataError("A model of masks cannot get further classes by an update; fit again on all data.")
        return self

    def __add__(self, other: MaskSums) -> MaskSums:
        """The sums of the pictures of both."""
        return replace(self, moments=self.moments + other.moments)

    def __sub__(self, other: MaskSums) -> MaskSums:
        """The sums without the pictures of ``other``."""
        return replace(self, moments=self.moments - other.moments)

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The arrays by name: those of each class under its number."""
        found: dict[str, NDArray[Any]] = {}
        for code, part in enumerate(self.moments.parts):
            found |= named_arrays(str(code), part)
        return found

    def facts(self) -> Mapping[str, Any]:
        """The exponent of the class weights."""
        return {"beta": self.beta}

    @classmethod
    def from_saved(
        cls, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], head: MaskHead, task: Task
    ) -> MaskSums:
        """The sums that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit to the head, or a number is not finite or out of its range.
        """
        beta, classes = facts.get("beta"), task.num_outputs + head.decoder.boundary
        if isinstance(beta, bool) or not isinstance(beta, int | float) or not 0 <= beta <= 1:
            raise ValueError(f"the exponent of the class weights must be a number from 0 to 1, not {beta!r:.40}")
        columns = len(head.linear.weight)
        parts = tuple(saved_moments(tensors, str(code), columns, classes) for code in range(classes))
        return cls(ClassMoments(parts), float(beta))


def _masks(head: AnnotationHead) -> MaskHead:
    if not isinstance(head, MaskHead):
        raise TypeError(f"sums of cells with the head '{head.name}'")
    return head
