"""Metrics of masks against brute force, scikit-learn and literal counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, jaccard_score

from headstart.annotations import MaskArray
from headstart.errors import DataError
from headstart.evaluate.annotations.masks import boundary_f1, evaluate_masks, mask_gain, picture_scores
from headstart.types import Task

TASK = Task("mask", ("background", "cell", "wall"))


def masks(seed: int, count: int, *, ignored: bool = False) -> list[MaskArray]:
    rng = np.random.default_rng(seed)
    return [MaskArray(rng.integers(-1 if ignored else 0, 3, (6, 7)).astype(np.int16)) for _ in range(count)]


def test_pixels_of_all_pictures_are_counted_together_without_ignored_ones() -> None:
    truth, found = masks(0, 5, ignored=True), masks(1, 5)
    a = np.concatenate([mask.values.ravel() for mask in truth])
    b = np.concatenate([mask.values.ravel() for mask in found])
    a, b = a[a >= 0], b[a >= 0]
    evaluation = evaluate_masks(TASK, truth, found, resamples=20)
    assert evaluation.metrics["miou"].value == pytest.approx(jaccard_score(a, b, average="macro"))
    assert evaluation.metrics["dice"].value == pytest.approx(f1_score(a, b, average=None)[1:].mean())
    counts = confusion_matrix(a, b)
    for k, label in enumerate(TASK.labels):
        row = evaluation.per_class[label]
        union = counts[k].sum() + counts[:, k].sum() - counts[k, k]
        assert row["iou"].value == pytest.approx(counts[k, k] / union)  # type: ignore[union-attr]
        assert row["support"] == counts[k].sum()


def test_a_class_that_is_neither_labelled_nor_found_counts_nowhere() -> None:
    one = [MaskArray(np.array([[0, 1]], np.int16))] * 2
    evaluation = evaluate_masks(TASK, one, one, resamples=20)
    assert evaluation.metrics["miou"].value == evaluation.metrics["dice"].value == 1.0
    assert math.isnan(evaluation.per_class["wall"]["iou"].value)  # type: ignore[union-attr]


def objects(numbers: list[list[int]], codes: list[list[int]] | None = None) -> MaskArray:
    array = np.array(numbers, np.int32)
    classes = (array > 0) if codes is None else np.array(codes)
    return MaskArray(classes.astype(np.int16), array)


def test_objects_are_counted_over_all_pictures_and_averaged_over_thresholds() -> None:
    # picture 1: one object found exactly, one missed; picture 2: IoU 3/4, and a false alarm; picture 3: empty twice
    truth = [objects([[1, 1, 0, 2]]), objects([[1, 1, 1, 1, 0, 0]]), objects([[0, 0]])]
    found = [objects([[5, 5, 0, 0]]), objects([[0, 1, 1, 1, 0, 2]]), objects([[0, 0]])]
    metrics = evaluate_masks(Task("mask", ("background", "cell")), truth, found, resamples=20).metrics
    assert metrics["instance_f1"].value == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    # 0.75 is above 0.5, 0.55, ..., 0.7: five of ten thresholds, not above 0.75 itself
    assert metrics["instance_map"].value == pytest.approx((1 / 2 + (5 * 1 / 2 + 5 * 0) / 10 + 1) / 3)


def test_an_object_of_another_class_is_no_hit() -> None:
    truth = [objects([[1, 1, 0]], [[1, 1, 0]])] * 2
    found = [objects([[1, 1, 0]], [[2, 2, 0]])] * 2
    assert evaluate_masks(TASK, truth, found, resamples=20).metrics["instance_f1"].value == 0.0


def test_boundaries_within_the_tolerance_are_hits() -> None:
    region = np.zeros((12, 12), bool)
    region[3:8, 3:8] = True
    none = np.zeros_like(region)
    assert boundary_f1(region, region, none) == 1.0
    assert boundary_f1(region, np.roll(region, 2, 1), none, 2) == 1.0
    assert 0 < boundary_f1(region, np.roll(region, 2, 1), none, 1) < 1
    assert boundary_f1(region, none, none) == 0.0
    assert math.isnan(boundary_f1(none, none, none))
    assert math.isnan(boundary_f1(region, region, np.ones_like(region)))


def test_intervals_hold_the_value_and_groups_widen_them() -> None:
    truth, found = masks(0, 12), masks(1, 12)
    mixed = [t if k % 2 else f for k, (t, f) in enumerate(zip(truth, found, strict=True))]
    alone = evaluate_masks(TASK, truth, mixed, seed=3).metrics["miou"]
    assert alone.low < alone.value < alone.high
    groups = np.arange(12) % 2
    wide = evaluate_masks(TASK, truth, mixed, groups=groups, seed=3).metrics["miou"]
    assert wide.high - wide.low > alone.high - alone.low


def test_the_gain_is_paired() -> None:
    truth, found = masks(0, 12), masks(1, 12)
    assert mask_gain(TASK, truth, truth, found, name="other").low > 0
    same = mask_gain(TASK, truth, found, found, name="other")
    assert same.value == 0.0
    assert "unclear" in same.verdict


def test_a_gain_names_its_level_and_no_interval_without_width() -> None:
    truth, found = masks(0, 12), masks(1, 12)
    assert "(60% interval" in mask_gain(TASK, truth, truth, found, name="other", level=0.6).verdict
    for one in (truth, [truth[0]] * 12):
        gain = mask_gain(TASK, one, one, one, name="other")
        assert math.isnan(gain.low)
        assert "nan" not in gain.verdict
        assert "interval" not in gain.verdict


def test_the_worst_pictures_come_first() -> None:
    truth, found = masks(0, 3), masks(1, 3)
    scores = picture_scores(TASK, truth, [found[0], truth[1], found[2]])
    assert int(np.argmax(scores)) == 1


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(DataError, match="equal sizes"):
        evaluate_masks(TASK, [MaskArray(np.zeros((2, 2), np.int16))], [MaskArray(np.zeros((2, 3), np.int16))])
