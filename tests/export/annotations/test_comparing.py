"""How far two sets of annotations are from each other."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import Boxes, MaskArray, Span
from headstart.errors import ParityError
from headstart.export.annotations.comparing import AnnotationParity, annotation_gap

BOXES = Boxes(np.array([[0, 0, 10, 10], [20, 20, 40, 40]]), np.array([0, 1]), (50, 50), np.array([0.9, 0.5]), shown=0.5)


def as_found(boxes, scores=None, labels=None):
    own = BOXES.scores if scores is None else np.array(scores)
    return {"boxes": boxes, "labels": BOXES.labels if labels is None else np.array(labels), "scores": own}


def judged(kind, gap):
    return AnnotationParity(kind, 1, "items given", gap, gap, 0.01, {}, 0.1)


@pytest.mark.parametrize(
    ("found", "differing"),
    [
        (as_found(BOXES.xyxy + 1e-4), 0),
        (as_found(BOXES.xyxy + 1.0), 2),  # missing and new; the second is a tie
        (as_found(BOXES.xyxy, labels=[1, 1]), 2),
        (as_found(BOXES.xyxy, scores=[0.2, 0.5]), 1),
        (as_found(BOXES.xyxy, scores=[0.9, 0.4995]), 0),
        ({"boxes": np.empty((0, 4)), "labels": np.empty(0, int), "scores": np.empty(0)}, 1),
    ],
)  # fmt: skip
def test_boxes_that_are_shown_need_a_partner(found, differing):
    gap = annotation_gap([BOXES], [found], ["cup", "plate"])
    assert gap.differing == differing
    assert judged("box", gap).allowed is (differing == 0)


def test_boxes_that_are_not_shown_do_not_count():
    gap = annotation_gap([BOXES], [as_found(np.array([[0, 0, 10, 10], [1, 1, 2, 2]]), scores=[0.9, 0.1])], ["a", "b"])
    assert gap.differing == 0


def test_a_probability_beyond_the_tolerance_is_refused():
    found = judged("box", annotation_gap([BOXES], [as_found(BOXES.xyxy, scores=[0.88, 0.5])], ["a", "b"]))
    with pytest.raises(ParityError, match=r"all of 2 boxes that are shown are the same, and .* at most 0.02"):
        found.check("onnx")


def test_spans_are_the_same_with_bounds_and_type():
    spans = (Span(0, 2, "PER", 0.9), Span(3, 4, "LOC", 0.8))
    same = {"spans": np.array([[0, 2, 1], [3, 4, 0]]), "scores": np.array([0.9, 0.79])}
    gap = annotation_gap([spans], [same], ["LOC", "PER"])
    assert (gap.parts, gap.differing, round(gap.score, 3)) == (2, 0, 0.01)
    other = {"spans": np.array([[0, 2, 0]]), "scores": np.array([0.9])}
    assert annotation_gap([spans], [other], ["LOC", "PER"]).differing == 3
    assert annotation_gap([()], [{"spans": np.empty((0, 3)), "scores": np.empty(0)}], ["LOC"]).differing == 0


def test_pixels_and_objects_of_masks():
    objects = np.zeros((40, 50), np.int32)
    objects[2:12, 2:12], objects[20:30, 20:30] = 1, 2
    codes = (objects > 0).astype(np.int16)
    renumbered = np.where(objects == 1, 2, np.where(objects == 2, 1, 0))
    same = annotation_gap([MaskArray(codes, objects)], [{"classes": codes, "objects": renumbered}], ["b", "cell"])
    assert (same.least, same.objects) == (1, (2, 0))
    assert judged("mask", same).allowed
    one = np.minimum(objects, 1)
    merged = annotation_gap([MaskArray(codes, objects)], [{"classes": codes, "objects": one}], ["b", "cell"])
    assert merged.objects == (2, 2)
    assert not judged("mask", merged).allowed
    wrong = codes.copy()
    wrong[0, :3] = 1  # 3 of 2,000 pixels
    other = judged("mask", annotation_gap([MaskArray(codes)], [{"classes": wrong}], ["b", "cell"]))
    assert not other.allowed
    assert "at least 99.85% of the pixels agree (99.9% are needed)" in other.sentence


def test_answers_of_another_kind_are_one_sentence():
    with pytest.raises(ParityError, match=r"a mask of the shape \(2, 2\)"):
        annotation_gap([MaskArray(np.zeros((3, 3), np.int16))], [{"classes": np.zeros((2, 2))}], ["b"])
    with pytest.raises(ParityError, match="for 0 items"):
        annotation_gap([BOXES], [], ["b"])
