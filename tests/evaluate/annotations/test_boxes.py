"""Metrics of boxes with their intervals, gains, and the baseline of mean boxes."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.annotations import Boxes
from headstart.evaluate.annotations.boxes import BOX_METRICS, box_gain, evaluate_boxes, frequent_boxes
from headstart.types import Task

TASK = Task("box", ("red", "blue"))


def pictures(count: int, hit: float, seed: int = 0) -> tuple[list[Boxes], list[Boxes]]:
    rng, truth, found = np.random.default_rng(seed), [], []
    for k in range(count):
        corner = rng.uniform(0, 50, (3, 2))
        boxes = np.concatenate([corner, corner + 20], axis=1)
        truth.append(Boxes(boxes, np.array([0, k % 2, 0]), (100, 100)))
        right = rng.random(3) < hit
        seen = boxes + np.where(right, rng.uniform(0, 3, 3), 60)[:, None]
        found.append(Boxes(seen, truth[-1].labels, (100, 100), rng.uniform(0.2, 1, 3)))
    return truth, found


def test_every_metric_has_an_interval_that_holds_it() -> None:
    truth, found = pictures(30, 0.7)
    evaluation = evaluate_boxes(TASK, truth, found, resamples=50)
    assert tuple(evaluation.metrics) == BOX_METRICS
    assert evaluation.main == "ap50"
    for metric in evaluation.metrics.values():
        assert 0 <= metric.low <= metric.value <= metric.high <= 1.0 + 1e-9
    assert evaluation.per_class["red"]["support"] + evaluation.per_class["blue"]["support"] == 90
    own = [evaluation.per_class[label]["ap50"].value for label in TASK.labels]  # type: ignore[union-attr]
    assert evaluation.metrics["ap50"].value == pytest.approx(np.mean(own))


def test_perfect_and_empty_detections() -> None:
    truth, _ = pictures(6, 1)
    perfect = [Boxes(one.xyxy, one.labels, one.size, np.ones(len(one))) for one in truth]
    assert evaluate_boxes(TASK, truth, perfect, resamples=5).metrics["map"].value == pytest.approx(1.0)
    nothing = evaluate_boxes(TASK, truth, [Boxes.empty()] * 6, resamples=5)
    assert nothing.metrics["ap50"].value == 0


def test_a_detector_without_mistakes_has_an_interval_with_a_width() -> None:
    """The kind: all resamples agree, and the interval said that 6 pictures prove an average precision of 1."""
    truth, _ = pictures(6, 1)
    perfect = [Boxes(one.xyxy, one.labels, one.size, np.ones(len(one))) for one in truth]
    made = evaluate_boxes(TASK, truth, perfect, resamples=5)
    rare, frequent = (made.per_class[label]["ap50"] for label in ("blue", "red"))
    assert rare.low < frequent.low < 1 == pytest.approx(frequent.high)  # type: ignore[union-attr]
    assert made.metrics["ap50"].low == pytest.approx(frequent.low)  # type: ignore[union-attr]


def test_a_class_without_objects_does_not_count() -> None:
    truth = [Boxes(np.array([[0, 0, 9, 9]]), np.array([0]))] * 4
    found = [Boxes(np.array([[0, 0, 9, 9]]), np.array([0]), scores=np.ones(1))] * 4
    evaluation = evaluate_boxes(TASK, truth, found, resamples=5)
    assert evaluation.metrics["ap50"].value == pytest.approx(1.0)
    assert np.isnan(evaluation.per_class["blue"]["ap50"].value)  # type: ignore[union-attr]


def test_a_gain_is_paired() -> None:
    truth, good = pictures(40, 0.9)
    _, bad = pictures(40, 0.2)
    gain = box_gain(TASK, truth, good, bad, name="mean boxes")
    assert gain.low > 0
    assert gain.verdict.startswith("The model is better: AP50 is")
    same = box_gain(TASK, truth, good, good, name="itself")
    assert same.value == 0
    assert same.low < 0 < same.high
    assert "unclear" in same.verdict


def test_a_gain_that_all_resamples_agree_on_has_an_interval_with_a_width() -> None:
    truth, _ = pictures(12, 1)
    perfect = [Boxes(one.xyxy, one.labels, one.size, np.ones(len(one))) for one in truth]
    gain = box_gain(TASK, truth, perfect, [Boxes.empty()] * 12, name="nothing")
    assert 0 < gain.low < gain.value == pytest.approx(1.0)
    assert f"{gain.low:.3f}" in gain.verdict


def test_a_gain_of_a_single_group_says_that_it_has_no_interval() -> None:
    truth, good = pictures(8, 0.9)
    gain = box_gain(TASK, truth, good, [Boxes.empty()] * 8, name="nothing", groups=np.zeros(8))
    assert np.isnan(gain.low)
    assert "nan" not in gain.verdict
    assert "unclear" in gain.verdict


def test_a_verdict_states_the_level_of_its_interval() -> None:
    truth, good = pictures(40, 0.9)
    assert "(60% interval" in box_gain(TASK, truth, good, pictures(40, 0.2)[1], name="head", level=0.6).verdict


def test_mean_boxes_are_the_most_frequent_ones() -> None:
    here, there = [[0, 0, 20, 20]], [[60, 60, 100, 100]]
    truth = [Boxes(np.array(here if k else there), np.array([0]), (100, 100)) for k in range(4)]
    found = frequent_boxes(truth, 2)((200, 100))
    np.testing.assert_allclose(found.xyxy, [[0, 0, 40, 20], [120, 60, 200, 100]])
    assert found.scores is not None
    assert found.scores.tolist() == [0.75, 0.25]
    assert len(frequent_boxes([Boxes.empty((9, 9))], 2)((9, 9))) == 0
