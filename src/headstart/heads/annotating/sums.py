"""What a closed-form head of annotated items was solved from: sums that grow with further items, and their registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from headstart.engine.options import Engine
from headstart.errors import ParameterError
from headstart.heads.annotating.contract import AnnotationHead
from headstart.linear.moments import Moments
from headstart.registry import Registry
from headstart.reporting import Progress
from headstart.types import Dataset, Source, Task

__all__ = ["ANNOTATION_SUMS", "MOST_BYTES", "HeadSums", "HeadSumsKind", "named_arrays", "packed_bytes", "saved_moments"]

MOST_BYTES = 144 * 2**20
"""Largest sums that a run folder keeps: as many as those of rows of 6144 columns."""


@runtime_checkable
class HeadSums(Protocol):
    """The sums that a closed-form head was solved from, so that items come in and go out exactly.

    What was chosen on left-out items (columns, λ, decoding) is kept; it stands in the head, or in these sums.
    """

    @property
    def nbytes(self) -> int:
        """Bytes that they take on disk."""
        ...

    def solved(self, head: AnnotationHead, task: Task) -> AnnotationHead:
        """The head of these sums.

        Args:
            head: a head with the same choices.
            task: the label schema; of words and boxes it may have labels that ``head`` does not have.
        """
        ...

    def of_items(
        self,
        head: AnnotationHead,
        source: Source,
        dataset: Dataset,
        *,
        engine: Engine,
        progress: Progress | None = None,
    ) -> Self:
        """The sums of other items, with the same choices.

        Args:
            head: tells how items are read.
            source: the source as its user opened it.
            dataset: labelled items; its task may have further labels.
            engine: how items are encoded.
            progress: receives what is done.

        Raises:
            DataError: if the annotations do not fit.
            ItemError: if an item cannot be read.
        """
        ...

    def for_task(self, task: Task) -> Self:
        """The sums of the same items for a task with further labels, which none of them has.

        Raises:
            DataError: if the kind of annotation cannot get further labels.
        """
        ...

    def __add__(self, other: Self) -> Self:
        """The sums of the items of both."""
        ...

    def __sub__(self, other: Self) -> Self:
        """The sums without the items of ``other``, which must be among them."""
        ...

    def tensors(self) -> Mapping[str, NDArray[Any]]:
        """The arrays by name, for ``moments.safetensors``."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Everything else as plain JSON values, for ``config.json``."""
        ...


class HeadSumsKind(Protocol):
    """What is registered under the name of a head: the class of its sums."""

    def from_saved(
        self, tensors: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], head: Any, task: Task
    ) -> HeadSums:
        """The sums that ``tensors`` and ``facts`` describe.

        Raises:
            ValueError: if they do not fit together or to the head, or a number is not finite or out of its range.
        """
        ...


ANNOTATION_SUMS: Registry[HeadSumsKind] = Registry("sums of an annotation head")
ANNOTATION_SUMS.register("words", "headstart.heads.words.sums:WordSums")
ANNOTATION_SUMS.register("pixels", "headstart.heads.masks.sums:MaskSums")
ANNOTATION_SUMS.register("solved_boxes", "headstart.heads.boxes.sums:BoxSums")


def packed_bytes(moments: Moments) -> int:
    """Bytes of moments on disk, where the scatter is its upper triangle.

    Examples:
        >>> packed_bytes(Moments.zeros(3, 1))
        160
    """
    d, k = moments.num_features, moments.num_targets
    return 8 * (2 + 2 * d + d * (d + 1) // 2 + d * k + 2 * k + k * k)


def named_arrays(name: str, moments: Moments) -> dict[str, NDArray[np.float64]]:
    """The arrays of moments under a prefix.

    Examples:
        >>> sorted(named_arrays("heat", Moments.zeros(1, 1)))[:2]
        ['heat.cross', 'heat.mean']
    """
    return {f"{name}.{key}": value for key, value in moments.to_arrays().items()}


def saved_moments(tensors: Mapping[str, NDArray[Any]], name: str, num_features: int, num_targets: int) -> Moments:
    """The moments that `named_arrays` wrote; what is read comes from a file, so nothing in it is trusted.

    Args:
        tensors: of the file.
        name: the prefix.
        num_features: columns that the head reads.
        num_targets: columns that it predicts.

    Raises:
        ValueError: if they are missing, of other columns, not finite, or of a negative number of rows.

    Examples:
        >>> saved_moments(named_arrays("heat", Moments.zeros(2, 1)), "heat", 3, 1)
        Traceback (most recent call last):
        ValueError: the moments 'heat' are of 2 columns and 1 targets, and the head has 3 and 1
    """
    own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
    if any(value.dtype != np.float64 or not np.isfinite(value).all() for value in own.values()):
        raise ValueError(f"the moments '{name}' hold numbers that are not finite, or of another type")
    try:
        found = Moments.from_arrays(own)
    except ParameterError as error:
        raise ValueError(str(error)) from error
    if (found.num_features, found.num_targets) != (num_features, num_targets):
        raise ValueError(
            f"the moments '{name}' are of {found.num_features} columns and {found.num_targets} targets, and the head "
            f"has {num_features} and {num_targets}"
        )
    squares = min(found.scatter.diagonal().min(initial=0), found.target_scatter.diagonal().min(initial=0))
    size = max(np.abs(found.scatter).max(initial=0), np.abs(found.target_scatter).max(initial=0))
    if found.n < 0 or found.w < 0 or squares < -1e-6 * size:
        raise ValueError(f"the moments '{name}' are of a negative number of rows, or have negative sums of squares")
    return found
