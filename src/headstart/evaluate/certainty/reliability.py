"""Reliability of probabilities: bins of equal size, and the calibration error without the bias of few items.

References: DeGroot & Fienberg, "The Comparison and Evaluation of Forecasters", The Statistician 1983; Kumar, Liang and
Ma, "Verified Uncertainty Calibration", NeurIPS 2019 (debiased estimate); Roelofs et al., "Mitigating Bias in
Calibration Error Estimation", AISTATS 2022 (bins of equal mass).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.evaluate.coverage import CoveragePart
from headstart.evaluate.diagrams import reliability_bins
from headstart.linear.calibration import softmax
from headstart.tasks import is_classification

__all__ = ["calibration_error", "reliability_block"]

Array = NDArray[np.float64]

BINS = 15


def calibration_error(sure: Array, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Root mean squared gap between confidence and accuracy over bins of equal size, debiased; smaller is better.

    Each bin's squared gap exceeds the true one by the variance of its accuracy, a (1 - a) / (n - 1), which is
    subtracted; a sum below 0 counts as 0.

    Reference: Kumar, Liang & Ma, "Verified Uncertainty Calibration", NeurIPS 2019.

    Args:
        sure: (n,) probabilities of the answers.
        right: (n,) whether each answer is right.
        bins: the largest number of bins, of at least two items each; default 15.

    Examples:
        >>> calibration_error(np.full(100, 0.9), np.arange(100) < 90)
        0.0
        >>> round(calibration_error(np.full(100, 0.99), np.arange(100) < 90), 4)
        0.0848
    """
    found = reliability_bins(sure, right, max(1, min(bins, len(sure) // 2)))
    total = 0.0
    for one in found:
        share, many = one["share"], one["count"]
        noise = share * (1 - share) / (many - 1) if many > 1 else 0.0
        total += many / len(sure) * ((one["confidence"] - share) ** 2 - noise)
    return float(np.sqrt(max(total, 0.0)))


def reliability_block(parts: Sequence[CoveragePart]) -> dict[str, Any]:
    """Bins of held-out probabilities, and the calibration error before and after the calibration.

    Args:
        parts: evaluated items of each fit.

    Returns:
        Plain JSON values: ``bins``, ``before`` (bins of the softmax of the scores as they are), ``error`` and
        ``error_before``, the top-label calibration errors after and before; where a fit took another calibration than
        the temperature, ``error_temperature`` is that of the temperature alone. Empty unless items have one label each.

    Examples:
        >>> reliability_block([])
        {}
    """
    parts = [part for part in parts if len(part.y)]
    if not parts or not is_classification(parts[0].predictor.task):
        return {}
    y = np.concatenate([part.y for part in parts])
    after = np.concatenate([part.outputs for part in parts])
    before = np.concatenate([_uncalibrated(part) for part in parts])
    found: dict[str, Any] = {}
    for bins, error, outputs in (("bins", "error", after), ("before", "error_before", before)):
        sure, right = outputs.max(axis=1), outputs.argmax(axis=1) == y
        found |= {bins: reliability_bins(sure, right), error: calibration_error(sure, right)}
    if any("factor" in part.predictor.head.calibration for part in parts):
        tempered = np.concatenate([_tempered(part) for part in parts])
        found["error_temperature"] = calibration_error(tempered.max(axis=1), tempered.argmax(axis=1) == y)
    return found


def _uncalibrated(part: CoveragePart) -> Array:
    """The softmax of the scores as they are."""
    scores = _scores(part)
    return part.outputs if scores is None else softmax(scores)


def _scores(part: CoveragePart) -> Array | None:
    """The scores of the items; those of a temperature T are T ln p up to a constant for each item."""
    head = part.predictor.head
    if part.scores is not None or part.rows is not None:
        return part.scores if part.rows is None else head.scores(part.rows)
    if "factor" in head.calibration or "temperature" not in head.calibration:
        return None
    return np.asarray(np.log(np.maximum(part.outputs, 1e-300)) * head.calibration["temperature"][0])


def _tempered(part: CoveragePart) -> Array:
    """The softmax of the scores divided by the temperature alone."""
    scores, calibration = _scores(part), part.predictor.head.calibration
    if scores is None or "factor" not in calibration:
        return part.outputs
    return softmax(scores / calibration["temperature"][0])
