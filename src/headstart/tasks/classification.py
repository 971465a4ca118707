"""Classification: one label per item; probabilities by a softmax of scores that are scaled by left-out scores.

Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.naming.label_names import is_missing
from headstart.errors import DataError
from headstart.linear.calibration import fit_temperature, fit_temperatures, softmax
from headstart.tasks.codes import is_list, label_codes
from headstart.tasks.registry import Calibration, Metric
from headstart.types import Task

__all__ = ["CLASSIFICATION", "Classification", "logit_terms"]


@dataclass(frozen=True)
class Classification:
    """One label per item.

    Attributes:
        base: its own name.
        main_metric: ``"accuracy"``.

    Examples:
        >>> CLASSIFICATION.targets(np.array([1, 0]), 2)
        array([[0., 1.],
               [1., 0.]])
        >>> proba = CLASSIFICATION.outputs(np.array([[2.0, 0.0]]), {"temperature": np.array([2.0])})
        >>> proba.round(3), CLASSIFICATION.decode(proba, Task("classification", ("ant", "bee")))
        (array([[0.731, 0.269]]), ['ant'])
    """

    main_metric: str = "accuracy"
    base: str = "classification"
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    problem_type: str = "single_label_classification"
    parameters: tuple[str, ...] = ("temperature",)

    def encode(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> NDArray[Any]:
        """Codes (n,)."""
        self.check(labels, task)
        return np.array(list(label_codes(labels, task)), dtype=np.int64)

    def check(self, labels: Sequence[Any] | NDArray[Any], task: Task) -> None:  # noqa: ARG002 (one contract)
        """Raise unless each label is one name or number."""
        for label in labels:
            if is_list(label) or is_missing(label):
                raise DataError(f"A classification label must be one name or number. Got {label!r:.80} instead.")

    def targets(self, y: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
        """One-hot rows (n, classes)."""
        return np.eye(num_outputs)[np.asarray(y, dtype=np.intp)]

    def calibrate(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Calibration:
        """The temperature of least log-loss on ``scores``."""
        return {"temperature": np.array([fit_temperature(scores, np.asarray(y), sample_weight)])}

    def calibrate_each(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> list[Calibration]:
        """What ``calibrate`` gives for each of scores (L, n, classes)."""
        if type(self).calibrate is not Classification.calibrate:  # a kind of its own may calibrate otherwise
            return [self.calibrate(one, y, sample_weight) for one in scores]
        return [{"temperature": np.array([one])} for one in fit_temperatures(scores, np.asarray(y), sample_weight)]

    def outputs(self, scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
        """Probabilities (n, classes) that sum to one.

        Scores are divided by the ``temperature``; where ``factor`` and ``offset`` (C,) are given, they are then scaled
        by these (vector scaling). Where ``chance`` is given, this share of each probability is 1/C.
        """
        found = softmax(_logits(scores, calibration))
        if "chance" not in calibration:
            return found
        share = float(calibration["chance"][0])
        return np.asarray((1 - share) * found + share / found.shape[1])

    def loss(self, outputs: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Log-loss of each item, in nats."""
        chosen = outputs[np.arange(len(y)), np.asarray(y, dtype=np.intp)]
        return np.asarray(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)))

    def decode(self, outputs: NDArray[np.float64], task: Task) -> list[Any]:
        """The most probable label of each item."""
        return [task.labels[i] for i in outputs.argmax(axis=1)]


def _logits(scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
    logits = scores / calibration["temperature"][0]
    return np.asarray(logits * calibration["factor"] + calibration["offset"]) if "factor" in calibration else logits


def logit_terms(calibration: Calibration) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The factors and offsets that turn scores into the logits of calibrated probabilities, of shape () or (C,).

    Args:
        calibration: of a classification.

    Examples:
        >>> scaled = {"temperature": np.array([2.0]), "factor": np.array([1.0, 3.0]), "offset": np.array([0.1, -0.1])}
        >>> logit_terms(scaled)
        (array([0.5, 1.5]), array([ 0.1, -0.1]))
    """
    factor, offset = calibration.get("factor", np.ones(())), calibration.get("offset", np.zeros(()))
    return np.asarray(factor / calibration["temperature"][0]), np.asarray(offset)


CLASSIFICATION = Classification()
