"""Average precision equals that of COCO's own API, also with crowds, ties, and empty pictures."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.decode.average_precision import average_precision, match_boxes


def random_set(rng: np.random.Generator) -> tuple[list[Boxes], list[Boxes], int]:
    classes, truth, found = int(rng.integers(1, 4)), [], []
    for _ in range(rng.integers(1, 6)):
        count, many = rng.integers(0, 6), rng.integers(0, 8)
        corner, sides = rng.integers(0, 30, (count, 2)), rng.integers(1, 20, (count, 2))
        true = np.concatenate([corner, corner + sides], axis=1)
        truth.append(Boxes(true, rng.integers(0, classes, count), (50, 50), ignored=rng.random(count) < 0.2))
        seen = np.zeros((0, 4))
        if count and many:
            seen = true[rng.integers(0, count, many)] + rng.integers(-3, 4, (many, 4))
            seen[:, 2:] = np.maximum(seen[:, 2:], seen[:, :2] + 1)
        scores = rng.integers(1, 8, len(seen)) / 8  # with ties
        found.append(Boxes(seen, rng.integers(0, classes, len(seen)), (50, 50), scores=scores))
    return truth, found, classes


def by_coco(truth: list[Boxes], found: list[Boxes], classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(thresholds, classes) average precision and recall; nan where a class has no objects."""
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def plain(number: int, box: np.ndarray, label: int) -> dict[str, object]:
        x, y, right, bottom = box.tolist()
        return {"image_id": number, "category_id": int(label), "bbox": [x, y, right - x, bottom - y]}

    objects = [
        {
            **plain(n, box, label),
            "id": n * 100 + k + 1,
            "iscrowd": int(crowd),
            "area": (box[2] - box[0]) * (box[3] - box[1]),
        }
        for n, one in enumerate(truth)
        for k, (box, label, crowd) in enumerate(zip(one.xyxy, one.labels, one.ignored, strict=True))
    ]
    seen = [
        {**plain(n, box, label), "score": float(score)}
        for n, one in enumerate(found)
        for box, label, score in zip(one.xyxy, one.labels, one.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        images = [{"id": n, "width": 50, "height": 50} for n in range(len(truth))]
        categories = [{"id": k, "name": str(k)} for k in range(classes)]
        coco.dataset = {"images": images, "annotations": objects, "categories": categories}
        coco.createIndex()
        detected = coco.loadRes(seen) if seen else COCO()
        if not seen:
            detected.dataset = {**coco.dataset, "annotations": []}
            detected.createIndex()
        run = COCOeval(coco, detected, "bbox")
        run.evaluate()
        run.accumulate()
    precision, recall = run.eval["precision"][:, :, :, 0, 2], run.eval["recall"][:, :, 0, 2]
    return np.where(precision[:, 0] < 0, np.nan, precision.mean(1)), np.where(recall < 0, np.nan, recall)


@pytest.mark.parametrize(("first", "last"), [(0, 20), pytest.param(20, 200, marks=pytest.mark.slow)])
def test_it_equals_pycocotools_on_random_sets(first: int, last: int) -> None:
    for seed in range(first, last):
        truth, found, classes = random_set(np.random.default_rng(seed))
        own = [average_precision(one) for one in match_boxes(truth, found, classes)]
        for wanted, made in zip(by_coco(truth, found, classes), zip(*own, strict=True), strict=True):
            np.testing.assert_allclose(np.stack(made, axis=1), wanted, atol=1e-12, err_msg=str(seed))


def test_weights_are_repeated_pictures() -> None:
    truth, found, classes = random_set(np.random.default_rng(5))
    assert len(truth) > 2
    weights = np.arange(len(truth))
    again = np.repeat(np.arange(len(truth)), weights).tolist()
    weighted = [average_precision(one, weights.astype(float)) for one in match_boxes(truth, found, classes)]
    repeated = match_boxes([truth[k] for k in again], [found[k] for k in again], classes)
    # of equal scores the order differs, and with it single precisions; without ties both are equal
    for one, other in zip(weighted, (average_precision(m) for m in repeated), strict=True):
        np.testing.assert_allclose(one[1], other[1])


def test_a_class_without_objects_has_no_value() -> None:
    seen = Boxes(np.array([[0, 0, 1, 1]]), np.zeros(1, int), scores=np.ones(1))
    [matches] = match_boxes([Boxes.empty()], [seen], 1)
    assert np.isnan(average_precision(matches)[0]).all()


def test_no_detection_has_a_precision_of_zero() -> None:
    [matches] = match_boxes([Boxes(np.array([[0, 0, 1, 1]]), np.zeros(1, int))], [Boxes.empty()], 1)
    assert average_precision(matches)[0].tolist() == [0.0] * 10
