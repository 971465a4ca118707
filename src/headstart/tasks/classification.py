"""Classification: one label an item; probabilities by a softmax at a temperature fitted on left-out scores.

Reference: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.linear.calibration import fit_temperature, softmax
from headstart.tasks.registry import Calibration
from headstart.types import Task

__all__ = ["CLASSIFICATION", "Classification"]


@dataclass(frozen=True)
class Classification:
    """One label an item.

    Attributes:
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

    def targets(self, y: NDArray[Any], num_outputs: int) -> NDArray[np.float64]:
        """One-hot rows (n, classes)."""
        return np.eye(num_outputs)[np.asarray(y, dtype=np.intp)]

    def calibrate(
        self, scores: NDArray[np.float64], y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Calibration:
        """The temperature of least log-loss."""
        return {"temperature": np.array([fit_temperature(scores, np.asarray(y), sample_weight)])}

    def outputs(self, scores: NDArray[np.float64], calibration: Calibration) -> NDArray[np.float64]:
        """Probabilities (n, classes) that sum to one."""
        return softmax(scores / calibration["temperature"][0])

    def loss(self, outputs: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
        """Log-loss of each item, in nats."""
        chosen = outputs[np.arange(len(y)), np.asarray(y, dtype=np.intp)]
        return np.asarray(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)))

    def decode(self, outputs: NDArray[np.float64], task: Task) -> list[Any]:
        """The likeliest label of each item."""
        return [task.labels[i] for i in outputs.argmax(axis=1)]


CLASSIFICATION = Classification()
