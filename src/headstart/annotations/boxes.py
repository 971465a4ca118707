"""Boxes: the objects of a picture as rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError

__all__ = ["Boxes"]


@dataclass(frozen=True, eq=False)
class Boxes:
    """The k objects of one picture.

    A box covers ``x0 <= x < x1`` and ``y0 <= y < y1`` in pixels of the original picture, with (0, 0) at the outer
    corner of its upper left pixel; a file format that counts from 1 or names the last pixel is converted by its reader.

    Attributes:
        xyxy: (k, 4) float64, left, top, right and bottom.
        labels: (k,) int64 codes into ``task.labels``.
        size: (width, height) of the picture in pixels; (0, 0) where it is not known.
        scores: (k,) float64 probabilities of detections, None for labelled boxes.
        ignored: (k,) bool, regions (crowd, difficult) whose detections count neither as hits nor as false alarms.
        shown: the score from which detections are shown; metrics use those below it too.

    Raises:
        DataError: if the arrays do not fit together.

    Examples:
        >>> found = Boxes(np.array([[0, 0, 10, 20], [5, 5, 9, 9]]), np.array([0, 1]), (64, 48))
        >>> len(found), found.areas, found.take([1]).labels
        (2, array([200.,  16.]), array([1]))
    """

    xyxy: NDArray[np.float64]
    labels: NDArray[np.int64]
    size: tuple[int, int] = (0, 0)
    scores: NDArray[np.float64] | None = None
    ignored: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    shown: float = 0.0

    def __post_init__(self) -> None:
        xyxy = np.asarray(self.xyxy, dtype=np.float64).reshape(-1, 4)
        labels = np.asarray(self.labels, dtype=np.int64).reshape(-1)
        ignored = np.asarray(self.ignored, dtype=bool).reshape(-1)
        if ignored.size == 0:
            ignored = np.zeros(len(xyxy), bool)
        scores = None if self.scores is None else np.asarray(self.scores, dtype=np.float64).reshape(-1)
        counts = {len(xyxy), len(labels), len(ignored), *([] if scores is None else [len(scores)])}
        if len(counts) > 1:
            raise DataError(f"Boxes need one label, score and flag each. Got {sorted(counts)} of them.")
        for name, value in {"xyxy": xyxy, "labels": labels, "ignored": ignored, "scores": scores}.items():
            object.__setattr__(self, name, value)

    @classmethod
    def empty(cls, size: tuple[int, int] = (0, 0)) -> Boxes:
        """No boxes, for a picture without objects.

        Args:
            size: (width, height) of the picture.
        """
        return cls(np.empty((0, 4)), np.empty(0, np.int64), size)

    def __len__(self) -> int:
        return len(self.xyxy)

    @property
    def areas(self) -> NDArray[np.float64]:
        """(k,) areas in pixels."""
        sides = np.maximum(self.xyxy[:, 2:] - self.xyxy[:, :2], 0)
        return np.asarray(sides[:, 0] * sides[:, 1])

    def take(self, index: Sequence[int] | NDArray[Any]) -> Boxes:
        """The boxes at ``index`` (positions or a mask), in that order."""
        rows = np.asarray(index)
        rows = rows if rows.dtype == bool else rows.astype(np.intp)
        scores = None if self.scores is None else self.scores[rows]
        return replace(self, xyxy=self.xyxy[rows], labels=self.labels[rows], scores=scores, ignored=self.ignored[rows])

    def visible(self) -> Boxes:
        """The boxes whose score is at least ``shown``; labelled boxes are all visible.

        Examples:
            >>> found = Boxes(np.eye(2, 4), np.array([0, 0]), scores=np.array([0.9, 0.2]), shown=0.5)
            >>> len(found), len(found.visible())
            (2, 1)
        """
        return self if self.scores is None else self.take(self.scores >= self.shown)
