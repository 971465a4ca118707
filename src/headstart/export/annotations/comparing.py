"""How far the annotations of an exported folder are from those of the model, and whether that is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes, Mask
from headstart.decode.nms import box_iou
from headstart.errors import ParityError
from headstart.export.checking.parity import TIE

__all__ = ["NEAR_BOX", "AnnotationGap", "AnnotationParity", "annotation_gap"]

SAME_BOX = 0.999  # intersection over union of two boxes that are taken for the same
NEAR_BOX = 0.9  # the same where two number formats are compared
SAME_OBJECT = 0.99  # the same of two objects of masks
SAME_PIXELS = 0.999  # share of the pixels of a picture whose class must agree
SAME_OBJECTS = 0.99  # share of the objects of all pictures that must agree

Found = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class AnnotationGap:
    """How two sets of annotations of n items differ.

    Attributes:
        parts: spans, boxes that are shown, or pixels of all items.
        differing: how many of them the other set does not have.
        score: the largest difference of a probability; 0 for masks, which have none.
        pixels: of boxes, the largest distance of an edge, in pixels.
        least: of masks, the least share of a picture's pixels that agree.
        objects: of masks, the number of objects, and how many of them the other set does not have.

    Examples:
        >>> AnnotationGap(10, 0, 0.001).differing
        0
    """

    parts: int
    differing: int
    score: float
    pixels: float = 0.0
    least: float = 1.0
    objects: tuple[int, int] = (0, 0)

    def __add__(self, other: AnnotationGap) -> AnnotationGap:
        """The two sets of items together."""
        return AnnotationGap(
            self.parts + other.parts, self.differing + other.differing, max(self.score, other.score),
            max(self.pixels, other.pixels), min(self.least, other.least),
            (self.objects[0] + other.objects[0], self.objects[1] + other.objects[1]),
        )  # fmt: skip


NONE = AnnotationGap(0, 0, 0.0)


def annotation_gap(
    reference: Sequence[Any], found: Sequence[Found], labels: Sequence[str], *, same_box: float = SAME_BOX
) -> AnnotationGap:
    """How the answers of a reader differ from the annotations of the model.

    Args:
        reference: n tuples of spans, `Boxes` or `Mask`.
        found: what the reader returned for each, as arrays by name.
        labels: of the task.
        same_box: intersection over union beyond which two boxes are taken for the same.

    Raises:
        ParityError: if there are more or fewer answers, or an answer is of another kind.

    Examples:
        >>> boxes = Boxes(np.array([[0, 0, 10, 10]]), np.array([0]), (20, 20), np.array([0.9]), shown=0.5)
        >>> same = {"boxes": boxes.xyxy + 1e-4, "labels": boxes.labels, "scores": boxes.scores}
        >>> gap = annotation_gap([boxes], [same], ["cup"])
        >>> gap.parts, gap.differing, round(gap.pixels, 5)
        (1, 0, 0.0001)
    """
    if len(reference) != len(found):
        raise ParityError(
            f"The exported model answers for {len(found)} items, where the model answers for {len(reference)}, so "
            "nothing was written."
        )
    total = NONE
    for one, other in zip(reference, found, strict=True):
        try:
            total = total + _gap_of(one, other, labels, same_box)
        except (KeyError, ValueError, IndexError) as error:
            raise ParityError(f"The exported model answers otherwise than the model ({error}), so nothing was "
                              "written.") from error  # fmt: skip
    return total


def _gap_of(one: Any, other: Found, labels: Sequence[str], same_box: float) -> AnnotationGap:
    if isinstance(one, Boxes):
        return _boxes(one, other, same_box)
    return _masks(one, other) if isinstance(one, Mask) else _spans(one, other, labels)


def _spans(reference: Any, found: Found, labels: Sequence[str]) -> AnnotationGap:
    first = {(span.start, span.end, span.label): span.score for span in reference}
    places, scores = found["spans"].reshape(-1, 3), found["scores"].reshape(-1)
    second = {(int(a), int(b), labels[int(k)]): float(score) for (a, b, k), score in zip(places, scores, strict=True)}
    gaps = [abs(score - second[span]) for span, score in first.items() if span in second]
    return AnnotationGap(len(first), len(first.keys() ^ second.keys()), max(gaps, default=0.0))


def _boxes(reference: Boxes, found: Found, same_box: float) -> AnnotationGap:
    scores = np.ones(len(reference)) if reference.scores is None else reference.scores
    first = _Detections(reference.xyxy, reference.labels, scores)
    second = _Detections(found["boxes"], found["labels"], found["scores"])
    missing, pixels, score = first.without_partner(second, reference.shown, same_box)
    added, _, _ = second.without_partner(first, reference.shown, same_box)
    return AnnotationGap(int((scores >= reference.shown).sum()), missing + added, score, pixels)


@dataclass(frozen=True, eq=False)
class _Detections:
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]

    def without_partner(self, other: _Detections, shown: float, same: float) -> tuple[int, float, float]:
        """Boxes that are shown and that the other set lacks; the largest distances of edges and scores of the rest."""
        own = np.flatnonzero(self.scores >= shown)
        if not len(own):
            return 0, 0.0, 0.0
        if not len(other.boxes):
            return int((self.scores[own] >= shown + TIE).sum()), 0.0, 0.0
        overlap = box_iou(self.boxes[own], other.boxes)
        overlap[self.labels[own, None] != other.labels] = -1
        best = overlap.argmax(axis=1)
        there = overlap[np.arange(len(own)), best] > same
        tied = self.scores[own] < shown + TIE  # it may be shown in one of them alone
        pixels = np.abs(self.boxes[own] - other.boxes[best])[there]
        scores = np.abs(self.scores[own] - other.scores[best])[there]
        there &= other.scores[best] >= shown - TIE
        return int((~there & ~tied).sum()), float(pixels.max(initial=0.0)), float(scores.max(initial=0.0))


def _masks(reference: Mask, found: Found) -> AnnotationGap:
    codes, objects = np.asarray(reference.classes()), reference.instances()
    if found["classes"].shape != codes.shape:
        raise ValueError(f"a mask of the shape {found['classes'].shape} for one of {codes.shape}")
    same = codes == found["classes"]
    numbers = (0, 0)
    if objects is not None:
        numbers = int(np.count_nonzero(np.unique(objects))), _lost(np.asarray(objects), found["objects"])
    return AnnotationGap(same.size, int((~same).sum()), 0.0, least=float(same.mean()), objects=numbers)


def _lost(first: NDArray[Any], second: NDArray[Any]) -> int:
    """The objects of the first numbers that have no counterpart among the second."""
    pairs, counts = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1, return_counts=True)
    sizes, others = np.bincount(first.ravel()), np.bincount(second.ravel())
    both = (pairs > 0).all(axis=0)
    shared = counts[both] / (sizes[pairs[0, both]] + others[pairs[1, both]] - counts[both])
    return int(np.count_nonzero(sizes[1:]) - np.count_nonzero(shared > SAME_OBJECT))


@dataclass(frozen=True)
class AnnotationParity:
    """What was compared before a folder with a model that annotates items was handed over.

    Attributes:
        kind: ``"token"``, ``"box"`` or ``"mask"``.
        items: how many items.
        origin: where they come from.
        difference: from the model with its body in fp32.
        predict: from `AnnotationModel.predict` on this machine.
        tolerance: the largest difference of a probability that is allowed.
        packages: the versions of what ran the exported folder.
        seconds: how long that took for all items.
        facts: further facts.

    Examples:
        >>> AnnotationParity("box", 3, "items given", AnnotationGap(9, 0, 0.0), NONE, 0.01, {}, 0.1).flips
        0
    """

    kind: str
    items: int
    origin: str
    difference: AnnotationGap
    predict: AnnotationGap
    tolerance: float
    packages: Mapping[str, str]
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def flips(self) -> int:
        """Spans or boxes that one of the two has alone; of masks, objects."""
        return self.difference.objects[1] if self.kind == "mask" else self.difference.differing

    @property
    def sentence(self) -> str:
        """The comparison in a sentence.

        Examples:
            >>> AnnotationParity("token", 3, "items given", AnnotationGap(9, 0, 0.0), NONE, 0.01, {}, 0.1).sentence
            'On 3 items (items given), all of 9 spans are the same, and their probabilities differ by at most 0 ...
        """
        return f"On {self.items:,} items ({self.origin}), {_said(self.kind, self.difference, self.tolerance)}."

    @property
    def predict_sentence(self) -> str:
        """How `predict` on this machine differs, by its number format; empty if it does not."""
        if self.predict == self.difference:
            return ""
        return (
            "It was compared with the body in fp32. With the number format of 'predict' here, "
            f"{_said(self.kind, self.predict, None)}."
        )

    @property
    def allowed(self) -> bool:
        """Whether the difference is small enough.

        Examples:
            >>> AnnotationParity("mask", 3, "", AnnotationGap(9, 1, 0.0, least=0.9), NONE, 0.01, {}, 0.1).allowed
            False
        """
        gap = self.difference
        if self.kind == "mask":
            return gap.least >= SAME_PIXELS and gap.objects[1] <= (1 - SAME_OBJECTS) * gap.objects[0]
        return gap.differing == 0 and gap.score <= self.tolerance

    def check(self, name: str) -> None:
        """Raise if the answers differ too much.

        Args:
            name: of the format.

        Raises:
            ParityError: with the comparison.

        Examples:
            >>> AnnotationParity("box", 3, "items given", AnnotationGap(9, 2, 0.0), NONE, 0.01, {}, 0.1).check("onnx")
            Traceback (most recent call last):
            headstart.errors.ParityError: The model exported as 'onnx' answers otherwise than the model, so nothing ...
        """
        if not self.allowed:
            raise ParityError(
                f"The model exported as '{name}' answers otherwise than the model, so nothing was written: "
                f"{self.sentence[:1].lower()}{self.sentence[1:]}"
            )

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values, as in ``parity.json``.

        Examples:
            >>> AnnotationParity("box", 3, "", AnnotationGap(9, 0, 0.0), NONE, 0.01, {}, 0.1).to_dict()["predict"]
            {'boxes': 0, 'differing': 0, 'score': 0.0, 'pixels': 0.0}
        """
        return {
            "items": self.items,
            "origin": self.origin,
            "tolerance": self.tolerance,
            "compared_with": {"runtime": "torch fp32", **_plain(self.kind, self.difference)},
            "predict": _plain(self.kind, self.predict),
            "packages": dict(self.packages),
            "seconds": self.seconds,
            **self.facts,
        }


