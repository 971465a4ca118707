"""Multi-label classification: any number of labels per item; probabilities by Platt scaling of each label.

Reference: Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Lin, Lin & Weng, 2007.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.errors import DataError
from headstart.linear.calibration import fit_platt
from headstart.tasks.codes import is_list, label_codes
from headstart.tasks.registry import Calibration, Metric
from headstart.types import Task

__all__ = ["MULTILABEL", "Multilabel"]


@dataclass(frozen=True)
class Multilabel:
    """Any number of labels per item.

    Attributes:
        base: its own name.
        main_metric: ``"average_precision"``, the mean over labels (mAP), which needs no threshold.

    Examples:
        >>> fitted = {"slope": np.array([4.0, 4.0]), "intercept": np.array([-2.0, -2.0])}
        >>> proba = MULTILABEL.outputs(np.array([[1.0, 0.0]]), fitted)
        >>> proba.round(3), MULTILABEL.decode(proba, Task("multilabel", ("beach", "sunset")))
        (array([[0.881, 0.119]]), [['beach']])
    """

    main_metric: str = "average_precision"
    base: str = "multilabel"
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    problem_type: str = "multi_label_classification"
    parameters: tuple[str, ...] = ("slope", "intercept")

    def encode(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> NDArray[Any]:
        """0/1 (n, labels)."""
        self.check(labels, task)
        y = np.zeros((len(labels), task.num_outputs))
        for row, names in enumerate(labels):
            y[row, list(label_codes(names, task))] = 1.0
        return y

    def check(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> None:  # noqa: ARG002 (one contract)
        """Raise unless each label is a list of labels."""
        for label in labels:
            if not is_list(label):
                raise DataError(f"A multilabel label must be a list of labels. Got {label!r:.80} instead.")

    def targets(self, y: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:  # noqa: ARG002 (one contract for all)
        """The 0/1 matrix (n, labels) itself."""
        return np.asarray(y, dtype=np.float64)

    def calibrate(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Calibration:
        """A slope and an intercept for each label; a label whose fitted slope is not positive gets its base rate.

        Left-out scores of an uninformative head are anti-correlated with the labels: leaving out a positive item lowers
        the mean that it predicts. A negative slope would turn this artefact into confident probabilities.
        """
        fitted = np.array([_rising(scores[:, j], y[:, j], sample_weight) for j in range(scores.shape[1])])
        return {"slope": fitted[:, 0], "intercept": fitted[:, 1]}

    def outputs(self, scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
        """Probabilities (n, labels), one independent of the other."""
        from scipy.special import expit

        return np.asarray(expit(scores * calibration["slope"] + calibration["intercept"]))

    def loss(self, outputs: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Log-loss of each item, averaged over labels, in nats."""
        tiny = np.finfo(np.float64).tiny
        hit = np.where(np.asarray(y) > 0.5, outputs, 1 - outputs)
        return np.asarray(-np.log(np.maximum(hit, tiny)).mean(axis=1))

    def decode(self, outputs: NDArray[np.float64], task: Task) -> list[Any]:
        """The labels at probability one half or more."""
        return [[task.labels[j] for j in np.flatnonzero(row >= 0.5)] for row in outputs]


def _rising(
    scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None
) -> tuple[float, float]:
    slope, intercept = fit_platt(scores, y, sample_weight)
    if slope > 0:
        return slope, intercept
    rate = (np.sum(y) + 1) / (len(y) + 2)  # Laplace's rule, so that it is neither 0 nor 1
    return 0.0, float(np.log(rate / (1 - rate)))


MULTILABEL = Multilabel()
