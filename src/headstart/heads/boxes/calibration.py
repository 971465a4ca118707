"""Scores of detections as probabilities that they are hits, and the threshold from which they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from headstart.annotations import Boxes
from headstart.decode.average_precision import match_boxes
from headstart.linear.calibration import fit_platt

__all__ = ["UNCALIBRATED", "ScoreCalibration", "calibrate_scores", "hits_of"]

TINY = 1e-6
JUST_BELOW = 0.98  # the threshold that shows all detections is a little below the lowest score
OVERLAP = 0.5  # intersection over union from which a detection is a hit


@dataclass(frozen=True)
class ScoreCalibration:
    """Platt scaling of scores, and the score from which boxes are shown.

    Attributes:
        slope: of the log-odds, above 0, so that the order of the boxes stays.
        intercept: of the log-odds.
        shown: calibrated score from which boxes are shown.

    Examples:
        >>> ScoreCalibration(2.0, 0.0)(np.array([0.5, 0.8])).round(3)
        array([0.5  , 0.941])
    """

    slope: float = 1.0
    intercept: float = 0.0
    shown: float = 0.5

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores in [0, 1] as probabilities."""
        logits = self.slope * _logit(scores) + self.intercept
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))))

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence where scores could not be made probabilities; else none."""
        if (self.slope, self.intercept) != (1.0, 0.0):
            return ()
        return ("The numbers on boxes are scores, not probabilities: the pictures that choose them give no scaling",)

    def on(self, found: Boxes) -> Boxes:
        """The same boxes with calibrated scores, and the score from which they are shown."""
        return found if found.scores is None else replace(found, scores=self(found.scores), shown=self.shown)

    def to_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return {"slope": self.slope, "intercept": self.intercept, "shown": self.shown}


UNCALIBRATED = ScoreCalibration()


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(scores, TINY, 1 - TINY)
    return np.asarray(np.log(inside / (1 - inside)))


def hits_of(
    truth: Sequence[Boxes], found: Sequence[Boxes], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Scores of all detections that count, whether each is a hit, and the number of objects.

    Args:
        truth: the labelled pictures.
        found: the detected ones.
        classes: number of classes.

    Examples:
        >>> true = Boxes(np.array([[0, 0, 10, 10]]), np.array([0]))
        >>> seen = Boxes(np.array([[0, 0, 10, 9], [20, 20, 30, 30]]), np.array([0, 0]), scores=np.array([0.6, 0.9]))
        >>> hits_of([true], [seen], 1)
        (array([0.9, 0.6]), array([False,  True]), 1)
    """
    matches = match_boxes(truth, found, classes, thresholds=[OVERLAP])
    counted = [~m.ignored[0] for m in matches]
    scores = np.concatenate([m.scores[own] for m, own in zip(matches, counted, strict=True)])
    hits = np.concatenate([m.hits[0][own] for m, own in zip(matches, counted, strict=True)])
    return scores, hits, int(sum(m.objects.sum() for m in matches))


def calibrate_scores(truth: Sequence[Boxes], found: Sequence[Boxes], classes: int) -> ScoreCalibration:
    """Fit the scaling, and choose the threshold with the largest F1, on pictures that the head has not seen.

    Without hits, scores and threshold stay as they are. Where all detections are hits, or higher scores are no better,
    the scores stay, and the threshold is chosen all the same.

    Args:
        truth: the labelled pictures.
        found: what the head found in them, with its raw scores.
        classes: number of classes.

    Examples:
        >>> true = Boxes(np.array([[0, 0, 10, 10]]), np.array([0]))
        >>> seen = Boxes(np.array([[0, 0, 10, 9], [20, 20, 30, 30]]), np.array([0, 0]), scores=np.array([0.9, 0.2]))
        >>> calibrate_scores([true], [seen], 1).slope > 0
        True
    """
    scores, hits, objects = hits_of(truth, found, classes)
    if not hits.any():
        return UNCALIBRATED
    fitted = _scaling(scores, hits)
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + objects)
    best = int(np.argmax(f1))
    above = scores[order[best]]
    below = scores[order[best + 1]] if best + 1 < len(order) else JUST_BELOW * above
    shown = float(fitted(np.array([(above + below) / 2]))[0])
    return replace(fitted, shown=min(max(shown, 0.01), 0.99))


def _scaling(scores: NDArray[np.float64], hits: NDArray[np.bool_]) -> ScoreCalibration:
    """Platt scaling; none where all detections are hits, or higher scores are no better."""
    if hits.all():
        return UNCALIBRATED
    slope, intercept = fit_platt(_logit(scores), hits.astype(np.int64))
    return ScoreCalibration(float(slope), float(intercept)) if slope > 0 else UNCALIBRATED
