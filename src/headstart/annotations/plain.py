"""Annotations as plain JSON values: what ``predict --json``, the server and the tables of a run hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations.boxes import Boxes
from headstart.annotations.masks import BACKGROUND, Mask
from headstart.annotations.spans import Sentence, Span

__all__ = ["plain_annotation", "run_lengths"]

DIGITS = 4  # of probabilities
PIXELS = 2  # digits of coordinates in pixels


def plain_annotation(item: Any, found: Any, labels: Sequence[str]) -> dict[str, Any]:
    """The annotations of one item as plain values.

    Args:
        item: a `Sentence` for spans; anything for boxes and masks.
        found: a tuple of `Span`, a `Boxes` or a `Mask`.
        labels: of the task.

    Returns:
        ``text`` and ``entities`` (start and end in characters); ``boxes`` (those that are shown, corners in pixels); or
        ``classes`` with the share of their pixels, runs of these (COCO's uncompressed run lengths, column by column)
        and, where objects are told apart, the number of ``objects``.

    Examples:
        >>> plain_annotation(Sentence.of_words(["Ada", "wrote"]), (Span(0, 1, "PER", 0.98),), ("PER",))["entities"]
        [{'start': 0, 'end': 3, 'label': 'PER', 'text': 'Ada', 'score': 0.98}]
    """
    if isinstance(found, Boxes):
        return _plain_boxes(found, labels)
    if isinstance(found, Mask):
        return _plain_mask(found, labels)
    return {"text": item.text, "entities": [_plain_span(item, span) for span in found]}


def _plain_span(sentence: Sentence, span: Span) -> dict[str, Any]:
    start, end = sentence.characters(span)
    return {
        "start": start, "end": end, "label": span.label, "text": sentence.surface(span),
        "score": round(float(span.score), DIGITS),
    }  # fmt: skip


def _plain_boxes(given: Boxes, labels: Sequence[str]) -> dict[str, Any]:
    found = given.visible()
    scores = np.ones(len(found)) if found.scores is None else found.scores
    corners = ("left", "top", "right", "bottom")
    return {
        "size": list(found.size),
        "boxes": [
            {
                "label": labels[code],
                **dict(zip(corners, np.round(box, PIXELS).tolist(), strict=True)),
                "score": round(float(score), DIGITS),
            }
            for box, code, score in zip(found.xyxy, found.labels, scores, strict=True)
        ],
    }


def _plain_mask(found: Mask, labels: Sequence[str]) -> dict[str, Any]:
    codes, objects = found.classes(), found.instances()
    classes = {
        label: {"share": round(float((codes == code).mean()), DIGITS)}
        | ({} if code == BACKGROUND else {"counts": run_lengths(codes == code).tolist()})
        for code, label in enumerate(labels)
    }
    plain: dict[str, Any] = {"size": list(found.size), "classes": classes}
    return plain if objects is None else plain | {"objects": int(np.count_nonzero(np.unique(objects)))}


def run_lengths(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of False and True, beginning with False, column by column, as in COCO's annotations.

    Args:
        mask: (height, width).

    Examples:
        >>> run_lengths(np.array([[False, True], [True, True]])).tolist()
        [1, 3]
    """
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    if flat.size == 0:
        return np.zeros(0, np.int64)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return np.asarray(np.concatenate([[0], lengths]) if flat[0] else lengths, dtype=np.int64)
