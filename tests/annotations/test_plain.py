"""Annotations as plain JSON values."""

import json

import numpy as np

from headstart.annotations import Boxes, MaskArray, Sentence, Span, plain_annotation, run_lengths


def test_spans_in_characters_of_the_text() -> None:
    sentence = Sentence(("Ada", "of", "Rome"), "Ada  of Rome", ((0, 3), (5, 7), (8, 12)))
    plain = plain_annotation(sentence, (Span(2, 3, "LOC", 0.51234),), ("LOC",))
    assert plain == {
        "text": "Ada  of Rome",
        "entities": [{"start": 8, "end": 12, "label": "LOC", "text": "Rome", "score": 0.5123}],
    }


def test_boxes_with_names_of_sides() -> None:
    boxes = Boxes(np.array([[1.005, 2, 30, 40]]), np.array([1]), (64, 48), np.array([0.87654321]))
    plain = plain_annotation(None, boxes, ("cup", "plate"))
    assert plain == {
        "size": [64, 48],
        "boxes": [{"label": "plate", "left": 1.0, "top": 2.0, "right": 30.0, "bottom": 40.0, "score": 0.8765}],
    }
    assert json.loads(json.dumps(plain)) == plain


def test_masks_as_shares_and_runs() -> None:
    mask = MaskArray(np.array([[0, 1], [1, 1]], np.int16), np.array([[0, 1], [2, 1]], np.int32))
    plain = plain_annotation(None, mask, ("background", "cell"))
    assert plain == {
        "size": [2, 2],
        "classes": {"background": {"share": 0.25}, "cell": {"share": 0.75, "counts": [1, 3]}},
        "objects": 2,
    }


def test_run_lengths_cover_every_pixel_column_by_column() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        mask = rng.random(rng.integers(1, 9, 2)) < rng.random()
        lengths = run_lengths(mask)
        again = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(mask.shape, order="F")
        assert np.array_equal(again, mask)
