"""Calibrated scores are shares of hits, and keep the order of the boxes."""

from __future__ import annotations

import numpy as np

from headstart.annotations import Boxes
from headstart.heads.boxes.calibration import UNCALIBRATED, calibrate_scores, hits_of


def pictures(count: int = 300) -> tuple[list[Boxes], list[Boxes]]:
    """One object each; detections of score s are hits with probability s²."""
    rng, truth, found = np.random.default_rng(0), [], []
    for _ in range(count):
        scores = rng.uniform(0.02, 0.98, 3)
        hit = rng.random(3) < scores**2
        truth.append(Boxes(np.array([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]]), np.zeros(3, int)))
        places = truth[-1].xyxy + np.where(hit, 0, 100)[:, None]
        found.append(Boxes(places, np.zeros(3, int), (200, 200), scores))
    return truth, found


def test_scores_become_shares_of_hits() -> None:
    truth, found = pictures()
    calibration = calibrate_scores(truth, found, 1)
    scores, hits, objects = hits_of(truth, found, 1)
    assert objects == 900
    fitted = calibration(scores)
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.0)):
        chosen = (fitted >= low) & (fitted < high)
        assert abs(fitted[chosen].mean() - hits[chosen].mean()) < 0.05
    assert (np.argsort(fitted, kind="stable") == np.argsort(scores, kind="stable")).all()


def test_the_threshold_has_the_largest_f1() -> None:
    truth, found = pictures(60)
    calibration = calibrate_scores(truth, found, 1)
    scores, hits, objects = hits_of(truth, found, 1)
    fitted = calibration(scores)

    def f1(threshold: float) -> float:
        shown = fitted >= threshold
        return float(2 * hits[shown].sum() / (shown.sum() + objects))

    assert f1(calibration.shown) >= max(f1(value) for value in np.unique(fitted)) - 1e-12


def test_without_a_hit_scores_stay() -> None:
    truth, found = pictures(4)
    far = [Boxes(one.xyxy + 500, one.labels, one.size, one.scores) for one in found]
    assert calibrate_scores(truth, far, 1) is UNCALIBRATED
    assert UNCALIBRATED.on(found[0]).scores is not None
    np.testing.assert_allclose(UNCALIBRATED.on(found[0]).scores, found[0].scores, atol=1e-6)


def test_where_all_detections_are_hits_all_are_shown() -> None:
    """The kind: no scaling could be fitted, and the threshold of 0.5 hid boxes that were right."""
    truth = [Boxes(np.array([[0, 0, 9, 9]]), np.array([0]))] * 4
    found = [
        Boxes(one.xyxy, one.labels, scores=np.array([score]))
        for one, score in zip(truth, (0.1, 0.2, 0.2, 0.3), strict=True)
    ]
    calibration = calibrate_scores(truth, found, 1)
    assert calibration.shown < 0.1
    assert calibration.slope == 1
    assert calibration.notes[0].startswith("The numbers on boxes are scores, not probabilities")


def test_where_higher_scores_are_no_better_the_threshold_is_chosen_all_the_same() -> None:
    truth = [Boxes(np.array([[0, 0, 9, 9]]), np.array([0]))] * 20
    scores = np.linspace(0.1, 0.3, 20)
    found = [
        Boxes(one.xyxy + (500 if k > 14 else 0), one.labels, scores=scores[k : k + 1]) for k, one in enumerate(truth)
    ]
    calibration = calibrate_scores(truth, found, 1)
    assert calibration.slope == 1
    assert calibration.shown < 0.1