def _plain(kind: str, gap: AnnotationGap) -> dict[str, Any]:
    if kind == "mask":
        objects, lost = gap.objects
        return {
            "pixels": gap.parts, "differing": gap.differing, "least_share": gap.least, "objects": objects,
            "differing_objects": lost,
        }  # fmt: skip
    found = {"spans" if kind == "token" else "boxes": gap.parts, "differing": gap.differing, "score": gap.score}
    return found | {"pixels": gap.pixels} if kind == "box" else found


def _said(kind: str, gap: AnnotationGap, tolerance: float | None) -> str:
    limit = "" if tolerance is None else f" ({tolerance:g} is allowed)"
    if kind == "mask":
        objects = f", and {gap.objects[1]:,} of {gap.objects[0]:,} objects differ" if gap.objects[0] else ""
        wanted = "" if tolerance is None else f" ({SAME_PIXELS:.1%} are needed)"
        return f"in each at least {_share(gap.least)} of the pixels agree{wanted}{objects}"
    what = "spans" if kind == "token" else "boxes that are shown"
    same = f"all of {gap.parts:,} {what} are the same" if not gap.differing else f"{gap.differing:,} {what} differ"
    edges = f", their edges by at most {gap.pixels:.2g} pixels" if kind == "box" else ""
    return f"{same}, and their probabilities differ by at most {gap.score:.2g}{limit}{edges}"


def _share(value: float) -> str:
    """A share that is not rounded up to all."""
    return f"{np.floor(value * 1e5) / 1e3:g}%"
